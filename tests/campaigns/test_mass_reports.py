"""Delivery reports that all name one failure are about us: the campaign stops, and nobody is lost."""

from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.delivery.retry import retry_failed
from crm_plugin.campaigns.feedback import delivery_reports
from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import answers, books, launched, move_to, ready, rows, run, state, status, world
from tests.fakes.carrier import receipt
from tests.fakes.crm import NOW
from tests.fakes.host import staff

PEOPLE = 60
LEFT = 40
"""Messages that leave before the carrier is busy; their reports come while the others wait."""
CODE = "CONTENT_KEYWORD"
BUSY: dict[str, Any] = {"status": "unavailable", "busy": True, "retry_after": 60.0}


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return world(database, tmp_path, people=PEOPLE)


def report(
    crm: Crm, campaign: int, people: range, reason: str | None, state: Any = "failed_permanent"
) -> None:
    refs = [row.carrier_ref or "" for person, row in sorted(rows(crm, campaign).items()) if person in people]
    assert all(refs)
    delivery_reports.receive_all(crm, "books", [Report(ref, state, reason, NOW) for ref in refs])


def stops(crm: Crm, campaign: int) -> list[str]:
    with crm.db.read() as session:
        mine = sa.select(AuditRow.action).where(AuditRow.object_id == str(campaign)).order_by(AuditRow.id)
        return [one for one in session.scalars(mine) if one.startswith(("campaign.pause", "campaign.rep"))]


def test_a_campaign_that_fails_with_one_code_stops_and_may_be_sent_again(crm: Crm) -> None:
    calls = count()
    answers(crm, lambda one: receipt(one, **({} if next(calls) < LEFT else BUSY)))
    campaign = ready(crm)
    drain(crm, campaign)
    report(crm, campaign, range(1, 20), CODE)
    assert (state(crm, campaign), books(crm, campaign)["failed_permanent"]) == ("sending", 19)
    report(crm, campaign, range(20, LEFT + 1), CODE)
    assert (state(crm, campaign), status(crm, campaign)["reason"]) == ("paused", "reported_alike")
    assert books(crm, campaign) == {
        "considered": PEOPLE,
        "failed_transient": LEFT,
        "waiting": PEOPLE - LEFT,
    }
    answers(crm, receipt)
    service.resume(crm, staff("ann"), campaign)
    retry_failed(crm, staff("ann"), campaign)
    move_to(crm, NOW + timedelta(hours=1))
    run(crm)
    assert books(crm, campaign) == {"considered": PEOPLE, "sent": PEOPLE}
    assert stops(crm, campaign) == ["campaign.pause"]


def test_one_that_is_over_is_put_on_record_once(crm: Crm) -> None:
    campaign = launched(crm)
    run(crm)
    assert state(crm, campaign) == "finished"
    report(crm, campaign, range(1, 11), None, "delivered")
    report(crm, campaign, range(11, 41), CODE)
    report(crm, campaign, range(41, 51), CODE)
    assert stops(crm, campaign) == ["campaign.reported_alike"]
    found = {"considered": PEOPLE, "delivered": 10, "failed_transient": 40, "sent": 10}
    assert books(crm, campaign) == found


@pytest.mark.parametrize(
    "reasons",
    [("opted_out:TD", "opted_out:TD"), ("MI:0001", "UNDELIV"), (CODE, None)],
    ids=["their own will", "various codes", "no code"],
)
@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_what_is_no_fault_of_ours_stops_nothing(crm: Crm, reasons: tuple[str, str | None]) -> None:
    campaign = launched(crm)
    run(crm)
    report(crm, campaign, range(1, 29), reasons[0])
    report(crm, campaign, range(29, 57), reasons[1])
    assert stops(crm, campaign) == []
    assert books(crm, campaign)["failed_permanent"] == 56
