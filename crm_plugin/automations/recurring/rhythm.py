"""When the periods of a recurring campaign are: certain days, at one time of day, by the clocks of a zone.

Where clocks are put forward over that time, the period begins as much later; where they are put back over it,
at the first of both. A month without that day takes its last one. So each day has at most one period.
"""

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.kernel.errors import BadInput, Clause, one_of

EVERY = ("day", "week", "month")
KEYS = ("every", "days", "at", "zone")
_CLOCK = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
_LONGEST = 62
"""Days after which the next period has come whatever the rhythm is."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What staff chose."""

    every: str
    """``day``, ``week`` or ``month``."""
    days: tuple[int, ...]
    """Days of the week from Monday = 0; the day of the month from 1; nothing for every day."""
    at: str
    """Time of day, such as ``09:00``."""
    zone: str
    """IANA name of the zone whose clocks count."""

    def is_on(self, day: date) -> bool:
        """Return whether a period begins on a day."""
        if self.every == "day":
            return True
        if self.every == "week":
            return day.weekday() in self.days
        return day.day == min(self.days[0], calendar.monthrange(day.year, day.month)[1])

    def begins(self, day: date) -> datetime:
        """Return the instant, in UTC, at which the period of a day begins."""
        return datetime.combine(day, time.fromisoformat(self.at), ZoneInfo(self.zone)).astimezone(UTC)

    def day_of(self, at: datetime) -> date:
        """Return the day that the zone's calendar shows."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def after(self, at: datetime) -> datetime:
        """Return when the next period after an instant begins."""
        return next(begins for begins in self._from(self.day_of(at), 1) if begins > at)

    def latest(self, at: datetime) -> datetime:
        """Return when the last period until an instant began."""
        return next(begins for begins in self._from(self.day_of(at), -1) if begins <= at)

    def between(self, first: datetime, last: datetime) -> int:
        """Return how many periods begin from one instant on and before another."""
        days = (self.day_of(last) - self.day_of(first)).days
        found = (self.begins(day) for day in _days(self.day_of(first), 1, days + 2) if self.is_on(day))
        return sum(first <= begins < last for begins in found)

    def _from(self, day: date, step: int) -> Iterator[datetime]:
        return (self.begins(one) for one in _days(day - timedelta(step), step, _LONGEST) if self.is_on(one))

    def document(self) -> dict[str, Any]:
        """Return it as :func:`read` takes it."""
        return {"every": self.every, "days": [*self.days], "at": self.at, "zone": self.zone}


def _days(first: date, step: int, count: int) -> Iterator[date]:
    return (first + timedelta(step * number) for number in range(count))


def read(document: Any, usual_zone: str) -> Rhythm:
    """Read a rhythm: ``{"every": "week", "days": [0, 3], "at": "09:00", "zone": "Europe/London"}``.

    :param usual_zone: where the document names none.
    :raises BadInput: ``recurring.bad_rhythm``, with the place.
    """
    if not isinstance(document, Mapping) or not set(document) <= set(KEYS):
        raise _bad("", Clause("expected an object with every, days, at and zone"))
    every, at = document.get("every"), document.get("at")
    if every not in EVERY:
        raise _bad("every", one_of(EVERY))
    if not isinstance(at, str) or not _CLOCK.fullmatch(at):
        raise _bad("at", Clause("expected a time of day such as 09:00"))
    return Rhythm(every, _days_of(every, document.get("days")), at, _zone(document.get("zone"), usual_zone))


def _days_of(every: str, days: Any) -> tuple[int, ...]:
    if every == "day":
        return ()
    found = days if isinstance(days, list) else []
    least, most = (0, 6) if every == "week" else (1, 31)
    if not all(type(one) is int and least <= one <= most for one in found):
        found = []
    if every == "week" and not found:
        raise _bad("days", Clause("choose at least one day of the week"))
    if every == "month" and len(found) != 1:
        raise _bad("days", Clause("expected a day of the month from 1 to 31"))
    return tuple(sorted(set(found)))


def _zone(name: Any, usual: str) -> str:
    try:
        return ZoneInfo(name or usual).key
    except (TypeError, KeyError, ValueError, OSError):
        raise BadInput("campaign.unknown_zone", "zone", zone=str(name)[:64]) from None


def _bad(place: str, reason: Clause) -> BadInput:
    return BadInput("recurring.bad_rhythm", place, reason=reason)
