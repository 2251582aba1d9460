"""Checks what a host hands over, row by row, before anything is stored.

A bad row is quarantined with its reason and the rest of its page is taken. The limits are those of
the columns that the rows go to (:mod:`crm_plugin.profiles.models.school`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from crm_plugin.host import page_checks
from crm_plugin.host import records as r
from crm_plugin.host.answer_checks import ID_LENGTH, id_problem, text_problem
from crm_plugin.host.page_checks import Column

TEXT_LENGTH = 65_535
COLUMN_LENGTH = 255
MONEY_LIMIT = Decimal(10) ** 14
"""Money is stored in 64 bits, in 1/10,000 of the major unit."""


@dataclass(slots=True)
class Bad:
    """A row that broke the contract; ``id`` is storable even where the row's own is not."""

    id: str
    reason: str


Check = Callable[[Any], str | None]
"""Returns what is wrong with a value, or None."""


def check_rows(stream: str, rows: Sequence[Any]) -> tuple[list[Any], list[Bad]]:
    """Split rows of a stream into good ones and bad ones with reasons.

    :raises TypeError: a row is not of the stream's class: the host does not speak this contract.
    """
    expected, checks = r.RECORDS[stream], _CHECKS[stream]
    if _all_good(stream, rows):
        return list(rows), []
    good: list[Any] = []
    bad: list[Bad] = []
    seen: set[str] = set()
    for row in rows:
        if type(row) is not expected:
            raise TypeError(f"a {type(row).__name__} where a {expected.__name__} belongs")
        reason = _wrong(row, checks) or _inconsistent(row)
        if reason is None and row.id in seen:
            reason = "id: occurs twice on one page"
        if reason is None:
            seen.add(row.id)
            good.append(row)
        else:
            bad.append(Bad(shown_id(row.id), reason))
    return good, bad


def _all_good(stream: str, rows: Sequence[Any]) -> bool:
    """Return whether a page is certainly good: its columns are, its ids differ, its rows are consistent."""
    try:
        fine = page_checks.records(r.RECORDS[stream], _COLUMNS[stream])(list(rows))
        if not fine or len({row.id for row in rows}) != len(rows):
            return False
        return stream not in ("courses", "persons") or not any(map(_inconsistent, rows))
    except Exception:
        # A value that cannot even be compared: its row will be found and set aside.
        return False


def shown_id(id: Any) -> str:
    """Return an id as it can be stored; what is no id is written in ASCII and cut."""
    return id if id_problem(id) is None else ascii(id)[:ID_LENGTH]


def _wrong(row: Any, checks: Sequence[tuple[str, Check]]) -> str | None:
    for name, check in checks:
        reason = check(getattr(row, name))
        if reason is not None:
            return f"{name}: {reason}"
    return None


def _inconsistent(row: Any) -> str | None:
    if isinstance(row, r.Course):
        if row.price is not None and row.currency is None:
            return "currency: missing beside a price"
        return "parent_id: is the course itself" if row.parent_id == row.id else None
    if isinstance(row, r.Person) and row.merged_into == row.id:
        return "merged_into: is the person itself"
    return None


def _text(limit: int = TEXT_LENGTH) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return f"a {type(value).__name__}, not text"
        return text_problem(value, limit)

    return _with(check, page_checks.text(limit))


def _with(check: Check, column: Column) -> Check:
    _WHOLE[check] = column
    return check


def _column(check: Check) -> Column:
    return _WHOLE.get(check) or page_checks.one_by_one(check)


def _optional(check: Check) -> Check:
    return _with(lambda value: None if value is None else check(value), page_checks.optional(_column(check)))


def _one_of(*known: str) -> Check:
    members = frozenset(known)
    reason = f"not one of {', '.join(known)}"
    check: Check = lambda value: None if isinstance(value, str) and value in members else reason  # noqa: E731
    return _with(check, page_checks.one_of(*known))


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "neither true nor false"


def _instant(value: Any) -> str | None:
    if not isinstance(value, datetime):
        return f"a {type(value).__name__}, not a datetime"
    if value.tzinfo is not UTC and value.utcoffset() != timedelta(0):
        return "not an aware time in UTC"
    return None if value.year >= 1000 else "before the year 1000"


def _day(value: Any) -> str | None:
    if not isinstance(value, date) or isinstance(value, datetime):
        return f"a {type(value).__name__}, not a date"
    return None if value.year >= 1000 else "before the year 1000"


