"""When most of what a campaign sent fails in one way, the fault is ours, and not that of so many people."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import record

ENOUGH = 20
"""Failures below which their share says nothing."""
SHARE = 50
"""Percent of the messages handed over that may fail alike."""
LEFT = ("sent", "delivered", "unknown", "failed_permanent", "failed_transient")


def are_most(session: Session, found: int, *of: sa.ColumnElement[bool]) -> bool:
    """Return whether so many failures that are alike are most of what was handed over.

    :param of: conditions on the messages that they are a share of, such as those of a campaign.
    """
    if found < ENOUGH:
        return False
    mine = sa.select(Delivery.id).where(*of, Delivery.state.in_(LEFT))
    most = mine.limit(found * 100 // SHARE + 1).subquery()
    return (session.scalar(sa.select(sa.func.count()).select_from(most)) or 0) * SHARE <= found * 100


def stop(session: Session, campaign_id: int, at: datetime, reason: str) -> None:
    """Stop the campaign if it still sends, and put it on record, so that somebody gets a notice."""
    of = ("campaign", campaign_id)
    still = Campaign.state.in_(campaign_states.ACTIVE)
    if campaign_states.change(session, campaign_id, "pause", still, reason=reason):
        record(session, at, SYSTEM.id, "campaign.pause", of, reason=reason)
    else:
        put_on_record(session, campaign_id, at, reason)


def put_on_record(session: Session, campaign_id: int, at: datetime, reason: str) -> None:
    """Let somebody get a notice, whatever the campaign does."""
    record(session, at, SYSTEM.id, f"campaign.{reason}", ("campaign", campaign_id))
