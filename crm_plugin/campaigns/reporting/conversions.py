"""What came after a campaign: purchases within some days of a message, beside those of people kept back.

A purchase counts when it held money and was paid after the person's message was handed over, at most so many
days later. That says *after*, not *because*: only the people kept back show what would have come anyway.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.links import measures
from crm_plugin.profiles.models.school import HELD_MONEY, Order, OrderLine
from crm_plugin.profiles.store.course_scope import of_courses

WINDOWS = (1, 3, 7, 14, 30)
"""Days after a message within which a purchase may be counted."""


@dataclass(slots=True)
class Outcome:
    """Purchases after the messages of a campaign."""

    days: int
    messaged: int = 0
    """People whose message left, or may have."""
    buyers: int = 0
    buyers_who_clicked: int = 0
    orders: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)
    """Currency → paid minus refunded."""
    kept_back: int = 0
    kept_back_buyers: int = 0
    """Of the people kept back: those who bought within as many days of the launch."""


def check_days(days: int) -> int:
    """Return a window that there is.

    :raises BadInput: ``input.bad``.
    """
    if days not in WINDOWS:
        raise BadInput("input.bad", "days", reason=one_of(map(str, WINDOWS)))
    return days


def conversions(session: Session, campaign: CampaignRow, days: int, actor: Actor) -> Outcome | None:
    """Return the purchases after a campaign; orders are read one by one, in bounded memory.

    None for who is limited to some courses, whose purchases are not apart; no amounts without ``crm.money``.
    """
    if actor.scope is not None:
        return None
    found = Outcome(check_days(days))
    sent = sa.and_(Delivery.campaign_id == campaign.id, Delivery.state.in_(COUNTED))
    back = sa.and_(Delivery.campaign_id == campaign.id, _is_kept_back())
    found.messaged, found.kept_back = _count(session, sent), _count(session, back)
    buyers: set[int] = set()
    for delivery, order in _purchases(session, campaign, sent, days):
        buyers.add(delivery)
        found.orders += 1
        if not actor.may("crm.money"):
            continue
        net = order.amount - order.refunded
        found.amounts[order.currency] = found.amounts.get(order.currency, Decimal(0)) + net
    found.buyers = len(buyers)
    found.buyers_who_clicked = len(buyers & measures.clickers(session, campaign.id))
    found.kept_back_buyers = len({one for one, _ in _purchases(session, campaign, back, days)})
    return found


def buyers(session: Session, campaign: CampaignRow, days: int) -> list[int]:
    """Return the ledger rows of who bought within so many days of their message, ascending."""
    sent = sa.and_(Delivery.campaign_id == campaign.id, Delivery.state.in_(COUNTED))
    found = _purchases(session, campaign, sent, check_days(days))
    return sorted({delivery for delivery, _ in found})


def _is_kept_back() -> sa.ColumnElement[bool]:
    return sa.and_(Delivery.state == "excluded", Delivery.reason == "holdout")


def _count(session: Session, where: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(Delivery).where(where)) or 0


def _of_its_courses(campaign: CampaignRow) -> sa.ColumnElement[bool]:
    """Return that an order is for one of the courses that the campaign's author is limited to."""
    if campaign.scope is None:
        return sa.true()
    return Order.id.in_(sa.select(OrderLine.order_id).where(of_courses(OrderLine.root_id, campaign.scope)))


def _purchases(
    session: Session, campaign: CampaignRow, rows: sa.ColumnElement[bool], days: int
) -> Iterator[tuple[int, Any]]:
    """Return (ledger row, order) of each purchase in the days after the message, else after the launch."""
    launched = campaign.launched_at
    if launched is None:
        return
    paid = sa.func.coalesce(Order.paid_at, Order.created_at, type_=Order.paid_at.type)
    query = (
        sa.select(
            *(Delivery.id, Delivery.handed_at, paid.label("paid")),
            *(Order.amount, Order.refunded, Order.currency),
        )
        .join(Order, Order.person_id == Delivery.person_id)
        .where(rows, Order.state.in_(HELD_MONEY), Order.amount > 0, paid > launched)
        .where(_of_its_courses(campaign))
        .execution_options(yield_per=5_000)
    )
    for row in session.execute(query):
        # Adding days to a column reads differently in each database; the few orders are compared here.
        since = row.handed_at or launched
        if since < row.paid <= since + timedelta(days=days):
            yield row.id, row
