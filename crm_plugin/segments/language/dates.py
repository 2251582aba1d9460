"""The present, and the spans of time that conditions on dates mean.

Every operator on a date becomes a list of half-open ranges ``[low, high)``, worked out here once and
handed to the SQL as parameters and to the evaluator as values: so both mean the same instants, in
hours that a change of the clocks skips or repeats too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.segments.dialects import PLAIN, Dialect

UNITS = ("minute", "hour", "day", "week", "month", "year")
"""Minute and hour are absolute; day and longer go by the wall clock of the school."""
TICK = timedelta(microseconds=1)
"""The finest difference that all three databases store."""
FIRST_YEAR, LAST_YEAR = 1000, 9998
"""Years that every database stores and that survive a change of zone."""
FIRST_ANNIVERSARY = 1900
"""Anniversaries are looked for in dates of this year and later."""

_FLOOR = datetime(FIRST_YEAR, 1, 1)
_CEILING = datetime(LAST_YEAR, 12, 31)

Range = tuple[Any, Any]
"""(low, high): ``low <= value < high``, both ``date`` or both aware ``datetime``; None = no end there."""


@dataclass(frozen=True)
class Present:
    """The instant that a tree is decided at, and what else its meaning depends on.

    :param as_of: aware; "now" of every condition.
    :param zone: the school's, for days and longer.
    :param scope: host ids of the courses that the actor is limited to; None = everything.
    :param currency: the school's own.
    :param dialect: chooses between forms of SQL that mean the same.
    :param reader: the school's id of the actor, who with a scope sees their own campaigns only.
    :param contacts: whether conditions see telephones and addresses; else texts that hold one are unknown.
    :param interest_days: how long an act of interest in a course counts.
    """

    as_of: datetime
    zone: ZoneInfo
    scope: frozenset[str] | None = None
    currency: str = ""
    dialect: Dialect = PLAIN
    reader: str = ""
    contacts: bool = True
    interest_days: int = 180

    @property
    def today(self) -> date:
        """The day in the school's zone."""
        return self.as_of.astimezone(self.zone).date()


@dataclass(frozen=True)
class Span:
    """A length of time such as 30 days."""

    n: int
    unit: str


def shift(present: Present, n: int, unit: str) -> datetime:
    """Return the instant (UTC) that lies ``n`` units after the present, before it when ``n`` is negative.

    A wall-clock time that a change of the clocks skips is read by the offset before the change, one that
    it repeats as the first; the day of a shorter month is its last.
    """
    if unit in ("minute", "hour"):
        return _absolute(present.as_of, n, unit)
    local = present.as_of.astimezone(present.zone)
    wall = _move(local.replace(tzinfo=None), n, unit)
    return wall.replace(tzinfo=present.zone, fold=local.fold).astimezone(UTC)


def _absolute(at: datetime, n: int, unit: str) -> datetime:
    try:
        moved = at.astimezone(UTC) + timedelta(**{f"{unit}s": n})
    except OverflowError:
        moved = (_CEILING if n > 0 else _FLOOR).replace(tzinfo=UTC)
    return moved


def _move(wall: datetime, n: int, unit: str) -> datetime:
    if unit in ("day", "week"):
        days = n * (7 if unit == "week" else 1)
        limit = (_CEILING - wall).days if days > 0 else (wall - _FLOOR).days
        return wall + timedelta(days=min(days, limit) if days > 0 else -min(-days, limit))
    months = wall.year * 12 + wall.month - 1 + n * (12 if unit == "year" else 1)
    year, month = months // 12, months % 12 + 1
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return _CEILING if n > 0 else _FLOOR
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return wall.replace(year=year, month=month, day=min(wall.day, last))


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant (UTC) of a day in a zone."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def ranges(operator: str, operand: Any, present: Present, days: bool) -> list[Range]:
    """Return the ranges that a comparison of a date means.

    :param operand: a ``date``, an aware ``datetime``, a pair of them, or a :class:`Span`.
    :param days: the field holds days (a birthday), not instants.
    """
    if operator == "anniversaryInNext":
        found = _merged(sorted(_anniversaries(present, operand)))
        return found if days else [(_instant(a, present), _instant(b, present)) for a, b in found]
    if isinstance(operand, Span):
        return [_relative(operator, operand, present, days)]
    if operator in ("between", "notBetween"):
        low, high = _bounds(operand[0], present, days)[0], _bounds(operand[1], present, days)[1]
        return [(low, high)] if operator == "between" else [(None, low), (high, None)]
    low, high = _bounds(operand, present, days)
    return {
        "=": [(low, high)],
        "!=": [(None, low), (high, None)],
        "<": [(None, low)],
        "<=": [(None, high)],
        ">": [(high, None)],
        ">=": [(low, None)],
    }[operator]


def within(value: Any, found: list[Range]) -> bool:
    """Return whether a known date lies in one of the ranges."""
    return any((low is None or value >= low) and (high is None or value < high) for low, high in found)


def _bounds(value: Any, present: Present, days: bool) -> Range:
    if days:
        return value, value + timedelta(days=1)
    if isinstance(value, datetime):
        return value, value + TICK
    return day_start(value, present.zone), day_start(value + timedelta(days=1), present.zone)


def _relative(operator: str, span: Span, present: Present, days: bool) -> Range:
    sign = 1 if operator == "inNext" else -1
    now: Any = present.today if days else present.as_of
    then: Any = shift(present, sign * span.n, span.unit)
    then = then.astimezone(present.zone).date() if days else then
    step: Any = timedelta(days=1) if days else TICK
    if operator == "inNext":
        return now + step, then + step
    return (then, now) if operator == "inLast" else (None, then)


def _instant(day: date, present: Present) -> datetime:
    return day_start(day, present.zone)


def _anniversaries(present: Present, span: Span) -> Iterator[Range]:
    start = present.today
    end = shift(present, span.n, span.unit).astimezone(present.zone).date()
    for year in range(start.year, end.year + 1):
        first, last = max(start, date(year, 1, 1)), min(end, date(year, 12, 31))
        for origin in range(FIRST_ANNIVERSARY, year):
            low, high = _first_day(first, origin), _day_after(last, origin)
            if low < high:
                yield low, high


def _merged(found: list[Range]) -> list[Range]:
    merged: list[Range] = []
    for low, high in found:
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _first_day(day: date, year: int) -> date:
    if (day.month, day.day) == (2, 29):
        return date(year, 3, 1) - timedelta(days=1 if _leap(year) else 0)
    return day.replace(year=year)


def _day_after(day: date, year: int) -> date:
    # A birthday on 29 February falls on the 28th where the year has no 29th.
    whole = (day.month, day.day) == (2, 28) and not _leap(day.year)
    if whole or (day.month, day.day) == (2, 29):
        return date(year, 3, 1)
    return day.replace(year=year) + timedelta(days=1)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def age(birthday: date, today: date) -> int:
    """Return whole years since a birthday; people born on 29 February age on the 28th in short years."""
    return today.year - birthday.year - (birthday.month * 100 + birthday.day > age_limit(today))


def age_limit(today: date) -> int:
    """Return the largest ``month * 100 + day`` of birthdays that have come this year."""
    if (today.month, today.day) == (2, 28) and not _leap(today.year):
        return 229
    return today.month * 100 + today.day
