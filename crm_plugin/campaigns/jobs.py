"""What workers run for campaigns: ids in, nothing out."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import receipts, sweeper
from crm_plugin.campaigns.freezing import freeze as freeze_campaign
from crm_plugin.campaigns.life import ACTIVE
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.present import db_now
from crm_plugin.campaigns.sending import drain as drain_campaign
from crm_plugin.host.context import Crm, current

PERIODIC = (("crm_plugin.campaigns.jobs.sweep", 5),)
DAILY = ("crm_plugin.campaigns.jobs.tidy",)

DRAIN_SECONDS = 20.0
MOST_CHAINS = 8
ROWS_PER_CHAIN = 2000
"""A campaign is drained by one chain of jobs for so many pending rows, up to the most."""
_KEEP_REPORTS = timedelta(days=30)


def freeze(campaign_id: int) -> None:
    """Freeze a campaign, then have it drained."""
    crm = current()
    if freeze_campaign(crm, campaign_id):
        _wake_drains(crm, campaign_id)


def drain(campaign_id: int) -> None:
    """Send for a bounded time, then queue up again behind the other campaigns."""
    crm = current()
    if drain_campaign(crm, campaign_id, DRAIN_SECONDS) and _pending(crm, campaign_id, 1):
        crm.queue.wake("crm_plugin.campaigns.jobs.drain", campaign_id)


def sweep() -> None:
    """Do what time alone makes due; wake whoever should be working and is not."""
    crm = current()
    sweeper.sweep(crm)
    for campaign_id, state in _due(crm, unattended=True):
        job = "freeze" if state == "freezing" else "drain"
        if not crm.queue.wake(f"crm_plugin.campaigns.jobs.{job}", campaign_id):
            _do(crm, campaign_id, state)


def tidy() -> None:
    """Forget delivery reports that never found their message."""
    crm = current()
    crm.db.run(lambda session: receipts.purge(session, crm.clock() - _KEEP_REPORTS))


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    done = sweeper.sweep(crm)
    for campaign_id, state in _due(crm):
        done = _do(crm, campaign_id, state) or done
    return done


def _do(crm: Crm, campaign_id: int, state: str) -> bool:
    if state == "freezing":
        return freeze_campaign(crm, campaign_id)
    return bool(drain_campaign(crm, campaign_id, DRAIN_SECONDS))


def _wake_drains(crm: Crm, campaign_id: int) -> None:
    rows = _pending(crm, campaign_id, MOST_CHAINS * ROWS_PER_CHAIN)
    for _ in range(min(MOST_CHAINS, 1 + rows // ROWS_PER_CHAIN)):
        crm.queue.wake("crm_plugin.campaigns.jobs.drain", campaign_id)


def _pending(crm: Crm, campaign_id: int, most: int) -> int:
    some = sa.select(Delivery.id).where(Delivery.campaign_id == campaign_id, Delivery.state == "pending")
    with crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(some.limit(most).subquery())) or 0


def _due(crm: Crm, *, unattended: bool = False) -> list[tuple[int, str]]:
    """Return (id, state) of campaigns with work to do, the longest launched first.

    :param unattended: only those that nobody is at.
    """
    with crm.db.read() as session:
        sending = sa.and_(Campaign.state == "sending", _has_work(crm, session, unattended))
        free = sa.or_(Campaign.freeze_lease_until.is_(None), Campaign.freeze_lease_until < db_now(session))
        query = (
            sa.select(Campaign.id, Campaign.state)
            .where(Campaign.state.in_(ACTIVE))
            .where(sa.or_(sending, sa.and_(Campaign.state == "freezing", free)))
            .order_by(Campaign.launched_at, Campaign.id)
        )
        return [(id, state) for id, state in session.execute(query)]


def _has_work(crm: Crm, session: Session, unattended: bool) -> sa.ColumnElement[bool]:
    mine = sa.exists().where(Delivery.campaign_id == Campaign.id)
    ripe = mine.where(Delivery.state == "waiting", Delivery.waits_until <= crm.clock())
    work = sa.or_(mine.where(Delivery.state == "pending"), ripe)
    if not unattended:
        return work
    held = mine.where(Delivery.state.in_(("leased", "sending")), Delivery.lease_until >= db_now(session))
    return sa.and_(work, ~held)
