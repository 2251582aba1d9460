"""A campaign through an SMS carrier on loopback, and the reports that it pushes or is asked for."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from crm_plugin.campaigns import jobs
from crm_plugin.campaigns.feedback import poll_reports
from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.channels.sms.templates import set_code
from crm_plugin.host.context import Crm, install
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import books, launched, move_to, rows, run, state, world
from tests.channels.sms.carriers.world import settings_of
from tests.fakes.crm import NOW
from tests.fakes.sms import FakeAliyun, serve


@pytest.fixture
def gateway() -> Iterator[FakeAliyun]:
    with serve(FakeAliyun({"SMS_9": "Hello ${display_name}"}, ("ali-id", "ali-secret"), "网校")) as found:
        assert isinstance(found, FakeAliyun)
        yield found


@pytest.fixture
def crm(database: Database, tmp_path: Path, gateway: FakeAliyun) -> Crm:
    found = world(database, tmp_path, people=230, **settings_of("aliyun", gateway.url))
    with found.db.begin() as session:
        set_code(session, "hello", "aliyun", "SMS_9", NOW)
    return found


def test_a_campaign_goes_out_by_aliyun(crm: Crm, gateway: FakeAliyun) -> None:
    campaign = launched(crm)
    run(crm)
    assert books(crm, campaign) == {"considered": 230, "sent": 230}
    assert len({number for number, _ in gateway.taken}) == len(gateway.taken) == 230
    assert gateway.calls <= 4
    refs = {row.carrier_ref for row in rows(crm, campaign).values()}
    assert len(refs) == 230


def test_a_campaign_without_balance_pauses_and_loses_nobody(crm: Crm, gateway: FakeAliyun) -> None:
    gateway.next = (200, {"Code": "isv.AMOUNT_NOT_ENOUGH", "Message": "账户余额不足"})
    campaign = launched(crm)
    run(crm)
    assert state(crm, campaign) == "paused"
    assert gateway.taken == []
    assert books(crm, campaign) == {"considered": 230, "waiting": 100, "pending": 130}
    assert {row.reason for row in rows(crm, campaign).values() if row.state == "waiting"} == {
        "carrier_balance:isv.AMOUNT_NOT_ENOUGH"
    }


def test_messages_without_a_report_are_asked_about(crm: Crm, gateway: FakeAliyun) -> None:
    campaign = launched(crm)
    run(crm)
    install(crm)
    calls = gateway.calls
    jobs.ask()
    assert gateway.calls == calls, "too early"
    for number, place in enumerate(gateway.sent):
        gateway.sent[place] = (3, 2, 1)[number % 3]
    move_to(crm, NOW + poll_reports.AFTER + timedelta(minutes=1))
    learnt = [poll_reports.ask(crm) for _ in range(10)]
    assert sum(learnt) == len([place for place in gateway.sent.values() if place > 1]) == 154
    assert books(crm, campaign) == {"considered": 230, "delivered": 77, "failed_permanent": 77, "sent": 76}
    calls = gateway.calls
    move_to(crm, NOW + poll_reports.UNTIL + timedelta(hours=1))
    assert poll_reports.ask(crm) == 0
    assert gateway.calls == calls, "too late"


def test_asking_ends_in_time_and_goes_on_where_it_was(crm: Crm, gateway: FakeAliyun) -> None:
    launched(crm)
    run(crm)
    move_to(crm, NOW + poll_reports.AFTER + timedelta(minutes=1))
    asked: list[str] = []

    def question(ref: str, at: Any) -> Report | None:
        asked.append(ref)
        return None

    with patch.object(poll_reports, "_asked", lambda crm: ("aliyun", question)):
        with patch.object(poll_reports, "SECONDS", 0.0):
            poll_reports.ask(crm)
        assert asked == []
        for _ in range(6):
            poll_reports.ask(crm)
    assert len(asked) == 230 + poll_reports.MOST, "all in turn, then from the start"
    assert len(set(asked)) == 230


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("carrier", ["outbox", "pigeon"])
def test_a_carrier_that_cannot_be_asked_is_not(database: Database, tmp_path: Path, carrier: str) -> None:
    assert poll_reports.ask(world(database, tmp_path, sms_carrier=carrier)) == 0
