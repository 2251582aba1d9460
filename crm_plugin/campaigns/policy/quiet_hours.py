"""Quiet hours: forbidden hours by the wall clock of the recipient."""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1024)
def zone_of(name: str | None, fallback: ZoneInfo) -> ZoneInfo:
    """Return a person's zone; the school's when they have none or one that nobody knows."""
    try:
        return ZoneInfo(name) if name else fallback
    except (KeyError, ValueError, OSError):
        return fallback


def opens_at(now: datetime, quiet: tuple[time, time] | None, zone: ZoneInfo) -> datetime | None:
    """Return when the quiet hours that hold now are over (UTC); None when it is not quiet.

    ``from`` belongs to the quiet hours, ``to`` does not. Where the clocks repeat the end, the window
    opens at the second time; where they jump over it, after the jump: nobody is woken.
    """
    if quiet is None:
        return None
    start, end = quiet
    local = now.astimezone(zone)
    if not _is_quiet(local.time(), start, end):
        return None
    day = local.date() + timedelta(days=1 if end <= local.time().replace(tzinfo=None) else 0)
    opening = datetime.combine(day, end, zone)
    # A repeated wall time is later with fold 1, a skipped one with fold 0.
    return max(opening.astimezone(UTC), opening.replace(fold=1).astimezone(UTC))


def _is_quiet(at: time, start: time, end: time) -> bool:
    return start <= at < end if start < end else at >= start or at < end
