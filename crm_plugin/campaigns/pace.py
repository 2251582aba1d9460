"""How fast a campaign may go, and what the ledger knows of how fast it went."""

from collections import Counter
from datetime import timedelta

import sqlalchemy as sa

from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.running import Running
from crm_plugin.channels.throttle import Limit
from crm_plugin.host.context import Crm

_CAMPAIGN, _SCHOOL = "campaign:", "carrier:host"
_STEPS = 100


def limits(running: Running) -> list[Limit]:
    """Return the limits that bind a campaign: its own, and the school's for private messages."""
    found = []
    if running.rules.policy.rate is not None:
        found.append(Limit(f"{_CAMPAIGN}{running.id}", *running.rules.policy.rate))
    if running.per_minute:
        found.append(Limit(_SCHOOL, running.per_minute, 60))
    return found


def seed(crm: Crm, running: Running, limit: Limit) -> list[tuple[float, int]]:
    """Tell what was handed over within a limit's last window, as (seconds ago, how many).

    A queue that comes back empty must not let a whole window go twice. Grants are rounded to a
    hundredth of the window, towards now.
    """
    now = crm.clock()
    query = sa.select(Delivery.handed_at).where(
        Delivery.handed_at > now - timedelta(seconds=limit.per_seconds), Delivery.handed_at.is_not(None)
    )
    if limit.name.startswith(_CAMPAIGN):
        query = query.where(Delivery.campaign_id == running.id)
    else:
        query = query.where(Delivery.channel == running.rules.channel)
    step = limit.per_seconds / _STEPS
    with crm.db.read() as session:
        ages = [(now - at).total_seconds() for at in session.scalars(query) if at is not None]
    found = Counter(max(0.0, age // step * step) for age in ages)
    return sorted(found.items(), reverse=True)
