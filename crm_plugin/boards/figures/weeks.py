"""The eight weeks of a trend, by the school's calendar; they move on without anything being computed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

WEEKS = 8


def week_starts(at: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the Monday mornings that part the eight weeks up to an instant's, and the one after them."""
    today = at.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday() + 7 * (WEEKS - 1))
    days = (monday + timedelta(days=7 * number) for number in range(WEEKS + 1))
    return [datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in days]


def moved_on(trend: Sequence[int], since: datetime, at: datetime, zone: ZoneInfo) -> list[int]:
    """Return a trend as it is at a later instant: weeks that passed since bring a nought each."""
    monday, now = (week_starts(one, zone)[-2].astimezone(zone).date() for one in (since, at))
    passed = min(max((now - monday).days // 7, 0), WEEKS)
    return [*trend[passed:], *[0] * passed]
