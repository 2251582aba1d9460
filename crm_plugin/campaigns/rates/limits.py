"""How fast a campaign may go, and what the ledger knows of how fast it went."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.prepared_campaign import Running
from crm_plugin.channels.email.headers import written_address
from crm_plugin.channels.rates.window import Limit
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.rates import read_rate

LATE = 0.02
"""Part of a window by which a message may leave after the instant that it was granted for."""
ON_THE_WAY = 0.015
"""Part of a window that lies at most between the last look at the clock and the carrier."""
LATE_SECONDS = 1.0
"""The most of each."""

_SCHOOL = "school:messages"
_OTHER = "domain:*"
_STEPS = 100


def lateness(per_seconds: float) -> float:
    """Return by how many seconds a message may leave later than its grant."""
    return min(LATE * per_seconds, LATE_SECONDS)


def _limit(name: str, n: int, per_seconds: float) -> Limit:
    # Grants keep to a window that is longer by what a message may be late: then no window at the
    # carrier holds more than n, however some are late and others not.
    on_the_way = min(ON_THE_WAY * per_seconds, LATE_SECONDS)
    return Limit(name, n, per_seconds + lateness(per_seconds) + on_the_way)


def limits(running: Running) -> list[Limit]:
    """Return the limits that bind all messages of a campaign.

    Its own, those of its channel and its carrier by the settings, and the school's for private messages.
    """
    found = []
    if running.rules.policy.rate is not None:
        found.append(_limit(f"campaign:{running.id}", *running.rules.policy.rate))
    if running.per_minute:
        found.append(_limit(_SCHOOL, running.per_minute, 60))
    for name in (f"channel:{running.rules.channel}", f"carrier:{running.carrier.name}"):
        rate = running.settings.rate_limits.get(name)
        if rate is not None:
            found.append(_limit(name, *read_rate(rate)))
    return found


def share(limits: Sequence[Limit], most: int) -> int:
    """Return how many messages to ask for at once, at most ``most``.

    As many as divide the smallest limit well: asking 25 a second for twenties would use twenty of them.
    """
    smallest = min((limit.n for limit in limits), default=most)
    return max(1, smallest // -(-smallest // most)) if smallest else 1


def has_domains(running: Running) -> bool:
    """Return whether the settings limit domains of e-mail."""
    return running.rules.channel == "email" and any(
        name.startswith("domain:") for name in running.settings.rate_limits
    )


def domain_limit(running: Running, domain: str) -> Limit | None:
    """Return the limit of an e-mail domain: its own, else that of every other one."""
    rates = running.settings.rate_limits
    rate = rates.get(f"domain:{domain}", rates.get(_OTHER))
    return None if rate is None else _limit(f"domain:{domain}", *read_rate(rate))


def domain_of(address: str) -> str:
    """Return the domain of an e-mail address in its one spelling; empty where there is none."""
    try:
        return written_address(address).rpartition("@")[2].lower()
    except BadInput:
        return ""


def seed(crm: Crm, running: Running, limit: Limit) -> list[tuple[float, int]]:
    """Return what was handed over within a limit's last window, as (seconds ago, how many).

    A queue that comes back empty must not let a whole window go twice. Grants are rounded to a
    hundredth of the window, towards now.
    """
    now = crm.clock()
    since = now - timedelta(seconds=limit.per_seconds)
    query = sa.select(Delivery.handed_at).where(
        Delivery.handed_at > since, _lately(since), *_of(running, limit)
    )
    step = limit.per_seconds / _STEPS
    found: Counter[float] = Counter()
    with crm.db.read() as session:
        for at in session.scalars(query).yield_per(10_000):
            found[max(0.0, ((now - at) if at else timedelta()).total_seconds() // step * step)] += 1
    return sorted(found.items(), reverse=True)


def _lately(since: datetime) -> sa.ColumnElement[bool]:
    # The ledger has an index by campaign and none by time: look only at those under way since then.
    open_ = sa.or_(Campaign.finished_at.is_(None), Campaign.finished_at > since)
    return Delivery.campaign_id.in_(sa.select(Campaign.id).where(Campaign.launched_at.is_not(None), open_))


def _of(running: Running, limit: Limit) -> list[Any]:
    """Return conditions on the rows that count for a limit; one too many is safe, one too few is not."""
    scope, _, name = limit.name.partition(":")
    if scope == "campaign":
        return [Delivery.campaign_id == running.id]
    if scope == "carrier":
        return [sa.or_(Delivery.carrier == name, Delivery.carrier.is_(None))]
    if scope == "domain":
        return [Delivery.channel == "email", Delivery.address_key.endswith(f"@{name}", autoescape=True)]
    return [Delivery.channel == (name if scope == "channel" else running.rules.channel)]
