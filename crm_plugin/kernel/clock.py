"""Where the present comes from, so that a test can choose it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the present as an aware UTC datetime."""


def system_clock() -> datetime:
    """Return the machine's present in UTC."""
    return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved (tests, ``--at``).

    :param at: an aware datetime.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at.astimezone(UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **delta: float) -> None:
        """Move forward by ``timedelta(**delta)``."""
        self.at += timedelta(**delta)


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant that names its zone (``Z`` or an offset); return it in UTC.

    :raises ValueError: when it is no date and time, names no zone, or lies outside the calendar.
    """
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("the time names no zone: add Z or an offset")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error
