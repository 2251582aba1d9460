"""Bounces of one campaign that are all alike: then the fault is not the addresses', and none is stopped.

A mail server that has lost its list of recipients for a minute reports ``5.1.1`` of everybody. So when half
of what a campaign sent came back in the same way, its bounces stop to count, addresses that they stopped are
written to again, and a person has to look. The same holds for half of what went to one domain, whose server
is one. There the campaign goes on, and a domain that is gone is believed when it says so on another day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.campaigns.feedback import alike
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Delivery
from crm_plugin.channels.email.feedback import bounces
from crm_plugin.channels.email.feedback.bounces import Event
from crm_plugin.channels.models import Bounce
from crm_plugin.kernel.db.bulk import among

REASON = "bounced_alike"
_ANOTHER_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Alike:
    """Bounces that are like one another, and the messages that they are a share of."""

    domain: str
    """Empty: of the whole campaign."""
    bounces: tuple[Any, ...]
    """Conditions on :class:`Bounce`."""
    rows: tuple[Any, ...]
    """Conditions on :class:`Delivery`."""


def alike_to(session: Session, event: Event, row: Delivery) -> Alike | None:
    """Return the bounces like this one, when they are half of the messages of a campaign or to a domain."""
    if event.kind == "complaint":
        return None
    return next(
        (one for one in (_of_all(event, row), _of_domain(event, row)) if _are_most(session, one)), None
    )


def excuse(session: Session, event: Event, row: Delivery, found: Alike, at: datetime) -> None:
    """Let bounces like this one count no more, and what they stopped and ended be sent to again."""
    query = sa.select(Bounce.id, Bounce.address_key).where(*found.bounces, Bounce.counts.is_(True))
    counting = session.execute(query).all()  # MariaDB changes no table that the condition reads too
    excused = sa.update(Bounce).where(among(session, Bounce.id, [one.id for one in counting]))
    session.execute(excused.values(counts=False).execution_options(synchronize_session=False))
    for one in counting:
        bounces.reopen(session, one.address_key, at)
    reasons = {f"bounce_{event.status or event.kind}"}
    reasons |= {row.reason} if row.reason and event.source == "smtp" else set()
    move(
        session, "doubt", ["failed_permanent"], "failed_transient", *found.rows, Delivery.reason.in_(reasons)
    )
    if len(counting) >= alike.ENOUGH:  # later ones come by themselves
        (alike.put_on_record if found.domain else alike.stop)(session, row.campaign_id, at, REASON)


def _are_most(session: Session, found: Alike) -> bool:
    count = session.scalar(sa.select(sa.func.count()).select_from(Bounce).where(*found.bounces)) or 0
    return alike.are_most(session, count, *found.rows)


def _of_all(event: Event, row: Delivery) -> Alike:
    ids = sa.select(Delivery.id).where(Delivery.campaign_id == row.campaign_id)
    same = (Bounce.kind == event.kind, Bounce.status == event.status, Bounce.delivery_id.in_(ids))
    return Alike("", same, (Delivery.campaign_id == row.campaign_id,))


def _of_domain(event: Event, row: Delivery) -> Alike:
    """Narrow it to one domain, without addresses that came back in this way on an earlier day too."""
    domain = event.address_key.rpartition("@")[2]
    whole, ending, earlier = _of_all(event, row), f"@{domain}", aliased(Bounce)
    again = sa.exists().where(
        earlier.address_key == Bounce.address_key,
        earlier.kind == event.kind,
        earlier.at <= event.at - _ANOTHER_DAY,
    )
    theirs = (Bounce.address_key.endswith(ending, autoescape=True), ~again)
    return Alike(
        domain,
        (*whole.bounces, *theirs),
        (*whole.rows, Delivery.address_key.endswith(ending, autoescape=True)),
    )
