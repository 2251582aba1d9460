"""Bounces of one campaign that are all alike: then the fault is not the addresses', and none is stopped.

A mail server that has lost its list of recipients for a minute reports ``5.1.1`` of everybody. So when half
of what a campaign sent came back in the same way, its bounces stop to count, addresses that they stopped are
written to again, and a person has to look.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.feedback import alike
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Delivery
from crm_plugin.channels.email.feedback import bounces
from crm_plugin.channels.email.feedback.bounces import Event
from crm_plugin.channels.models import Bounce

REASON = "bounced_alike"


def are_alike(session: Session, event: Event, row: Delivery) -> bool:
    """Return whether half of the messages of a campaign came back like this one."""
    if event.kind == "complaint":
        return False
    found = session.scalar(sa.select(sa.func.count()).select_from(Bounce).where(*_alike(event, row))) or 0
    return alike.are_most(session, row.campaign_id, found)


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
    if len(counting) >= alike.ENOUGH:  # later ones come by themselves
        alike.stop(session, row.campaign_id, at, REASON)


def _alike(event: Event, row: Delivery) -> tuple[Any, ...]:
    ids = sa.select(Delivery.id).where(Delivery.campaign_id == row.campaign_id)
    return Bounce.kind == event.kind, Bounce.status == event.status, Bounce.delivery_id.in_(ids)
