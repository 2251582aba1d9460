"""Orders of Moodle's enrolment by PayPal, beside the payments of newer ways to pay.

Facts of ``enrol/paypal/ipn.php`` in Moodle's source: a row is written when PayPal has taken the money
(*Completed*), or a bank is still to send it (*Pending*, eCheck); the person is enrolled at once either way.
The later notice that it arrived is refused as a repeated transaction, so such a row stays *Pending* for ever.
When the money does not come, or goes back, the person is unenrolled, and nothing is written. No row has an
amount. Notices that PayPal does not confirm are written too, and look the same.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.sql import Source, Trace

from .tables import ENROL, OPTION, PAYPAL, SEAT, USER, money, when

PREFIX = "paypal:"
_CENT = Decimal("0.01")
_SEATED = sa.exists().where(SEAT.c.userid == PAYPAL.c.userid, SEAT.c.enrolid == PAYPAL.c.instanceid)
_METHOD = sa.and_(ENROL.c.id == PAYPAL.c.instanceid, ENROL.c.enrol == "paypal")


def orders(connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
    """Make the orders of one page, each for one course at the price of its enrolment method."""
    usual = _usual_price(connection)
    return [_order(row, _price(row.cost, usual)) for row in rows]


def _order(row: Any, amount: Any) -> r.Order:
    at = when(row.timeupdated)
    paid = row.payment_status == "Completed" or row.seated
    return r.Order(
        f"{PREFIX}{row.id}",
        None if row.deleted else str(row.userid),
        "paid" if paid else "closed",
        amount,
        row.currency,
        created_at=at,
        paid_at=at if paid else None,
        lines=(r.OrderLine("course", str(row.courseid), amount),),
    )


def _price(cost: str | None, usual: Any) -> Any:
    """Return what PayPal was to ask for: the method's price in whole cents, or without one the site's."""
    price = money(cost or "0")
    if isinstance(price, Decimal) and price <= 0:
        price = usual
    return price.quantize(_CENT, ROUND_HALF_UP) if isinstance(price, Decimal) else price


def _usual_price(connection: sa.Connection) -> Any:
    if not sa.inspect(connection).has_table(OPTION.name):
        return Decimal(0)
    option = sa.and_(OPTION.c.plugin == "enrol_paypal", OPTION.c.name == "cost")
    return money(connection.scalar(sa.select(OPTION.c.value).where(option)) or "0")


SOURCES = (
    Source(
        sa.select(
            PAYPAL,
            *(ENROL.c.cost, ENROL.c.currency),
            sa.func.coalesce(USER.c.deleted, 1).label("deleted"),
            sa.case((_SEATED, 1), else_=0).label("seated"),
        )
        .join_from(PAYPAL, ENROL, _METHOD)
        .outerjoin(USER, USER.c.id == PAYPAL.c.userid)
        .where(PAYPAL.c.payment_status.in_(("Completed", "Pending"))),
        PAYPAL.c.id,
        orders,
        PREFIX,
    ),
)
TRACES = (Trace(PAYPAL.c.timeupdated, PAYPAL.c.id, PAYPAL.c.id, PREFIX),)
