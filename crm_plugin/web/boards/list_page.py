"""Courses and Classes: each with its people by stage, its money and its trend, as the figures are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.boards import queries, service
from crm_plugin.boards.queries import FiguresRow, MoneyRow, Worth
from crm_plugin.boards.stages.stage_trees import STAGES
from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.profiles.store.host_info_cache import own_currency
from crm_plugin.web.boards.list_state import PAGE, ListState
from crm_plugin.web.listing.export_file import TYPES, table_file
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

WIDTH, HEIGHT = 80, 22
"""Of a trend, in its own units."""
MONEY = ("revenue", "offsite_revenue", "developable", "at_risk")
COLUMNS = ("title", *STAGES, "completion", *MONEY, "trend")


@dataclass(frozen=True)
class Column:
    """The heading of a column; ``href`` sorts by it."""

    name: str
    label: str
    meaning: str
    sort: str
    href: str
    right: bool


@ROUTES.page("/courses")
def courses() -> ResponseReturnValue:
    """Show courses with their figures."""
    return _page("courses", say("Courses"))


@ROUTES.page("/classes")
def classes() -> ResponseReturnValue:
    """Show classes with their figures."""
    return _page("classes", say("Classes"))


def _page(list: str, title: str) -> ResponseReturnValue:
    place = ListState.read(list, request.args)
    wanted = place.wanted
    found = queries.listing(crm(), actor(), wanted)
    following = wanted.offset + PAGE
    return render(
        "boards/list.html",
        title=title,
        active=list,
        place=place,
        found=found,
        columns=[_column(place, name) for name in COLUMNS if name not in MONEY or actor().may("crm.money")],
        stages=STAGES,
        people=lambda row, stage: url_for("crm.board", course=row.host_id, stage=stage),
        trend=drawn,
        worth=_worth,
        own=lambda row: own_first(row.money or []),
        labels={kind: queries.labels(crm(), actor(), list, kind) for kind in ("category", "tag")},
        states=queries.STATES,
        next=place.address(offset=following) if following < found.total else "",
        first=place.address() if wanted.offset else "",
    )


def _column(place: ListState, name: str) -> Column:
    meaning = word("figure_meaning", name) if name != "title" else ""
    href = place.sorted_by(name) if name in queries.SORTS else ""
    right = name not in ("title", "trend")
    return Column(name, word("figure", name), meaning, place.direction(name), href, right)


def _worth(worth: Worth | None) -> str:
    """Return what a course may still bring: an estimate, in whole units of its currency."""
    return formatting.whole_money(worth.amount, worth.currency) if worth else "–"


def own_first(money: Sequence[MoneyRow]) -> list[MoneyRow]:
    """Return money by currency, the school's own first."""
    own = own_currency(crm())
    return sorted(money, key=lambda one: (one.currency != own, one.currency))


def drawn(values: Sequence[int]) -> dict[str, str]:
    """Return a trend as a line, and as words."""
    top, step = max([*values, 1]), WIDTH / max(len(values) - 1, 1)
    points = (
        f"{place * step:.1f} {HEIGHT - 2 - value / top * (HEIGHT - 4):.1f}"
        for place, value in enumerate(values)
    )
    spoken = say("New seats a week: %(numbers)s", numbers=", ".join(map(formatting.number, values)))
    return {"line": "M" + "L".join(points), "spoken": spoken}


@ROUTES.page("/courses/export", "crm.export", post=True)
def courses_export() -> ResponseReturnValue:
    """Answer with the list that the form names, as a file."""
    list, format = request.form.get("list", ""), request.form.get("format", "csv")
    for name, value, known in (("list", list, queries.KINDS), ("format", format, TYPES)):
        if value not in known:
            raise BadInput("input.bad", name, reason=one_of(tuple(known)))
    rows = service.export(crm(), actor(), ListState.read(list, request.form).whole(), format)
    return table_file(_heading(), _cells(rows), format, list)


_NUMBERS = (*queries.PEOPLE, "finished")


def _heading() -> list[str]:
    names = [word("figure", name) for name in queries.PEOPLE]
    heading = [say("Number"), say("Title"), say("State"), say("Category"), *names, say("Completed")]
    if actor().may("crm.money"):
        figures = ("revenue", "refunded", "offsite_revenue", "at_risk")
        heading += [say("Currency"), *(word("figure", name) for name in figures), say("Orders")]
        heading += [say("Off-site orders"), word("figure", "developable")]
    return [*heading, word("figure_meaning", "trend"), say("As of")]


def _cells(rows: Sequence[FiguresRow]) -> Iterator[list[Any]]:
    """Yield a line for a course, and one more for each further currency of its money."""
    here = formatting.zone()
    for row in rows:
        named = [row.host_id, row.title, word("course_state", row.state), " / ".join(row.categories)]
        people = [getattr(row, name) for name in _NUMBERS]
        as_of = row.as_of and row.as_of.astimezone(here).replace(tzinfo=None, microsecond=0)
        ends = [" ".join(map(str, row.trend or [])), as_of]
        if row.money is None:
            yield [*named, *people, *ends]
            continue
        every: list[MoneyRow | None] = [*own_first(row.money)]
        for money in every or [None]:
            yield [*named, *people, *_amounts(row, money), *ends]


def _amounts(row: FiguresRow, money: MoneyRow | None) -> list[Any]:
    worth = row.developable
    if money is None:
        amounts: list[Any] = [worth.currency if worth else "", *[None] * 6]
        return [*amounts, worth.amount if worth else None]
    same = worth.amount if worth and worth.currency == money.currency else None
    figures = (money.revenue, money.refunded, money.offsite_revenue, money.at_risk)
    return [money.currency, *figures, money.orders, money.offsite_orders, same]
