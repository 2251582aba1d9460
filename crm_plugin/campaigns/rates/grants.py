"""One worker's way to the limits that bind its campaign: how many rows to take, which, and for when.

Between the grant and the call a batch is marked, which takes now long and now short. Where a window is
nearly full, every batch therefore leaves the same time after its grant, whichever process has it: used
late, a grant would crowd a later window. A batch that misses its moment is not handed over; its rows are
pending again.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from crm_plugin.campaigns.ledger.lease import Row
from crm_plugin.campaigns.prepared_campaign import Running
from crm_plugin.campaigns.rates import limits
from crm_plugin.channels.rates.throttle import Answer, Throttle
from crm_plugin.channels.rates.window import Limit
from crm_plugin.host.context import Crm

LONG = 25.0
"""In a window of so many seconds the time that a marking takes does not count."""
_FORGET = 0.8
_TOO_MANY = 2.5


@dataclass(frozen=True, slots=True)
class Slot:
    """Monotonic times between which a call may begin."""

    begins: float = 0.0
    ends: float = float("inf")

    def is_over(self) -> bool:
        """Return whether it is too late for another call."""
        return time.monotonic() > self.ends

    def wait(self) -> None:
        """Sleep until it begins."""
        time.sleep(max(0.0, self.begins - time.monotonic()))


ANY = Slot()
"""No limit is near: any moment will do."""


def slot_of(answer: Answer, bound: Sequence[Limit]) -> Slot:
    """Return when messages that were granted may leave."""
    if not answer.tight:
        return ANY
    shortest = min(limit.per_seconds for limit in bound)
    begins = answer.at + (answer.lead if shortest < LONG else 0.0)
    return Slot(begins, begins + limits.lateness(shortest))


def tighter(one: Slot, other: Slot) -> Slot:
    """Return the moments that two grants have in common."""
    return Slot(max(one.begins, other.begins), min(one.ends, other.ends))


class Punctuality:
    """Whether this worker's batches meet their moments; asks for more time when too many do not."""

    def __init__(self) -> None:
        self._late = 0.0

    def learn(self, slot: Slot) -> bool:
        """Note a batch; return whether batches need more time between their grant and their call."""
        if slot is ANY:
            return False
        self._late = self._late + 1 if slot.is_over() else self._late * _FORGET
        if self._late < _TOO_MANY:
            return False
        self._late = 0.0
        return True


@dataclass
class CallSeconds:
    """What one message takes at a carrier, learnt from calls: name of the carrier → seconds."""

    each: dict[str, float] = field(default_factory=dict)


class Grants:
    """Asks the throttle for a campaign.

    :param running: the campaign; its limits are read again for every batch.
    """

    def __init__(self, crm: Crm, running: Running) -> None:
        self._crm = crm
        self._running = running
        self._throttle = Throttle(crm, seed=partial(limits.seed, crm, running))
        self._limits = limits.limits(running)
        self._by_domain = limits.has_domains(running)
        self._closed: dict[str, float] = {}
        self._tight = False
        self._punctual = Punctuality()
        self.slot = ANY
        """When the messages that were granted last may leave."""

    def size(self) -> int:
        """Return how many rows to mark at once.

        A carrier that takes messages one by one gets no more than it can take in the moment for which
        they are granted.
        """
        carrier = self._running.carrier
        size = limits.share(self._limits, carrier.in_flight)
        if not self._tight or not self._limits or carrier.batch > 1:
            return size
        shortest = min(limit.per_seconds for limit in self._limits)
        one = self._crm.state(CallSeconds).each.get(carrier.name, limits.lateness(shortest))
        return max(1, min(size, int(limits.lateness(shortest) / max(one, 1e-6) / 2)))

    def called(self, count: int, seconds: float) -> None:
        """Learn from a call how long one message takes, and whether the moment was met."""
        name, each = self._running.carrier.name, self._crm.state(CallSeconds).each
        one = seconds / max(1, count)
        each[name] = 0.8 * each.get(name, one) + 0.2 * one
        if self._punctual.learn(self.slot):
            self._throttle.take_longer(self._limits)

    def reserve(self, count: int) -> float:
        """Ask for messages; return 0 when they are granted, else the seconds after which to ask again."""
        if not self._limits or not count:
            return 0.0
        answer = self._throttle.reserve(self._limits, count)
        if answer.wait <= 0:
            self._tight = answer.tight
            self.slot = tighter(self.slot, slot_of(answer, self._limits))
        return answer.wait

    def admit(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows whose domain takes more now; a domain that does not is closed for a while."""
        self.slot = ANY
        if not self._by_domain:
            return rows
        domains: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            domains[limits.domain_of(row.address)].append(row)
        return [row for domain, some in domains.items() for row in self._of_domain(domain, some)]

    def _of_domain(self, domain: str, rows: list[Row]) -> list[Row]:
        limit = limits.domain_limit(self._running, domain)
        if limit is None:
            return rows
        if self._closed.get(domain, 0.0) > time.monotonic():
            return []
        rows = rows[: limit.n]
        answer = self._throttle.reserve([limit], len(rows))
        if answer.wait > 0:
            self._closed[domain] = time.monotonic() + answer.wait
            return []
        self.slot = tighter(self.slot, slot_of(answer, [limit]))
        return rows

    def closed(self) -> list[str]:
        """Return the domains that take nothing now."""
        now = time.monotonic()
        self._closed = {domain: until for domain, until in self._closed.items() if until > now}
        return sorted(self._closed)

    def opens_in(self) -> float | None:
        """Return the seconds until the first closed domain takes more; None when none is closed."""
        if not self._closed:
            return None
        return max(0.0, min(self._closed.values()) - time.monotonic())
