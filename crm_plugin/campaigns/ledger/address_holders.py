"""Whom an address still counts for in the ledger: rows keep the address that they were frozen with."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.profiles.consent.address_locks import Address

_UNDER_WAY = ("freezing", "sending", "paused", "held")
_NOT_LEFT = ("pending", "waiting", "leased")


def holders(session: Session, addresses: Iterable[Address]) -> list[int]:
    """Return the persons of messages that are still to go to one of the addresses.

    Their own address may be another one by now: a marking locks them all the same.
    """
    open_campaigns = sa.select(Campaign.id).where(Campaign.state.in_(_UNDER_WAY))
    found: list[int] = []
    for channel, key in addresses:
        rows = sa.select(Delivery.person_id).where(
            Delivery.campaign_id.in_(open_campaigns),
            Delivery.channel == channel,
            Delivery.address_key == key,
            Delivery.state.in_(_NOT_LEFT),
        )
        found += session.scalars(rows)
    return found
