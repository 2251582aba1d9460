"""Where the present comes from, so that a test can choose it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present as an aware UTC datetime."""


def system_clock() -> datetime:
    """Return the machine's present in UTC."""
    return datetime.now(UTC)


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
