"""The days that the home page speaks of: the last few, or from one day to another, in the school's zone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from crm_plugin.kernel.errors import BadInput, Clause, one_of
from crm_plugin.segments.language.dates import FIRST_YEAR, LAST_YEAR, day_start

LENGTHS = (7, 30, 90, 365)
"""Days that a reader chooses from; today is the last of them."""
USUAL = 30
LONGEST = 1_100
"""Days from one day to another at most: three years."""


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days.

    :param length: the number of days that was chosen; 0 = from one day to another.
    """

    first: date
    last: date
    length: int = 0

    def ends(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the first instant of the span, and the first one after it."""
        return day_start(self.first, zone), day_start(self.last + timedelta(days=1), zone)

    @property
    def days(self) -> list[date]:
        """Every day of it, the first one first."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


def last_days(length: int, today: date) -> Span:
    """Return the last days, today included.

    :raises BadInput: ``input.bad`` when nobody may choose so many.
    """
    if length not in LENGTHS:
        raise BadInput("input.bad", "days", reason=one_of(tuple(map(str, LENGTHS))))
    return Span(today - timedelta(days=length - 1), today, length)


def between(first: date, last: date) -> Span:
    """Return the days from one to another, both included.

    :raises BadInput: ``input.bad`` when the last is before the first, or they are too many.
    """
    if last < first:
        raise BadInput("input.bad", "to", reason=Clause("the last day must not be before the first"))
    if (last - first).days >= LONGEST:
        raise BadInput("input.bad", "to", reason=Clause("at most {most:,} days", most=LONGEST))
    if first.year < FIRST_YEAR or last.year > LAST_YEAR:
        raise BadInput("input.bad", "from", reason=Clause("a day such as 2026-01-31"))
    return Span(first, last)
