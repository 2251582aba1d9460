"""What a returned e-mail does: the ledger's row moves forward, and the address may be stopped."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.feedback import mass_bounces
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Delivery
from crm_plugin.channels.email.feedback import bounces
from crm_plugin.channels.email.feedback.bounces import CHANNEL, Event
from crm_plugin.host.context import Crm
from crm_plugin.profiles.store.recompute_queue import touch

LEFT = ("sent", "delivered", "unknown", "failed_permanent")
"""States of messages that a mail server was handed."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a report."""

    kind: str | None
    """None: it says nothing that counts."""
    matched: bool = False
    """It belongs to a message or an address of ours."""
    stopped: bool = False
    """The address is not written to any more."""
    detail: str = ""


def handed(address_key: str) -> Any:
    """Return a SELECT of the messages that were handed over for an address, the latest first."""
    mine = sa.select(Delivery).where(Delivery.channel == CHANNEL, Delivery.address_key == address_key)
    left = mine.where(Delivery.state.in_(LEFT), Delivery.handed_at.is_not(None))
    return left.order_by(Delivery.handed_at.desc(), Delivery.id.desc())


def apply(crm: Crm, session: Session, event: Event, row: Delivery | None) -> Taken:
    """Write an event down, stop its address if that is enough, and move its row; again = no change."""
    if not bounces.record(session, event):
        return Taken(event.kind, True, detail="known already")
    alike = mass_bounces.alike_to(session, event, row) if row is not None else None
    enough = alike is None and _is_enough(crm, session, event, row)
    if enough:
        # First the people, then the row: as a marking locks them.
        bounces.stop(crm, session, event)
    if row is not None:
        move_row(session, event.kind, event.status, event.at, event.words, row.id)
        touch(session, [row.person_id])
    if row is not None and alike is not None:
        mass_bounces.excuse(session, event, row, alike, crm.clock())
    return Taken(event.kind, True, enough)


def _is_enough(crm: Crm, session: Session, event: Event, row: Delivery | None) -> bool:
    if event.kind == "soft" and row is not None:
        return _soft_in_a_row(crm, session, event, row)
    return bounces.is_enough(session, crm.settings, event)


def _soft_in_a_row(crm: Crm, session: Session, event: Event, row: Delivery) -> bool:
    """Return whether the last messages to the address all came back softly, over so many days."""
    wanted = crm.settings.bounce_soft
    if wanted <= 0:
        return False
    query = handed(event.address_key).where(Delivery.person_id == row.person_id)
    last = session.execute(
        query.with_only_columns(Delivery.id, Delivery.state, Delivery.handed_at).limit(4 * wanted)
    ).all()
    soft = bounces.soft_among(session, event.address_key, [one.id for one in last])
    # What was refused for other reasons says nothing about the address, one way or the other.
    last = [one for one in last if one.id in soft or one.state != "failed_permanent"][:wanted]
    if len(last) < wanted or any(one.id not in soft for one in last):
        return False
    return bool(last[0].handed_at - last[-1].handed_at >= timedelta(days=crm.settings.bounce_soft_days))


def move_row(
    session: Session, kind: str, status: str, at: datetime, words: str | None, delivery_id: int
) -> int:
    """Move a row that is *sent* or *unknown* to where a report of this kind leads; return how many moved."""
    target = "delivered" if kind == "complaint" else "failed_permanent"
    reason = "complaint" if kind == "complaint" else f"bounce_{status or kind}"
    values = {"reason": reason[:64], "settled_at": at, "token": None, "words": (words or "")[:255] or None}
    return move(session, "report", ["sent", "unknown"], target, Delivery.id == delivery_id, **values)
