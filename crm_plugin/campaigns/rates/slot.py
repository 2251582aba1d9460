"""The moment for which messages were granted: used late, they would crowd a later window.

Between the grant and the call a batch is marked, which takes now long and now short. Where a window is
nearly full, every batch therefore leaves the same time after its grant, whichever process has it. One
that misses its moment is not handed over; its rows are pending again.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from crm_plugin.campaigns.rates.limits import lateness
from crm_plugin.channels.rates.throttle import Answer, Limit

LONG = 25.0
"""In a window of so many seconds the time that a marking takes does not count."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Monotonic times between which a call may begin."""

    begins: float = 0.0
    ends: float = float("inf")

    def is_over(self) -> bool:
        """Tell whether it is too late for another call."""
        return time.monotonic() > self.ends

    def wait(self) -> None:
        """Sleep until it begins."""
        time.sleep(max(0.0, self.begins - time.monotonic()))


ANY = Slot()
"""No limit is near: any moment will do."""


def slot_of(answer: Answer, limits: Sequence[Limit]) -> Slot:
    """Return when messages that were granted may leave."""
    if not answer.tight:
        return ANY
    shortest = min(limit.per_seconds for limit in limits)
    begins = answer.at + (answer.lead if shortest < LONG else 0.0)
    return Slot(begins, begins + lateness(shortest))


def tighter(one: Slot, other: Slot) -> Slot:
    """Return the moments that two grants have in common."""
    return Slot(max(one.begins, other.begins), min(one.ends, other.ends))


class Punctuality:
    """Whether this worker's batches meet their moments; asks for more time when too many do not."""

    def __init__(self) -> None:
        self._late = 0.0

    def learn(self, slot: Slot) -> bool:
        """Note a batch; tell whether batches need more time between their grant and their call."""
        if slot is ANY:
            return False
        self._late = self._late + 1 if slot.is_over() else self._late * _FORGET
        if self._late < _TOO_MANY:
            return False
        self._late = 0.0
        return True


_FORGET = 0.8
_TOO_MANY = 2.5
