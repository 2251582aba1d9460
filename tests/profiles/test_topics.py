"""The school's list of topics, and what people say about them: kept, carried through merges, told, erased."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.errors import BadInput, Conflict, NotFound, Refused
from crm_plugin.profiles.consent import eligibility, staff_entry, topic_consent, topics
from crm_plugin.profiles.jobs import burst
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.topics import TopicOptOut
from crm_plugin.profiles.people.archive import archive
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import NOW, MakeCrm, clock_of, count

ADMIN = Actor("ann", "Ann", frozenset(PERMISSIONS))
LATER = NOW + timedelta(days=1)
on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.fixture
def host() -> FakeHost:
    return FakeHost(
        r.Person("mother", phone="13800138000", email="m@x.example"),
        r.Person("child", phone="+86 138 0013 8000"),
        r.Person("other", phone="13800138009"),
    )


@pytest.fixture
def crm(make_crm: MakeCrm, host: FakeHost) -> Crm:
    crm = make_crm(host)
    sync(crm)
    topics.begin(crm, ADMIN)
    return crm


def listed(crm: Crm) -> list[topics.TopicRow]:
    with crm.db.read() as session:
        return topics.every(session)


def ident(crm: Crm, host_id: str) -> int:
    with crm.db.read() as session:
        return session.scalars(sa.select(m.Person.id).where(m.Person.host_id == host_id)).one()


def says(crm: Crm, verb: Any, host_id: str, topic: int, at: Any = NOW) -> None:
    who = ident(crm, host_id)
    with crm.db.begin() as session:
        verb(crm, session, who, topic, at, "page", "v1")


def refusing(crm: Crm, topic: int, channel: str = "sms") -> set[str]:
    with crm.db.read() as session:
        rows = sa.select(m.Person.host_id).where(eligibility.refuses_topic(topic, channel))
        return set(session.scalars(rows))


@on_sqlite
def test_the_list_is_kept_by_administrators_and_on_record(crm: Crm) -> None:
    first = listed(crm)
    assert [one.name for one in first] == list(topics.PROPOSED)
    assert first[0].label("zh") == "新课上线"
    topics.begin(crm, ADMIN)
    assert listed(crm) == first, "a list that is there is not begun again"
    added = topics.create(crm, ADMIN, "  Exam \t news ")
    topics.rename(crm, ADMIN, added, "Exams", "考试")
    topics.move(crm, ADMIN, added, 0)
    assert [one.name for one in listed(crm)][:2] == ["Exams", "New courses"]
    topics.archive(crm, ADMIN, first[1].id)
    assert listed(crm)[-1].name == "Offers and discounts"
    with crm.db.read() as session:
        assert topics.named(session, "ＥＸＡＭＳ") == topics.find(session, added)
        assert topics.named(session, "Offers and discounts") is None
        actions = session.execute(sa.select(AuditRow.action, AuditRow.details).order_by(AuditRow.id)).all()
    assert ("topic.rename", {"name": "Exams", "was": "Exam news", "was_zh": ""}) in [
        (*row,) for row in actions
    ]
    topics.restore(crm, ADMIN, first[1].id)
    assert not any(one.archived for one in listed(crm))


@on_sqlite
@pytest.mark.parametrize(
    ("name", "code"),
    [(" ", "topic.no_name"), ("x" * 61, "topic.too_long"), ("STUDY  reminders", "topic.taken")],
)
def test_a_topic_has_a_short_name_of_its_own(crm: Crm, name: str, code: str) -> None:
    (one, *_) = listed(crm)
    for verb in (lambda: topics.create(crm, ADMIN, name), lambda: topics.rename(crm, ADMIN, one.id, name)):
        with pytest.raises((BadInput, Conflict)) as raised:
            verb()
        assert raised.value.code == code
    assert len(listed(crm)) == len(topics.PROPOSED)


@on_sqlite
def test_the_list_stays_short(crm: Crm) -> None:
    for number in range(topics.MOST - len(topics.PROPOSED)):
        topics.create(crm, ADMIN, f"Topic {number}")
    with pytest.raises(Conflict, match="archive one first"):
        topics.create(crm, ADMIN, "One more")
    gone = listed(crm)[0].id
    topics.archive(crm, ADMIN, gone)
    topics.create(crm, ADMIN, "One more")
    with pytest.raises(Conflict, match="archive one first"):
        topics.restore(crm, ADMIN, gone)


@on_sqlite
def test_only_administrators_of_the_whole_school_change_it(crm: Crm) -> None:
    limited = Actor("x", "X", frozenset(PERMISSIONS), scope=frozenset({"c1"}))
    changes = (
        lambda who: topics.create(crm, who, "x"),
        lambda who: topics.begin(crm, who),
        lambda who: topics.rename(crm, who, 1, "x"),
        lambda who: topics.move(crm, who, 1, 0),
        lambda who: topics.archive(crm, who, 1),
        lambda who: topics.restore(crm, who, 1),
    )
    for who in (limited, Actor("y", "Y", frozenset({"crm.view", "crm.edit", "crm.send"}))):
        for change in changes:
            with pytest.raises(Refused):
                change(who)
    with pytest.raises(NotFound):
        topics.archive(crm, ADMIN, 99)


def test_an_opt_out_holds_for_the_topic_on_every_channel_and_for_who_shares_the_address(
    crm: Crm, host: FakeHost
) -> None:
    offers, news = listed(crm)[1].id, listed(crm)[0].id
    for _ in range(2):
        says(crm, topic_consent.opt_out, "mother", offers)
    assert refusing(crm, offers) == {"mother", "child"}
    assert refusing(crm, offers, "email") == {"mother"}
    assert refusing(crm, offers, "message") == {"mother"}
    assert refusing(crm, news) == set()
    assert count(crm, m.ConsentRecord) == 2, "each answer is on record"
    assert count(crm, m.Consent) == 0, "the channels stay as they were"
    # A new telephone does not shake it off.
    host.put(r.Person("mother", phone="13900139000"))
    sync(crm)
    assert refusing(crm, offers) == {"mother", "child"}
    says(crm, topic_consent.opt_in, "mother", offers, LATER)
    assert refusing(crm, offers) == {"child"}, "the old number may be somebody else's now"
    says(crm, topic_consent.opt_in, "child", offers, LATER)
    assert refusing(crm, offers) == set()
    with crm.db.read() as session:
        lines = archive(session, ident(crm, "mother"), NOW).said
    assert [(one.state, one.source, one.topic.id) for one in lines] == [
        ("granted", "page", offers),
        ("denied", "page", offers),
        ("denied", "page", offers),
    ]


@on_sqlite
def test_the_school_is_not_told_of_topics(crm: Crm, host: FakeHost) -> None:
    says(crm, topic_consent.opt_out, "mother", listed(crm)[1].id)
    burst(crm)
    assert host.pushed == []


def test_a_merge_carries_what_was_refused_and_an_opt_in_after_it_stands(crm: Crm, host: FakeHost) -> None:
    offers, news = listed(crm)[1].id, listed(crm)[0].id
    says(crm, topic_consent.opt_out, "mother", offers)
    says(crm, topic_consent.opt_out, "mother", news)
    says(crm, topic_consent.opt_in, "mother", news, LATER)
    host.put(r.Person("mother", merged_into="other"))
    clock_of(crm).move(seconds=1)
    sync(crm)
    assert "other" in refusing(crm, offers)
    assert refusing(crm, news) == set()
    says(crm, topic_consent.opt_in, "other", offers, LATER)
    host.put(r.Person("mother", display_name="Again", merged_into="other"))
    clock_of(crm).move(seconds=1)
    sync(crm)
    assert "other" not in refusing(crm, offers)


def test_a_person_is_told_of_it_and_it_outlives_their_account(crm: Crm) -> None:
    offers = listed(crm)[1].id
    says(crm, topic_consent.opt_out, "mother", offers)
    told = requests.export(crm, ident(crm, "mother"))
    assert {(one["topic"], one["channel"]) for one in told["topic_opt_outs"]} == {
        ("Offers and discounts", channel) for channel in ("email", "message", "sms")
    }
    assert [line["purpose"] for line in told["consent_ledger"]] == [f"topic:{offers}"]
    requests.forget(crm, ident(crm, "mother"))
    with crm.db.read() as session:
        kept = session.execute(sa.select(TopicOptOut.channel, TopicOptOut.address_key)).all()
    assert {(*row,) for row in kept} == {("email", "m@x.example"), ("sms", "+8613800138000")}
    assert refusing(crm, offers) == {"child"}, "who shares the number keeps their peace"


@on_sqlite
def test_staff_write_down_what_they_were_told(crm: Crm) -> None:
    offers, who = listed(crm)[1].id, ident(crm, "other")
    staff_entry.set_topic(crm, ADMIN, who, offers, granted=False)
    assert refusing(crm, offers) == {"other"}
    staff_entry.set_topic(crm, ADMIN, who, offers, granted=True)
    assert refusing(crm, offers) == set()
    with crm.db.read() as session:
        actions = session.scalars(sa.select(AuditRow.action).where(AuditRow.object_kind == "person")).all()
        assert [one.source for one in archive(session, who, NOW).said] == ["staff", "staff"]
    assert actions == ["topic.deny", "topic.grant"]
    with pytest.raises(Refused):
        staff_entry.set_topic(crm, Actor("y", "Y", frozenset({"crm.view"})), who, offers, granted=True)
    with pytest.raises(NotFound):
        staff_entry.set_topic(crm, ADMIN, who, 999, granted=False)
