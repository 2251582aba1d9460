"""Bounces of one campaign that are all alike: then the fault is not the addresses', and none is stopped.

A mail server that has lost its list of recipients for a minute reports ``5.1.1`` of everybody. So when half
of what a campaign sent came back in the same way, its bounces stop to count, addresses that they stopped are
written to again, and a person has to look.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.channels.email.feedback import bounces
from crm_plugin.channels.email.feedback.bounces import Event
from crm_plugin.channels.models import Bounce
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import record

REASON = "bounced_alike"
ENOUGH = 20
"""Bounces below which their share says nothing."""
SHARE = 50
"""Percent of the messages handed over that may come back alike."""
LEFT = ("sent", "delivered", "unknown", "failed_permanent", "failed_transient")


def are_alike(session: Session, event: Event, row: Delivery) -> bool:
    """Return whether half of the messages of a campaign came back like this one."""
    if event.kind == "complaint":
        return False
    alike = session.scalar(sa.select(sa.func.count()).select_from(Bounce).where(*_alike(event, row))) or 0
    if alike < ENOUGH:
        return False
    mine = sa.select(Delivery.id).where(Delivery.campaign_id == row.campaign_id, Delivery.state.in_(LEFT))
    most = mine.limit(alike * 100 // SHARE + 1).subquery()
    return (session.scalar(sa.select(sa.func.count()).select_from(most)) or 0) * SHARE <= alike * 100


def excuse(session: Session, event: Event, row: Delivery, at: datetime) -> None:
    """Let bounces like this one count no more, and what they stopped and ended be sent to again."""
    counting = session.scalars(
        sa.select(Bounce.address_key).where(*_alike(event, row), Bounce.counts.is_(True))
    ).all()
    excused = sa.update(Bounce).where(*_alike(event, row)).values(counts=False)
    session.execute(excused.execution_options(synchronize_session=False))
    for key in counting:
        bounces.reopen(session, key, at)
    failed = (
        Delivery.campaign_id == row.campaign_id,
        Delivery.reason == f"bounce_{event.status or event.kind}",
    )
    move(session, "doubt", ["failed_permanent"], "failed_transient", *failed)
    if len(counting) >= ENOUGH:  # later ones come by themselves
        _report(session, row.campaign_id, at)


def _alike(event: Event, row: Delivery) -> tuple[Any, ...]:
    ids = sa.select(Delivery.id).where(Delivery.campaign_id == row.campaign_id)
    return Bounce.kind == event.kind, Bounce.status == event.status, Bounce.delivery_id.in_(ids)


def _report(session: Session, campaign_id: int, at: datetime) -> None:
    """Stop the campaign if it still sends, and put it on record, so that somebody gets a notice."""
    of = ("campaign", campaign_id)
    still = Campaign.state.in_(campaign_states.ACTIVE)
    if campaign_states.change(session, campaign_id, "pause", still, reason=REASON):
        record(session, at, SYSTEM.id, "campaign.pause", of, reason=REASON)
    else:
        record(session, at, SYSTEM.id, "campaign.bounced_alike", of)
