"""What orders bring a course: the one definition of its money, for figures, pages, exports and the API.

An order's *share* is what its lines of the course come to; copies and plans are the course. Orders that ever
held money count, without those of amount 0. Orders from elsewhere (the setting ``offsite_sources``) are
counted apart. Money of a class is not spread over its courses, and currencies are never mixed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.models.school import HELD_MONEY, Order, OrderLine
from crm_plugin.profiles.store.normalise import fold

Condition = sa.ColumnElement[bool]
OfRoots = Callable[[Any], Condition]
"""Turns a column that names a root course into the condition that it is one of those meant."""


@dataclass(frozen=True)
class Figure:
    """A figure of money, and the orders behind it.

    :param where: which shares it is of.
    :param amount: the column of a share that it sums up.
    """

    where: Callable[[Any], Condition]
    amount: str


FIGURES = {
    "revenue": Figure(lambda share: sa.and_(share.counted == 1, share.offsite == 0), "net"),
    "refunded": Figure(
        lambda share: sa.and_(share.counted == 1, share.offsite == 0, share.refunded > 0), "refunded"
    ),
    "offsite_revenue": Figure(lambda share: sa.and_(share.counted == 1, share.offsite == 1), "net"),
    "at_risk": Figure(lambda share: share.at_risk > 0, "at_risk"),
}
"""Revenue: paid minus refunded. At risk: unpaid orders that are still open, and refunds that were asked
for and not decided, at most what was paid for this course."""


def shares(settings: Settings, of_roots: OfRoots, at: datetime) -> sa.Subquery:
    """Return the shares of orders in these root courses: one row for a course and an order.

    Amounts are in stored units.
    """
    lines = _lines(of_roots)
    zero: Any = sa.literal_column("0")
    held = sa.and_(Order.state.in_(HELD_MONEY), Order.amount > 0)
    net = lines.c.amount - lines.c.refunded
    asked = sa.type_coerce(Order.refund_requested, sa.BigInteger)
    waiting = sa.and_(Order.state == "pending", sa.or_(Order.closes_at.is_(None), Order.closes_at > at))
    returning = sa.case((asked < net, asked), else_=net)
    return (
        sa.select(
            *(lines.c.root_id, lines.c.order_id, Order.currency),
            sa.case((held, sa.literal_column("1")), else_=zero).label("counted"),
            sa.case((_offsite(settings), sa.literal_column("1")), else_=zero).label("offsite"),
            sa.case((held, lines.c.amount), else_=zero).label("paid"),
            sa.case((held, lines.c.refunded), else_=zero).label("refunded"),
            sa.case((held, net), else_=zero).label("net"),
            sa.case((waiting, lines.c.amount), (Order.state == "refunding", returning), else_=zero).label(
                "at_risk"
            ),
            sa.case((waiting, Order.closes_at)).label("closes_at"),
        )
        .join(Order, Order.id == lines.c.order_id)
        .subquery()
    )


def sums(share: Any) -> list[Any]:
    """Return the columns of all figures of money over shares, in stored units, by their names."""
    found = [_sum(one.where(share), share[one.amount]).label(name) for name, one in FIGURES.items()]
    for name in ("revenue", "offsite_revenue"):
        counted = _sum(FIGURES[name].where(share), sa.literal_column("1"))
        found.append(counted.label(name.replace("revenue", "orders")))
    return found


def _sum(where: Condition, amount: Any) -> Any:
    return sa.func.sum(sa.case((where, amount), else_=sa.literal_column("0")))


def _lines(of_roots: OfRoots) -> sa.Subquery:
    amount, refunded = (
        sa.func.sum(sa.type_coerce(column, sa.BigInteger))
        for column in (OrderLine.amount, OrderLine.refunded)
    )
    mine = sa.select(
        OrderLine.root_id, OrderLine.order_id, amount.label("amount"), refunded.label("refunded")
    ).where(of_roots(OrderLine.root_id))
    return mine.group_by(OrderLine.root_id, OrderLine.order_id).subquery()


def _offsite(settings: Settings) -> Condition:
    names = [fold(name.strip()) for name in settings.offsite_sources.split(",") if name.strip()]
    return Order.source_folded.in_(names)
