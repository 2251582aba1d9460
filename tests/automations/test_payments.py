"""Payments during a send: nobody is reminded of an order that they paid more than five seconds before."""

import random
import threading
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crm_plugin.automations.steps import advance
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.sync.events import Sink
from tests.automations.fixtures import HELLO, add_order, children_of, school, switched_on, wait, work
from tests.campaigns.fixtures import answers, books, books_of
from tests.fakes.carrier import receipt
from tests.fakes.crm import NOW

SECONDS = 5.0


def pay(crm: Crm, number: int) -> None:
    """Let somebody pay at the school, which emits an event and says it to nobody else."""
    paid = r.Order(
        *(f"o{number}", f"p{number}", "paid", Decimal(199), "CNY"),
        created_at=NOW,
        paid_at=NOW,
        lines=(r.OrderLine("course", "c1", Decimal(199)),),
    )
    crm.host.plugin.put(paid, silent=True)  # type: ignore[attr-defined]
    Sink(crm).emit(r.HostEvent("orders", [f"o{number}"]))


def paid_during_a_send(crm: Crm, people: int, payments: int) -> None:
    ident = switched_on(crm, steps=[wait(1), HELLO])
    for number in range(1, people + 1):
        add_order(crm, number, number)
    work(crm)
    crm.clock.move(seconds=timedelta(hours=2).total_seconds())  # type: ignore[attr-defined]
    chosen = random.Random(people).sample(range(1, people + 1), payments)
    paid: dict[int, float] = {}
    called: dict[int, float] = {}

    def answer(message: Message) -> Receipt:
        called[int(message.address[6:])] = time.monotonic()
        return receipt(message)

    def pay_all() -> None:
        for number in chosen:
            pay(crm, number)
            paid[number] = time.monotonic()
            time.sleep(random.uniform(0, 0.004))

    answers(crm, answer)
    books_of(crm).delay = 0.1
    payer = threading.Thread(target=pay_all)
    payer.start()
    while payer.is_alive() or advance.advance(crm, ident):
        work(crm)
    payer.join()
    work(crm)
    late = [number for number in called if number in paid and called[number] - paid[number] > SECONDS]
    assert late == []
    assert len(paid) == payments
    (campaign,) = children_of(crm, ident)
    found = books(crm, campaign.id)
    # Some paid in time: before their step, between the freeze and their message.
    assert len(called) == found["sent"] < people
    assert found["considered"] <= people


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_payments_during_a_send(database: Database, tmp_path: Path) -> None:
    paid_during_a_send(school(database, tmp_path, people=120), 120, 80)


@pytest.mark.long
def test_a_thousand_payments_during_a_send(database: Database, tmp_path: Path) -> None:
    paid_during_a_send(school(database, tmp_path, people=1500), 1500, 1000)
