"""A clock that tests move by hand."""

from datetime import UTC, datetime, timedelta


class FixedClock:
    """A clock that stands still until it is moved.

    :param at: an aware datetime.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at.astimezone(UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **delta: float) -> None:
        """Move forward by ``timedelta(**delta)``."""
        self.at += timedelta(**delta)
