"""The make-up of people, as segments: each slice of a chart is a filter document, its number their count.

Everybody is meant that the page *People* calls everybody: neither erased nor merged away; staff and people
with a suspended account are among them. So a slice opens exactly the people that it counts. Days are those
of the school's calendar, today included, so that a number stands until facts move or the day ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from crm_plugin.kernel.bands import read_bands
from crm_plugin.kernel.settings import Settings
from crm_plugin.segments.language.documents import Document, all_of, any_of, rows, rule

RECENT = 30
"""Days that *new* and *active* people look back, today included."""
LEARNING = ("active", "suspended")
"""States of a seat that somebody learns in now, as in the stage *learners*."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the people.

    :param kind: how it is named: ``within ago older never`` (days), ``number amount`` or ``progress``, else
        its own name.
    :param low: where its band begins.
    :param high: where the next band begins; None = it is the last.
    """

    kind: str
    tree: Document
    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """People by one fact; no two slices share anybody.

    :param needs: what the school must provide, as conditions name it; else there is no such chart.
    :param money: it says what people paid.
    :param related: its slices ask for related rows, and are counted apart.
    """

    key: str
    slices: tuple[Slice, ...]
    needs: tuple[str, ...] = ()
    money: bool = False
    related: bool = False


CLOSES = "orders.closes_at"
"""What the school must say for the orders that close today."""
_ORDERS, _ACTIVE, _LEVEL = ("orders",), "persons.last_active_at|signals", "persons.member_level"
_PROGRESS = ("enrolments.progress", "enrolments.completed_at")


def charts(settings: Settings, today: date) -> tuple[Chart, ...]:
    """Return the make-up of people on a day of the school."""
    days = read_bands(settings.home_days)
    members = (rule("is_member", "=", True),)
    return (
        Chart("sign_in", tuple(_by_day("last_login_at", days, today)), ("persons.last_login_at",)),
        Chart("purchases", tuple(_by_number(read_bands(settings.home_purchases))), _ORDERS),
        Chart("spend", tuple(_by_amount(read_bands(settings.home_spend))), _ORDERS, money=True),
        Chart("activity", tuple(_by_day("last_active_at", days, today, members)), (_ACTIVE, _LEVEL)),
        Chart("completion", tuple(_by_progress(read_bands(settings.home_progress))), _PROGRESS, related=True),
    )


def key_figures(today: date) -> tuple[Chart, ...]:
    """Return the numbers of the whole school; each stands for itself."""
    since = (today - timedelta(days=RECENT - 1)).isoformat()
    return (
        _figure("everybody"),
        _figure("registered", rule("registered_at", ">=", since), needs=("persons.registered_at",)),
        _figure("active", rule("last_active_at", ">=", since), needs=(_ACTIVE,)),
        _figure("bought", rule("paid_count", ">=", 1), needs=_ORDERS),
        _figure("unpaid", rule("unpaid_count", ">=", 1), needs=_ORDERS),
        _figure("payers", rule("last_paid_at", ">=", since), needs=_ORDERS),
        Chart("closing", (closing(today),), (CLOSES,), related=True),
    )


def _figure(key: str, *rules: Document, needs: tuple[str, ...] = ()) -> Chart:
    return Chart(key, (Slice(key, all_of(*rules)),), needs)


def closing(today: date) -> Slice:
    """Return the people with an unpaid order that the school closes today."""
    ends = rule("closes_at", "=", today.isoformat())
    return Slice("closing", all_of(rows("orders", rule("state", "=", "pending"), ends)))


def _by_day(
    field: str, limits: Sequence[int], today: date, among: tuple[Document, ...] = ()
) -> Iterator[Slice]:
    first = [(today - timedelta(days=limit - 1)).isoformat() for limit in limits]
    yield Slice("within", all_of(*among, rule(field, ">=", first[0])), 0, limits[0])
    for (low, high), (until, since) in zip(pairwise(limits), pairwise(first), strict=True):
        inside = (rule(field, ">=", since), rule(field, "<", until))
        yield Slice("ago", all_of(*among, *inside), low, high)
    yield Slice("older", all_of(*among, rule(field, "<", first[-1])), limits[-1])
    yield Slice("never", all_of(*among, rule(field, "null")))


def _by_number(limits: Sequence[int]) -> Iterator[Slice]:
    yield Slice("number", all_of(rule("paid_count", "<", limits[0])), 0, limits[0])
    yield from _bands("number", "paid_count", limits)


def _by_amount(limits: Sequence[int]) -> Iterator[Slice]:
    yield Slice("nothing", all_of(rule("paid_total", "<=", 0)))
    below = (rule("paid_total", ">", 0), rule("paid_total", "<", limits[0]))
    yield Slice("amount", all_of(*below), 0, limits[0])
    yield from _bands("amount", "paid_total", limits)


def _bands(kind: str, field: str, limits: Sequence[int]) -> Iterator[Slice]:
    for low, high in pairwise(limits):
        inside: tuple[Document, ...] = (rule(field, ">=", low), rule(field, "<", high))
        if kind == "number" and high == low + 1:
            inside = (rule(field, "=", low),)
        yield Slice(kind, all_of(*inside), low, high)
    yield Slice(kind, all_of(rule(field, ">=", limits[-1])), limits[-1])


def _by_progress(percents: Sequence[int]) -> Iterator[Slice]:
    """Return people with a learner's seat by the course that they are furthest in."""
    finished = any_of(rule("progress", ">=", 1), rule("completed_at", "notNull"))
    limits = [rule("progress", ">=", percent / 100) for percent in percents]
    begun, undone = rule("progress", ">", 0), _seat(finished, mode="none")
    yield Slice("not_begun", all_of(_seat(), _seat(begun, mode="none"), undone))
    yield Slice("progress", all_of(_seat(begun), _seat(limits[0], mode="none"), undone), 0, percents[0])
    for (low, high), (here, next_) in zip(pairwise(percents), pairwise(limits), strict=True):
        yield Slice("progress", all_of(_seat(here), _seat(next_, mode="none"), undone), low, high)
    yield Slice("progress", all_of(_seat(limits[-1]), undone), percents[-1], 100)
    yield Slice("finished", all_of(_seat(finished)))


def _seat(*more: Document, mode: str = "some") -> Document:
    seats = (rule("role", "=", "learner"), rule("state", "in", list(LEARNING)))
    return rows("enrolments", *seats, *more, mode=mode)