def _whole(least: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "not a whole number"
        return None if least <= value < 2**31 else "out of range"

    return check


def _money(value: Any) -> str | None:
    """Any Decimal that is stored exactly."""
    if not isinstance(value, Decimal):
        return f"a {type(value).__name__}, not a Decimal"
    if not value.is_finite() or abs(value) >= MONEY_LIMIT:
        return "out of range"
    return None if value == round(value, 4) else "more than 4 decimal places"


def _amount(value: Any) -> str | None:
    return _money(value) or ("negative" if value < 0 else None)


def _currency(value: Any) -> str | None:
    ok = (
        isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper() and value.isalpha()
    )
    return None if ok else "not a currency code of three capitals"


def _fraction(value: Any) -> str | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if number and 0 <= value <= 1 else "not a number from 0 to 1"


def _each(check: Check) -> Check:
    def check_all(value: Any) -> str | None:
        if not isinstance(value, (list, tuple)):
            return f"a {type(value).__name__}, not a list or tuple"
        return next((reason for item in value if (reason := check(item))), None)

    return _with(check_all, page_checks.each(_column(check)))


def _record(cls: type[Any], *checks: tuple[str, Check]) -> Check:
    def check(value: Any) -> str | None:
        if type(value) is not cls:
            return f"a {type(value).__name__} where a {cls.__name__} belongs"
        return _wrong(value, checks)

    return _with(check, page_checks.records(cls, _columns_of(checks)))


def _columns_of(checks: Sequence[tuple[str, Check]]) -> list[tuple[str, Column]]:
    return [(name, _column(check)) for name, check in checks]


def _attributes(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return f"a {type(value).__name__}, not a mapping"
    for name, item in value.items():
        reason = _NAME(name)
        if reason is None and item is not None and not isinstance(item, (bool, int)):
            reason = _TEXT(item)
        if reason is not None:
            return f"{name!a}: {reason}"
    return None


_WHOLE: dict[Check, Column] = {
    _flag: page_checks.flags,
    _instant: page_checks.instants,
    _day: page_checks.days,
    id_problem: page_checks.text(ID_LENGTH, empty=False),
    _money: page_checks.distinct(Decimal, _money),
    _amount: page_checks.distinct(Decimal, _amount),
    _currency: page_checks.distinct(str, _currency),
}
"""Check → the same for a whole column; the functions that make checks add theirs."""

_TEXT = _text()
_NAME = _text(64)
_COLUMN = _optional(_text(COLUMN_LENGTH))
_WORDS = _each(_text(ID_LENGTH))
_TIME = _optional(_instant)
_SHORT_IDS = _each(id_problem)
_REF = _optional(id_problem)

_CONSENT = _record(
    r.Consent,
    ("channel", _one_of("email", "sms", "message")),
    ("granted", _flag),
    ("purpose", _text(16)),
    ("at", _TIME),
    ("source", _TEXT),
)
_LINE = _record(
    r.OrderLine,
    ("kind", _one_of("course", "class", "membership", "other")),
    ("item_id", _REF),
    ("amount", _money),
    ("refunded", _money),
)


def _times(*names: str) -> tuple[tuple[str, Check], ...]:
    return tuple((name, _TIME) for name in names)


def _all(check: Check, *names: str) -> tuple[tuple[str, Check], ...]:
    return tuple((name, check) for name in names)


_CHECKS: dict[str, tuple[tuple[str, Check], ...]] = {
    "persons": (
        ("id", id_problem),
        ("status", _one_of("active", "suspended", "unconfirmed", "erased")),
        ("display_name", _TEXT),
        *_all(_optional(_TEXT), "real_name", "username", "email", "phone", "city", "company"),
        *_all(_optional(_flag), "email_verified", "email_stopped", "phone_verified"),
        *_all(_COLUMN, "gender", "locale", "country", "member_level"),
        ("timezone", _optional(_NAME)),
        ("birthday", _optional(_day)),
        *_times("registered_at", "last_login_at", "last_active_at", "member_since", "member_until"),
        ("member_rank", _optional(_whole(-(2**31)))),
        ("roles", _each(_one_of("learner", "teacher", "staff", "admin"))),
        ("tags", _WORDS),
        ("consents", _each(_CONSENT)),
        ("attributes", _attributes),
        ("merged_into", _REF),
    ),
    "courses": (
        ("id", id_problem),
        ("title", _TEXT),
        ("parent_id", _REF),
        ("kind", _one_of("course", "class", "open")),
        *_all(_WORDS, "category", "tags"),
        ("status", _one_of("draft", "published", "closed")),
        *_times("starts_at", "ends_at"),
        ("price", _optional(_amount)),
        ("currency", _optional(_currency)),
        ("capacity", _optional(_whole(0))),
        *_all(_SHORT_IDS, "teacher_ids", "course_ids"),
    ),
    "enrolments": (
        *_all(id_problem, "id", "person_id", "course_id"),
        ("role", _one_of("learner", "auditor", "assistant", "teacher")),
        ("source", _one_of("purchase", "free", "import", "membership", "class", "other")),
        ("state", _one_of("active", "suspended", "pending", "ended")),
        *_times("enrolled_at", "starts_at", "expires_at", "ended_at", "completed_at", "last_learned_at"),
        ("end_kind", _optional(_one_of("refund", "removed", "left", "expired"))),
        ("end_reason", _optional(_TEXT)),
        ("order_id", _REF),
        ("progress", _optional(_fraction)),
    ),
    "orders": (
        ("id", id_problem),
        ("person_id", _REF),
        ("state", _one_of("pending", "paid", "closed", "refunding", "refunded", "partly_refunded")),
        *_all(_amount, "amount", "refunded"),
        ("currency", _currency),
        *_times("created_at", "paid_at", "closes_at", "closed_at", "refunded_at"),
        ("refund_requested", _optional(_amount)),
        ("refund_reason", _optional(_TEXT)),
        ("lines", _each(_LINE)),
        *_all(_COLUMN, "source", "coupon"),
    ),
    "signals": (
        *_all(id_problem, "id", "person_id"),
        ("kind", _one_of(*"login view visit trial favourite audit question review coupon learn".split())),
        ("at", _instant),
        ("course_id", _REF),
        ("count", _whole(1)),
    ),
}
_COLUMNS = {stream: _columns_of(checks) for stream, checks in _CHECKS.items()}
