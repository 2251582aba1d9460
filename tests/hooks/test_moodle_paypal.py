"""Payments of Moodle's older enrolment by PayPal are orders, as far as its table says what they were."""

import time
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.gateway import Gateway
from tests.hooks.moodle_site import SmallSite, changed

METADATA = sa.MetaData()
PAYPAL = sa.Table(
    "mdl_enrol_paypal",
    METADATA,
    *(sa.Column(name, sa.BigInteger) for name in ("id", "courseid", "userid", "instanceid", "timeupdated")),
    sa.Column("payment_status", sa.String(255)),
    sa.Column("pending_reason", sa.String(255)),
)
OPTIONS = sa.Table(
    "mdl_config_plugins",
    METADATA,
    sa.Column("id", sa.BigInteger),
    *(sa.Column(name, sa.String(100)) for name in ("plugin", "name", "value")),
)
on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
AT = 1_760_000_000


@pytest.fixture
def paypal(small: SmallSite) -> SmallSite:
    METADATA.create_all(small.engine)
    small.add("enrol", id=70, enrol="paypal", courseid=5, cost="49.005", currency="GBP")
    return small


def add(site: SmallSite, id: int, **values: Any) -> None:
    row = {"courseid": 5, "userid": 3, "instanceid": 70, "timeupdated": AT, "payment_status": "Completed"}
    site.run(PAYPAL.insert().values(id=id, **row | values))


def orders(gateway: Gateway) -> dict[str, r.Order]:
    page = gateway.scan("orders", None, 100)
    rows = list(page.rows)
    while page.next is not None:
        page = gateway.scan("orders", page.next, 100)
        rows += page.rows
    assert page.bad == []
    return {row.id: row for row in rows}


@on_sqlite
def test_a_completed_one_is_paid(paypal: SmallSite, gateway: Gateway) -> None:
    add(paypal, 1)
    (order,) = orders(gateway).values()
    assert (order.id, order.person_id, order.state) == ("paypal:1", "3", "paid")
    assert (order.amount, order.currency) == (Decimal("49.01"), "GBP")
    assert order.paid_at is not None
    assert order.paid_at.timestamp() == AT
    assert [(line.kind, line.item_id, line.amount) for line in order.lines] == [
        ("course", "5", Decimal("49.01"))
    ]


@pytest.mark.parametrize(("enrolled", "state"), [(True, "paid"), (False, "closed")])
def test_an_echeck_goes_by_the_seat(paypal: SmallSite, gateway: Gateway, enrolled: bool, state: str) -> None:
    """Moodle hears nothing more of it: the row stays *Pending* when the money came, and when it did not."""
    add(paypal, 1, payment_status="Pending", pending_reason="echeck")
    paypal.add("user_enrolments", id=8, enrolid=70 if enrolled else 50, userid=3)
    (order,) = orders(gateway).values()
    assert (order.state, order.paid_at is not None) == (state, enrolled)


@on_sqlite
def test_what_the_table_does_not_say_is_no_order(paypal: SmallSite, gateway: Gateway) -> None:
    add(paypal, 1, payment_status="Refunded")  # a notice that PayPal did not confirm
    add(paypal, 2, instanceid=71)  # the method was removed, and its price with it
    add(paypal, 3, userid=99)
    assert {id: order.person_id for id, order in orders(gateway).items()} == {"paypal:3": None}


@on_sqlite
@pytest.mark.parametrize(("cost", "amount"), [("0", "30.00"), ("", "30.00"), ("12.5", "12.50")])
def test_without_a_price_of_its_own_it_is_the_sites(
    paypal: SmallSite, gateway: Gateway, cost: str, amount: str
) -> None:
    paypal.set("enrol", 70, cost=cost)
    paypal.run(OPTIONS.insert().values(id=1, plugin="enrol_paypal", name="cost", value="30"))
    add(paypal, 1)
    assert [order.amount for order in orders(gateway).values()] == [Decimal(amount)]


def test_they_stand_beside_the_newer_payments_and_are_followed(paypal: SmallSite, gateway: Gateway) -> None:
    fee = {"component": "enrol_fee", "paymentarea": "fee", "itemid": 50, "userid": 4, "amount": "5.00"}
    paypal.add("payments", id=1, currency="GBP", **fee)
    add(paypal, 1)
    assert list(orders(gateway)) == ["1", "paypal:1"]
    now = int(time.time())
    assert "paypal:2" in changed(gateway, "orders", lambda: add(paypal, 2, timeupdated=now))
    fetched = gateway.fetch("orders", ["1", "paypal:2", "paypal:9"])
    assert [row.id for row in fetched.rows] == ["1", "paypal:2"]
    assert fetched.missing == ["paypal:9"]
