"""The pre-flight: old data, archived templates, and people who lack a word of the text."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.models.streams import Stream
from crm_plugin.segments.saved import quick_queries
from tests.campaigns.fixtures import (
    add_people,
    answers,
    books,
    document,
    launched,
    preflight,
    run,
    state,
    world,
)
from tests.fakes.carrier import receipt
from tests.fakes.crm import NOW
from tests.fakes.host import staff


def codes(crm: Crm, campaign: int) -> tuple[list[str], list[str]]:
    found = preflight(crm, campaign)
    return [one.code for one in found.errors], [one.code for one in found.warnings]


def read(crm: Crm, hours: float) -> None:
    """Let the orders have been read so many hours ago."""
    with crm.db.begin() as session:
        session.merge(Stream(stream="orders", ok_at=NOW - timedelta(hours=hours)))


def archive(crm: Crm, key: str = "hello") -> None:
    with crm.db.begin() as session:
        session.execute(sa.update(SmsTemplate).where(SmsTemplate.key == key).values(archived=True))


def test_old_data_are_told_with_what_will_happen(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    now = drafts.create(crm, staff("ann"), document())
    later = drafts.create(crm, staff("ann"), document(at=(NOW + timedelta(days=1)).isoformat()))
    read(crm, 23)
    assert "campaign.data_old" not in codes(crm, now)[1]
    assert preflight(crm, now).data_as_of == NOW - timedelta(hours=23)
    read(crm, 49.5)
    (warning,) = [one for one in preflight(crm, now).warnings if one.code == "campaign.data_old"]
    assert warning.params == {"hours": 49, "limit": 24}
    assert "campaign.data_old_then" in codes(crm, later)[1]
    assert service.launch(crm, staff("ann"), now) == "held", "as it was said"
    crm.settings.stale_data_hours = 0
    assert "campaign.data_old_then" not in codes(crm, later)[1]


def test_an_archived_template_launches_nothing_new(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    under_way = launched(crm)
    planned = launched(crm, at=(NOW + timedelta(days=1)).isoformat())
    draft = drafts.create(crm, staff("ann"), document())
    archive(crm)
    with pytest.raises(BadInput, match="'Hello' is archived") as refused:
        service.launch(crm, staff("ann"), draft)
    assert (refused.value.code, refused.value.place) == ("campaign.template_archived", "template")
    with pytest.raises(BadInput, match="archived"):
        send_test(crm, OPERATOR, draft, "13912345678")
    run(crm)
    assert books(crm, under_way) == {"considered": 2, "sent": 2}, "what was launched before goes on"
    assert state(crm, planned) == "scheduled"
    crm.clock.at = NOW + timedelta(days=1)  # type: ignore[attr-defined]
    run(crm)
    assert books(crm, planned) == {"considered": 2, "sent": 2}
    copied = drafts.copy(crm, staff("ann"), under_way, "Again")
    assert codes(crm, copied)[0] == ["campaign.template_archived"]


def test_a_campaign_whose_template_is_gone_stops_with_its_reason(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = launched(crm)
    with crm.db.begin() as session:
        session.execute(sa.delete(SmsTemplate).where(SmsTemplate.key == "hello"))
    assert not freeze(crm, campaign)
    assert (state(crm, campaign), queries.get(crm, campaign).reason) == (
        "paused",
        "campaign.unknown_template",
    )


def test_what_was_confirmed_is_what_a_planned_campaign_sends(database: Database, tmp_path: Path) -> None:
    """Text and quick queries stay as they were; who they find is counted at the start."""
    crm = world(database, tmp_path, people=3)
    boss = Actor("boss", "Boss", frozenset({"crm.view", "crm.edit", "crm.send", "crm.admin"}))

    def named(*ids: str) -> dict[str, Any]:
        rule = {"field": "display_name", "operator": "in", "value": [f"Person {one}" for one in ids]}
        return {"combinator": "and", "rules": [rule]}

    def within(ident: int) -> dict[str, Any]:
        rule = {"field": "segment", "operator": "=", "value": ident}
        return {"combinator": "and", "rules": [rule]}

    inner = quick_queries.save(crm, boss, "Inner", named("1", "4"), shared=True)
    outer = quick_queries.save(crm, boss, "Outer", within(inner), shared=True)
    goal = quick_queries.save(crm, boss, "Goal", named("9"), shared=True)
    at = (NOW + timedelta(days=1)).isoformat()
    campaign = launched(crm, audience=within(outer), policy={"goal": within(goal)}, at=at)
    quick_queries.change(crm, boss, inner, named("1", "2", "3", "4"))
    quick_queries.change(crm, boss, goal, named("1"))
    with crm.db.begin() as session:
        newer = sa.select(SmsTemplate).where(SmsTemplate.key == "hello")
        old = session.scalars(newer).one()
        names = ("key", "locale", "name", "purpose", "state", "updated_at")
        values = {name: getattr(old, name) for name in names}
        session.add(SmsTemplate(**values, version=2, text="Something else, ${display_name}"))
    add_people(crm, [4])
    crm.clock.at = NOW + timedelta(days=1)  # type: ignore[attr-defined]
    texts: list[str] = []

    def note(message: Message) -> Receipt:
        texts.append(message.text)
        return receipt(message)

    answers(crm, note)
    run(crm)
    assert books(crm, campaign) == {"considered": 2, "sent": 2}, "Person 4 came in meanwhile, 2 and 3 did not"
    assert all("Hello Person" in text for text in texts)
    copied = drafts.copy(crm, staff("ann"), campaign, "Again")
    assert preflight(crm, copied).reach.considered == 4, "a copy asks what is saved now"


@pytest.mark.parametrize(("minutes", "found"), [(1, ["campaign.too_slow"]), (9, []), (11, [])])
def test_what_cannot_leave_in_time_is_named(
    database: Database, tmp_path: Path, minutes: int, found: list[str]
) -> None:
    """Eighteen people at two a minute take nine minutes."""
    crm = world(database, tmp_path, people=18)
    policy = {
        "rate": {"n": 2, "per_seconds": 60},
        "expires_at": (NOW + timedelta(minutes=minutes)).isoformat(),
    }
    campaign = drafts.create(crm, staff("ann"), document(policy=policy))
    errors, warnings = codes(crm, campaign)
    assert errors == []
    assert [one for one in warnings if one == "campaign.too_slow"] == found
