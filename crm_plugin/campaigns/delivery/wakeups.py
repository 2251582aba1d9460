"""Wake-ups: how many jobs a campaign is given, and for how long each may run."""

import sqlalchemy as sa

from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.queue.queue import LONG_SECONDS

MOST_CHAINS = 8
ROWS_PER_CHAIN = 2000
"""A campaign is drained by one chain of jobs for so many pending rows, up to the most."""

BUSY = 20
"""Wake-ups that wait, above which no more than one is added: the workers have enough to do."""

_DRAIN = "crm_plugin.campaigns.jobs.drain"
_FREEZE = "crm_plugin.campaigns.jobs.freeze"


def wake(crm: Crm, campaign_id: int, state: str) -> bool:
    """Have workers take a campaign up that is freezing or sending; False when no queue could be reached.

    A chain of jobs begins again behind the other campaigns each time; where many wake-ups wait already,
    one more is enough.
    """
    if state == "freezing":
        return crm.queue.wake(_FREEZE, campaign_id, seconds=LONG_SECONDS, sends=True)
    chains = 1 if (crm.queue.length() or 0) > BUSY else _chains(crm, campaign_id)
    return all([crm.queue.wake(_DRAIN, campaign_id, sends=True) for _ in range(chains)])


def wake_next(crm: Crm, campaign_id: int) -> None:
    """Let a chain go on, when there is something left for it."""
    if pending(crm, campaign_id, 1):
        crm.queue.wake(_DRAIN, campaign_id, sends=True)


def others_wait(crm: Crm, campaign_id: int) -> bool:
    """Return whether another campaign could use this worker while this one waits for its rate."""
    rows = sa.exists().where(Delivery.campaign_id == Campaign.id, Delivery.state == "pending")
    query = sa.select(Campaign.id).where(Campaign.id != campaign_id)
    due = sa.or_(Campaign.state == "freezing", sa.and_(Campaign.state == "sending", rows))
    with crm.db.read() as session:
        return session.scalar(query.where(due).limit(1)) is not None


def pending(crm: Crm, campaign_id: int, most: int) -> int:
    """Count the pending rows of a campaign, up to ``most``."""
    some = sa.select(Delivery.id).where(Delivery.campaign_id == campaign_id, Delivery.state == "pending")
    with crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(some.limit(most).subquery())) or 0


def _chains(crm: Crm, campaign_id: int) -> int:
    return min(MOST_CHAINS, 1 + pending(crm, campaign_id, MOST_CHAINS * ROWS_PER_CHAIN) // ROWS_PER_CHAIN)
