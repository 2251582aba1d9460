"""Verbs on automations: files and their mistakes, rights, changes, what is shipped, and what uses what."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.automations import queries, service
from crm_plugin.automations.entering import entry
from crm_plugin.automations.models import Automation, Inside, Member
from crm_plugin.automations.ready_made import READY_MADE
from crm_plugin.automations.steps import advance
from crm_plugin.host.context import Crm
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, NotFound, Refused
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.privacy.merge import merge
from crm_plugin.profiles.store import tombstones
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.segments.saved import quick_queries
from tests.automations.fixtures import (
    HELLO,
    TESTER,
    add_order,
    add_seat,
    automation,
    children_of,
    file,
    members,
    school,
    switched_on,
    wait,
    work,
)
from tests.campaigns.fixtures import books, sent, set_person

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
LIMITED = Actor("tess", "Tess", frozenset(PERMISSIONS), scope=frozenset({"c1"}))
NOBODY = Actor("nina", "Nina", frozenset({"crm.view"}))
SEGMENT = {"on": "segment", "segment": all_of(rule("paid_count", ">", 0))}


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return school(database, tmp_path, people=3)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"name": " "}, "campaign.bad_value", "name"),
    ({"what": 1}, "campaign.unknown_key", ""),
    ({"kind": "Big"}, "campaign.bad_value", "kind"),
    ({"trigger": {"on": "x"}}, "campaign.bad_value", "trigger.on"),
    ({"trigger": {"on": "date", "date": "x"}}, "campaign.bad_value", "trigger.date"),
    ({"trigger": {"on": "date", "date": "left", "n": -1}}, "campaign.bad_value", "trigger.n"),
    ({"trigger": {"on": "date", "date": "left", "at": "25:00"}}, "campaign.bad_value", "trigger.at"),
    ({"trigger": {"on": "stage", "stage": "x"}}, "campaign.bad_value", "trigger.stage"),
    ({"trigger": {"on": "segment", "segment": {"rules": 1}}}, "segment.", "trigger.segment"),
    ({"steps": {}}, "campaign.bad_value", "steps"),
    ({"steps": [wait(1)]}, "automation.no_send", "steps"),
    ({"steps": [HELLO] * 11}, "automation.too_many_steps", "steps"),
    ({"steps": [{"wait": {"n": 1, "unit": "year"}}, HELLO]}, "campaign.bad_value", "steps[0].wait.unit"),
    ({"steps": [{"if": all_of(), "else": "go"}, HELLO]}, "campaign.bad_value", "steps[0].else"),
    ({"steps": [{"send": {"channel": "pigeon"}}]}, "campaign.unknown_channel", "steps[0].send.channel"),
    ({"steps": [{"send": {"channel": "sms", "x": 1}}]}, "campaign.unknown_key", "steps[0].send"),
    ({"goal": all_of(rule("nothing", "=", 1))}, "segment.", "goal"),
    ({"again": -1}, "campaign.bad_value", "again"),
    ({"open_course": 1}, "campaign.bad_value", "open_course"),
    ({"policy": {"goal": all_of()}}, "campaign.unknown_key", "policy"),
    ({"trigger": SEGMENT, "open_course": True}, "automation.no_cause", "open_course"),
    ({"trigger": SEGMENT, "goal": all_of(rule("id", "=", "@order"))}, "automation.no_cause", "goal"),
    ({"trigger": SEGMENT, "steps": [wait(1, before=True), HELLO]}, "automation.no_cause", "steps[0].wait"),
    (
        {"trigger": SEGMENT, "steps": [{"send": {**HELLO["send"], "link": "@course"}}]},
        "automation.no_cause",
        "steps[0].send.link",
    ),
]


def test_each_mistake_has_its_place(crm: Crm) -> None:
    for change, code, place in WRONG:
        with pytest.raises(BadInput) as error:
            service.create(crm, TESTER, file(**change))
        assert error.value.code.startswith(code), change
        assert error.value.place.startswith(place), change


def test_only_staff_who_may_send_may_do_anything(crm: Crm) -> None:
    ident = service.create(crm, TESTER, file())
    verbs = (
        lambda actor: service.create(crm, actor, file()),
        lambda actor: service.update(crm, actor, ident, file()),
        lambda actor: service.copy(crm, actor, ident, "x"),
        lambda actor: service.remove(crm, actor, ident),
        lambda actor: service.restore(crm, actor, ident),
        lambda actor: service.pause(crm, actor, ident),
        lambda actor: service.resume(crm, actor, ident),
        lambda actor: service.end(crm, actor, ident),
        lambda actor: service.create_from_ready_made(crm, actor, "birthday"),
    )
    for verb in verbs:
        with pytest.raises(Refused):
            verb(NOBODY)
    assert queries.get(crm, NOBODY, ident).name == "Unpaid"


def test_limited_staff_see_their_own_and_reach_their_own_people(crm: Crm) -> None:
    whole = service.create(crm, TESTER, file())
    with pytest.raises(NotFound):
        queries.get(crm, LIMITED, whole)
    with pytest.raises(NotFound):
        service.create(crm, LIMITED, file(trigger={"on": "stage", "stage": "learners", "course": "c2"}))
    everybody = {"on": "segment", "segment": all_of()}
    mine = service.create(crm, LIMITED, file(trigger=everybody, steps=[HELLO]))
    assert [row.id for row, _ in queries.list_for(crm, LIMITED)] == [mine]
    service.switch_on(crm, LIMITED, mine)
    add_seat(crm, 1, 1, course=1)
    add_seat(crm, 2, 2, course=2)
    crm.clock.move(minutes=2)  # type: ignore[attr-defined]
    work(crm)
    assert set(members(crm, mine)) == {1}
    assert len(sent(crm)) == 1


def test_a_draft_changes_and_what_was_on_keeps_its_build(crm: Crm) -> None:
    ident = service.create(crm, TESTER, file())
    assert service.update(crm, TESTER, ident, file(steps=[HELLO]), seen=0) == 1
    with pytest.raises(Conflict) as error:
        service.update(crm, TESTER, ident, file(), seen=0)
    assert error.value.code == "automation.changed"
    service.switch_on(crm, TESTER, ident)
    with pytest.raises(Conflict) as error:
        service.update(crm, TESTER, ident, file())
    assert (error.value.code, error.value.params) == ("automation.fixed", {"part": "steps"})
    other = {"send": {"channel": "sms", "template": "hello", "variables": {"x": "y"}}}
    service.update(crm, TESTER, ident, file(name="Better", steps=[other]))
    assert automation(crm, ident).name == "Better"
    for verb in (service.remove, service.switch_on):
        with pytest.raises(Conflict) as error:
            verb(crm, TESTER, ident)
        assert error.value.code == "automation.bad_state"
    copied = service.copy(crm, TESTER, ident, "Copy")
    assert queries.get(crm, TESTER, copied).file() == {
        **queries.get(crm, TESTER, ident).file(),
        "name": "Copy",
    }


def test_a_message_that_cannot_go_out_stops_the_switching_on(crm: Crm) -> None:
    mail = {"send": {"channel": "email", "subject": "Hello", "text": "{{ class_title }} {{ never }}"}}
    ident = service.create(crm, TESTER, file(steps=[mail]))
    assert [(step, one.code) for step, one in service.problems(crm, TESTER, ident) if one.severe] == [
        (0, "content.unknown_variable")
    ]
    with pytest.raises(BadInput) as error:
        service.switch_on(crm, TESTER, ident)
    assert error.value.place == "steps[0].send"
    assert automation(crm, ident).state == "draft"


def test_deleted_ones_are_restored_or_swept_away(crm: Crm) -> None:
    first, second = (service.create(crm, TESTER, file(name=name)) for name in ("a", "b"))
    for ident in (first, second):
        service.remove(crm, TESTER, ident)
    service.restore(crm, TESTER, first)
    with pytest.raises(NotFound):
        queries.get(crm, TESTER, second)
    crm.clock.move(hours=31 * 24)  # type: ignore[attr-defined]
    assert service.sweep(crm) == 1
    with pytest.raises(NotFound):
        service.restore(crm, TESTER, second)
    assert queries.get(crm, TESTER, first).name == "a"


def test_a_quick_query_in_use_is_not_deleted_and_stays_as_it_was(crm: Crm) -> None:
    query = quick_queries.save(crm, TESTER, "Buyers", SEGMENT["segment"])
    trigger = {"on": "segment", "segment": all_of(rule("segment", "=", query))}
    ident = switched_on(crm, trigger=trigger, steps=[HELLO])
    with pytest.raises(Conflict) as error:
        quick_queries.delete(crm, TESTER, query)
    assert error.value.params == {"users": "Unpaid"}
    quick_queries.change(crm, TESTER, query, all_of(rule("id", "=", "p2")))
    set_person(crm, 1, paid_count=1)
    work(crm)
    assert set(members(crm, ident)) == {1}
    service.end(crm, TESTER, ident)
    quick_queries.delete(crm, TESTER, query)


def test_what_is_shipped_is_off_and_can_be_switched_on_in_each_language(crm: Crm) -> None:
    assert queries.list_for(crm, TESTER) == []
    for key, one in READY_MADE.items():
        for channel in one.channels:
            for locale in ("en", "zh"):
                if channel == "sms":
                    continue
                ident = service.create_from_ready_made(crm, TESTER, key, channel, locale)
                row = queries.get(crm, TESTER, ident)
                assert (row.state, row.document["kind"]) == ("draft", key)
                assert row.name == one.name.of(locale)
                assert [one for _, one in service.problems(crm, TESTER, ident) if one.severe] == []
                service.switch_on(crm, TESTER, ident)
    with pytest.raises(NotFound):
        service.create_from_ready_made(crm, TESTER, "nothing")


def test_membership_that_is_renewed_is_left_alone(crm: Crm) -> None:
    ident = service.create_from_ready_made(crm, TESTER, "membership_ends")
    until = crm.clock() + timedelta(days=15)
    for person in (1, 2):
        set_person(crm, person, member_level="Gold", member_level_folded="gold", member_until=until)
    service.switch_on(crm, TESTER, ident)
    crm.clock.move(hours=25)  # type: ignore[attr-defined]
    assert entry.look(crm, ident) == 2
    assert advance.advance(crm, ident) == 2
    set_person(crm, 2, member_until=until + timedelta(days=365))
    work(crm)
    (campaign,) = children_of(crm, ident)
    assert books(crm, campaign.id)["excluded"] == {"goal": 1}


def test_each_change_is_on_record(crm: Crm) -> None:
    ident = switched_on(crm)
    service.pause(crm, TESTER, ident)
    service.resume(crm, TESTER, ident)
    service.end(crm, TESTER, ident)
    service.remove(crm, TESTER, ident)
    with crm.db.read() as session:
        mine = sa.select(AuditRow.action).where(AuditRow.object_kind == "automation").order_by(AuditRow.id)
        done = [action.removeprefix("automation.") for action in session.scalars(mine)]
    assert done == ["create", "switch_on", "pause", "resume", "end", "remove"]


def test_two_accounts_that_are_one_get_nothing_twice(crm: Crm) -> None:
    switched_on(crm)
    add_order(crm, 1, 1)
    add_order(crm, 2, 2)
    work(crm)
    with crm.db.begin() as session:
        secret = tombstones.key(session)
    with crm.db.begin() as session:
        merge(WriteBatch(crm, session, None, secret), (1, "p1"), (2, "p2"))
    with crm.db.read() as session:
        rows = session.execute(sa.select(Member.person_id, Member.state, Member.reason).order_by(Member.id))
        assert [tuple(row) for row in rows] == [(2, "stopped", "merged"), (2, "active", None)]
    crm.clock.move(hours=30)  # type: ignore[attr-defined]
    work(crm)
    assert len(sent(crm)) == 1


def test_an_erased_person_is_in_no_chase(crm: Crm) -> None:
    orders, came = switched_on(crm), switched_on(crm, trigger=SEGMENT, steps=[wait(1), HELLO])
    add_order(crm, 1, 1)
    set_person(crm, 1, paid_count=1)
    work(crm)
    assert len(requests.export(crm, 1)["automations"]) == 2
    requests.forget(crm, 1)
    assert [members(crm, one)[1].reason for one in (orders, came)] == ["status", "status"]
    crm.clock.move(hours=30)  # type: ignore[attr-defined]
    work(crm)
    with crm.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Inside)) == 0
        assert session.scalar(sa.select(Person.status).where(Person.id == 1)) == "erased"
    assert sent(crm) == []


def test_nothing_is_on_after_installing(crm: Crm) -> None:
    work(crm)
    with crm.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Automation)) == 0
