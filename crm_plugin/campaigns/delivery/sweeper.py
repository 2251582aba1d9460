"""The sweeper: gives back what dead workers leased, and puts what they were calling in doubt."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.delivery import notifications, resubmit
from crm_plugin.campaigns.feedback import delivery_reports
from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.ledger import lease, person_facts
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.sql_clock import db_now

_LATELY = timedelta(hours=1)


def sweep(crm: Crm) -> bool:
    """Do one round of what time alone makes due; True when something changed."""
    held = lifecycle.hold_copies(crm)
    started = lifecycle.start_due(crm)
    lapsed = lapse(crm)
    cleared = resubmit.clear(crm)
    matched = delivery_reports.match_kept(crm)
    with crm.db.read() as session:
        sending = session.scalars(sa.select(Campaign.id).where(Campaign.state == "sending")).all()
    finished = any(crm.round("campaigns.finish").each(sending, lambda id: lifecycle.finish(crm, id)))
    notifications.notify(crm)
    return bool(held or started or lapsed or cleared or matched or finished)


def lapse(crm: Crm) -> int:
    """Recover what was not settled in time; return how many rows.

    A row that was only leased goes back to *pending* (in a cancelled campaign to *cancelled*). One that
    was *sending* may or may not have left: it becomes *unknown*, and nothing sends it again by itself.
    """
    with crm.db.read() as session:
        campaigns = _lapsed(session)
    return crm.db.run(lambda session: _lapse(crm, session, campaigns)) if campaigns else 0


def _lapsed(session: Session) -> Sequence[int]:
    query = sa.select(Delivery.campaign_id).distinct()
    query = query.where(Delivery.state.in_(("leased", "sending")), Delivery.lease_until < db_now(session))
    return session.scalars(query).all()


def _lapse(crm: Crm, session: Session, campaigns: Sequence[int]) -> int:
    lapsed = Delivery.lease_until < db_now(session)
    count = lease.put_back(session, campaigns, lapsed)
    # The token stays: a worker that was only slow may still settle the row to a known end.
    count += move(session, "lapse", ["sending"], "unknown", lapsed, reason="lapsed", lease_until=None)
    person_facts.touch_since(session, campaigns, crm.clock() - _LATELY)
    return count
