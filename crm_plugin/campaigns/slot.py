"""The moment for which messages were granted: used late, they would crowd a later window.

Between the grant and the call a batch is marked, which takes now long and now short. Where a window is
nearly full, every batch therefore leaves the same time after its grant. One that misses its moment is not
handed over; its rows are pending again, and the next ones get more time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from crm_plugin.campaigns.pace import lateness
from crm_plugin.channels.throttle import Answer, Limit
from crm_plugin.host.context import Crm

LEAD = 0.15
"""Seconds from a grant to its call: enough for most markings."""
MOST_LEAD = 1.2
"""Below the throttle's ``SETTLE``: until then a granted message is marked, or will not be called."""
LONG = 25.0
"""In a window of so many seconds the time that a marking takes does not count."""

_LEAD = "campaigns.lead"


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


def slot_of(crm: Crm, answer: Answer, limits: Sequence[Limit]) -> Slot:
    """Return when messages that were granted may leave."""
    if not answer.tight:
        return ANY
    shortest = min(limit.per_seconds for limit in limits)
    begins = answer.at + (_lead(crm) if shortest < LONG else 0.0)
    return Slot(begins, begins + lateness(shortest))


def tighter(one: Slot, other: Slot) -> Slot:
    """Return the moments that two grants have in common."""
    return Slot(max(one.begins, other.begins), min(one.ends, other.ends))


def learn(crm: Crm, slot: Slot) -> None:
    """Give the next batches more time when this one came too late, and less when it did not."""
    if slot is ANY:
        return
    lead = _lead(crm)
    crm.extras[_LEAD] = min(MOST_LEAD, 2 * lead) if slot.is_over() else max(LEAD, 0.95 * lead)


def _lead(crm: Crm) -> float:
    return float(crm.extras.get(_LEAD, LEAD))
