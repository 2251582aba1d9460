"""How many SQL statements a campaign costs."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import jobs, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch import staging
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.channels.outbox import listed
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person
from tests.campaigns.fixtures import books, document, launched, run, state, world
from tests.campaigns.statements import counted
from tests.fakes.crm import NOW
from tests.fakes.host import staff

PEOPLE = 1000

EVERY_POLICY: dict[str, Any] = {
    "leave_out_days": 7,
    "cap": {"n": 3, "days": 30},
    "quiet_hours": {"from": "02:00", "to": "03:00"},
    "goal": {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]},
    "expires_at": (NOW + timedelta(days=2)).isoformat(),
}


@pytest.mark.parametrize(("policy", "limit"), [({}, 0.3), (EVERY_POLICY, 0.5)], ids=["empty", "every"])
def test_sending_through_the_outbox(
    database: Database, tmp_path: Path, policy: dict[str, Any], limit: float
) -> None:
    crm = world(database, tmp_path, people=PEOPLE, sms_carrier="outbox")
    campaign = launched(crm, policy=policy)
    assert freeze(crm, campaign)
    with counted(database) as count:
        drain(crm, campaign, 120)
    assert books(crm, campaign) == {"considered": PEOPLE, "sent": PEOPLE}
    with crm.db.read() as session:
        assert len({message.person for message in listed(session, campaign, limit=2 * PEOPLE)}) == PEOPLE
    assert len(count) <= limit * PEOPLE


def test_sending_when_a_quarter_is_excluded_late(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=PEOPLE, sms_carrier="outbox")
    campaign = launched(crm, policy=EVERY_POLICY)
    assert freeze(crm, campaign)
    with crm.db.begin() as session:
        session.execute(sa.update(Person).where(Person.id % 4 == 0).values(paid_count=1))
    with counted(database) as count:
        drain(crm, campaign, 120)
    quarter = PEOPLE // 4
    assert books(crm, campaign) == {
        "considered": PEOPLE,
        "sent": PEOPLE - quarter,
        "excluded": {"goal": quarter},
    }
    assert len(count) <= 0.5 * (PEOPLE - quarter)


def test_freezing(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crm = world(database, tmp_path, people=2000)
    campaign = drafts.create(crm, staff("tester"), document(policy=EVERY_POLICY, holdout=0.1))
    with counted(database) as whole:
        service.launch(crm, staff("tester"), campaign)
        assert freeze(crm, campaign)
    assert len(whole) <= 50

    # The same in chunks of 100: what each further chunk costs, at the size of the real ones.
    monkeypatch.setattr(staging, "CHUNK", 100)
    chunked = drafts.create(crm, staff("tester"), document(policy=EVERY_POLICY, holdout=0.1))
    with counted(database) as count:
        service.launch(crm, staff("tester"), chunked)
        assert freeze(crm, chunked)
    a_chunk = (len(count) - len(whole)) / 19
    monkeypatch.undo()
    assert a_chunk / staging.CHUNK <= 1 / 20_000


def test_nothing_to_do_costs_little(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    for _ in range(5):
        launched(crm)
    run(crm)
    with counted(database) as count:
        assert not jobs.burst(crm)
    assert len(count) <= 13, "\n".join(count.texts)


def test_the_cost_of_a_message_does_not_grow_with_the_campaign(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1200, sms_carrier="outbox")
    costs = []
    some = {
        "combinator": "and",
        "rules": [{"field": "id", "operator": "in", "value": [f"p{n}" for n in range(1, 201)]}],
    }
    for values, people in (({"audience": some}, 200), ({}, 1200)):
        campaign = launched(crm, **values)
        assert freeze(crm, campaign)
        with counted(database) as count:
            drain(crm, campaign, 120)
        assert state(crm, campaign) == "finished"
        costs.append(len(count) / people)
    assert costs[1] <= costs[0]
