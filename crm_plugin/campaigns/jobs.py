"""What workers run for campaigns: ids in, nothing out."""

from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery import sweeper, wakeups
from crm_plugin.campaigns.delivery.drain import drain as drain_campaign
from crm_plugin.campaigns.feedback import bounces, delivery_reports, poll_reports, refusals
from crm_plugin.campaigns.launch.freezing import freeze as freeze_campaign
from crm_plugin.campaigns.ledger.campaign_states import ACTIVE
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm, current
from crm_plugin.kernel.db.sql_clock import db_now

UPKEEP = (
    ("crm_plugin.campaigns.jobs.sweep", 5),
    ("crm_plugin.campaigns.jobs.look_at_bounces", 60),
    ("crm_plugin.campaigns.jobs.look_at_refusals", 10),
    ("crm_plugin.campaigns.jobs.ask", 300),
)
PERIODIC = (("crm_plugin.campaigns.jobs.attend", 5),)
DAILY = ("crm_plugin.campaigns.jobs.tidy",)

DRAIN_SECONDS = 20.0
_KEEP_REPORTS = timedelta(days=30)


def freeze(campaign_id: int) -> None:
    """Freeze a campaign, then have it drained."""
    crm = current()
    if _do(crm, campaign_id, "freezing"):
        wakeups.wake(crm, campaign_id, "sending")


def drain(campaign_id: int) -> None:
    """Send for a bounded time, then queue up again behind the other campaigns."""
    crm = current()
    if _do(crm, campaign_id, "sending"):
        wakeups.wake_next(crm, campaign_id)


def sweep() -> None:
    """Do what time alone makes due; wake workers that should be working and are not."""
    crm = current()
    sweeper.sweep(crm)
    for campaign_id, state in _due(crm, unattended=True):
        wakeups.wake(crm, campaign_id, state)


def attend() -> None:
    """Freeze and send here what nobody is at, while no queue takes a wake-up for it."""
    crm = current()
    for campaign_id, state in _due(crm, unattended=True):
        if not wakeups.wake(crm, campaign_id, state):
            _do(crm, campaign_id, state)


def ask() -> None:
    """Ask the SMS carrier about messages that it has not reported on."""
    poll_reports.ask(current())


def look_at_bounces() -> None:
    """Note e-mail addresses that were refused at once, and reports that came before their row was settled."""
    bounces.sweep(current())


def look_at_refusals() -> None:
    """Take the opt-outs that SMS carriers gave as their reason for a refusal."""
    refusals.sweep(current())


def tidy() -> None:
    """Forget delivery reports that never found their message, and drafts deleted long ago."""
    crm = current()
    drafts.sweep(crm)
    crm.db.run(lambda session: delivery_reports.purge(session, crm.clock() - _KEEP_REPORTS))


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    done = sweeper.sweep(crm)
    done = bool(bounces.sweep(crm)) or done
    done = bool(refusals.sweep(crm)) or done
    for campaign_id, state in _due(crm):
        done = _do(crm, campaign_id, state) or done
    return done


def is_held(crm: Crm) -> bool:
    """Return whether another worker holds rows of a campaign under way, or its freeze.

    It may be dead: then they are free when its lease has lapsed, which every round of work looks for.
    """
    with crm.db.read() as session:
        rows = sa.exists().where(Delivery.campaign_id == Campaign.id, *_live(session))
        freeze = Campaign.freeze_lease_until >= db_now(session)
        held = sa.case((Campaign.state == "sending", rows), else_=freeze)
        query = sa.select(Campaign.id).where(Campaign.state.in_(ACTIVE), held).limit(1)
        return session.scalar(query) is not None


def _live(session: Session) -> tuple[sa.ColumnElement[bool], ...]:
    return Delivery.state.in_(("leased", "sending")), Delivery.lease_until >= db_now(session)


def _do(crm: Crm, campaign_id: int, state: str) -> bool:
    return any(crm.round("campaigns.send").one(campaign_id, partial(_work_at, crm, campaign_id, state)))


def _work_at(crm: Crm, campaign_id: int, state: str) -> bool:
    if state == "freezing":
        return freeze_campaign(crm, campaign_id)
    return bool(drain_campaign(crm, campaign_id, DRAIN_SECONDS))


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
    return sa.and_(work, ~mine.where(*_live(session)))
