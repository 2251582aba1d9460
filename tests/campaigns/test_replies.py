"""Replies to SMS, and a carrier's blacklist: each opt-out with its moment, and the staff to read the rest."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.feedback import delivery_reports, refusals, replies, reply_list
from crm_plugin.campaigns.models import Reply
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.sms.carriers.pushes import Inbound, Report
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import NotFound, Refused
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.extension import Window
from crm_plugin.profiles.models.school import Consent, ConsentRecord, Person, Suppression
from crm_plugin.profiles.privacy.merge import merge
from crm_plugin.profiles.privacy.requests import export, forget
from crm_plugin.profiles.store import tombstones
from crm_plugin.profiles.store.batch import WriteBatch
from tests.campaigns.fixtures import (
    add_people,
    books,
    books_of,
    launched,
    move_to,
    ready,
    rows,
    run,
    set_person,
    status,
    world,
)
from tests.fakes.carrier import receipt, taken
from tests.fakes.crm import NOW
from tests.fakes.host import staff

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
MINUTE = timedelta(minutes=1)
NUMBER = "+8613800000001"
"""Of person 1."""


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return world(database, tmp_path, people=3)


def reply(crm: Crm, text: str, minutes: float = 0, ident: str = "", number: str = NUMBER) -> None:
    """Take a message that was sent so many minutes from now."""
    replies.take_all(crm, "http", [Inbound(number, text, NOW + minutes * MINUTE, ident)])


def consents(crm: Crm) -> dict[int, str]:
    with crm.db.read() as session:
        found = session.execute(sa.select(Consent.person_id, Consent.state).where(Consent.channel == "sms"))
        return {person: state for person, state in found}  # noqa: C416 - rows are no pairs


def stopped(crm: Crm) -> list[tuple[str, str, str, datetime]]:
    with crm.db.read() as session:
        query = sa.select(Suppression).order_by(Suppression.address_key)
        return [(one.address_key, one.scope, one.reason, one.at) for one in session.scalars(query)]


def kept(crm: Crm) -> list[tuple[int, str, str]]:
    with crm.db.read() as session:
        query = sa.select(Reply.person_id, Reply.wish, Reply.text).order_by(Reply.person_id, Reply.id)
        return [(person, wish, text) for person, wish, text in session.execute(query)]


def said(crm: Crm, person: int) -> list[tuple[str, str]]:
    """What a person's timeline says of replies."""
    with crm.db.read() as session:
        window = Window(20)
        return [(one.kind, one.title) for one in reply_list.timeline(session, person, window)]


def test_a_reply_that_says_stop_stops(crm: Crm) -> None:
    move_to(crm, NOW + MINUTE)
    reply(crm, "R")
    assert consents(crm) == {1: "denied"}
    assert stopped(crm) == [(NUMBER, "marketing", "opt_out", NOW)]
    campaign = launched(crm)
    run(crm)
    assert books(crm, campaign) == {"considered": 3, "excluded": {"suppressed": 1}, "sent": 2}
    assert said(crm, 1) == [("reply_stop", "R")]
    with crm.db.read() as session:
        line = session.scalars(sa.select(ConsentRecord)).one()
        assert (line.source, line.at, line.origin, line.to_push) == ("reply", NOW, "own", True)


def test_a_reply_stops_what_is_on_its_way(crm: Crm) -> None:
    campaign = ready(crm)
    reply(crm, "退订")
    run(crm)
    assert books(crm, campaign) == {"considered": 3, "excluded": {"suppressed": 1}, "sent": 2}
    assert NUMBER not in taken(books_of(crm).books)


def test_a_number_of_several_people_counts_for_all_of_them(crm: Crm) -> None:
    set_person(crm, 2, phone=NUMBER, phone_key=NUMBER)
    reply(crm, "TD")
    assert consents(crm) == {1: "denied", 2: "denied"}
    assert [one[0] for one in kept(crm)] == [1, 2]
    reply(crm, "START", 1)
    move_to(crm, NOW + MINUTE)
    reply(crm, "START", 1, "again")
    assert consents(crm) == {1: "granted", 2: "granted"}
    assert stopped(crm) == []


def test_a_number_that_nobody_has_is_stopped_all_the_same(crm: Crm) -> None:
    number = "+8613900000009"
    reply(crm, "Hello?", number=number)
    assert kept(crm) == []
    reply(crm, "STOP", number=number)
    assert stopped(crm) == [(number, "marketing", "opt_out", NOW)]
    assert kept(crm) == [(0, "stop", "")]
    add_people(crm, [4], phone=number, phone_key=number)
    campaign = launched(crm)
    run(crm)
    assert books(crm, campaign)["excluded"] == {"suppressed": 1}


@SQLITE
@pytest.mark.parametrize("number", ["12345", "", "school", "whatsapp", "+86138"])
def test_what_comes_from_no_number_changes_nothing(crm: Crm, number: str) -> None:
    reply(crm, "STOP", number=number)
    assert (kept(crm), stopped(crm), consents(crm)) == ([], [], {})


EVENTS = [("R", 1), ("START", 2), ("thanks", 3), ("R", 4)]


@SQLITE
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_late_and_in_any_order_the_newest_answer_holds(crm: Crm, order: Sequence[int]) -> None:
    move_to(crm, NOW + timedelta(hours=1))
    for number in order:
        reply(crm, *EVENTS[number])
    assert consents(crm) == {1: "denied"}
    assert stopped(crm) == [(NUMBER, "marketing", "opt_out", NOW + 4 * MINUTE)]
    reply(crm, "START", 5)
    assert (consents(crm), stopped(crm)) == ({1: "granted"}, [])


def test_a_reply_sent_again_changes_nothing(crm: Crm) -> None:
    move_to(crm, NOW + timedelta(hours=1))
    for _ in range(2):
        reply(crm, "R", 1, "m-1")
        reply(crm, "START", 2, "m-2")
        for _ in range(2):
            reply(crm, "R", 1, "m-1")
    assert (consents(crm), stopped(crm)) == ({1: "granted"}, [])
    assert [wish for _, wish, _ in kept(crm)] == ["stop", "start"]
    with crm.db.read() as session:
        assert len(session.scalars(sa.select(ConsentRecord.id)).all()) == 2


@SQLITE
def test_an_answer_on_the_page_after_the_reply_outweighs_it(crm: Crm) -> None:
    move_to(crm, NOW + timedelta(hours=1))
    crm.db.run(lambda session: ledger.opt_in(crm, session, 1, "sms", NOW + 2 * MINUTE, "page"))
    reply(crm, "R", 1)
    assert (consents(crm), stopped(crm)) == ({1: "granted"}, [])
    with crm.db.read() as session:
        pushed = sa.select(ConsentRecord.source).where(ConsentRecord.to_push.is_(True))
        assert session.scalars(pushed).all() == ["page"]
    reply(crm, "R", 3)
    assert consents(crm) == {1: "denied"}


@SQLITE
@pytest.mark.parametrize("at", [NOW + timedelta(days=9), NOW - timedelta(days=400)])
def test_an_impossible_time_is_now(crm: Crm, at: datetime) -> None:
    replies.take_all(crm, "http", [Inbound(NUMBER, "R", at)])
    assert stopped(crm) == [(NUMBER, "marketing", "opt_out", NOW)]


@SQLITE
def test_the_words_of_the_settings_count_too(crm: Crm) -> None:
    crm.settings.sms_stop_words = "basta"
    reply(crm, "Basta!")
    assert consents(crm) == {1: "denied"}


@SQLITE
def test_what_the_carrier_took_for_a_stop_is_one(crm: Crm) -> None:
    replies.take_all(crm, "twilio", [Inbound(NUMBER, "ALTO", None, "SM1", "stop")])
    assert consents(crm) == {1: "denied"}


def open_for(crm: Crm, actor: Actor) -> list[tuple[str, list[str]]]:
    with crm.db.read() as session:
        found = reply_list.unread(session, actor)
        return [(one.text, [sender.name for sender in one.people]) for one in found]


def test_another_reply_is_shown_to_who_sent_last(crm: Crm) -> None:
    for number, name in enumerate(("ann", "bob")):
        move_to(crm, NOW + number * MINUTE)
        campaign = drafts.create(
            crm, staff(name), {"name": name, "channel": "sms", "template": "hello"} | ALL
        )
        launch(crm, name, campaign)
    move_to(crm, NOW + 10 * MINUTE)
    set_person(crm, 2, phone=NUMBER, phone_key=NUMBER)
    reply(crm, "几点开始？", 5)
    reply(crm, "to ann, late", 0.5)
    reply(crm, "R", 6)
    assert open_for(crm, staff("ann")) == [("to ann, late", ["Person 1", "Person 2"])]
    assert open_for(crm, staff("bob")) == [("几点开始？", ["Person 1", "Person 2"])]
    assert said(crm, 1) == [("reply_stop", "R"), ("reply", "几点开始？"), ("reply", "to ann, late")]
    with crm.db.read() as session:
        (one,) = reply_list.unread(session, staff("bob"))
        moments = reply_list.timeline(session, 2, Window(20))
        assert [bool(moment.details) for moment in moments] == [False, True, True]
    reply_list.mark_done(crm, staff("bob"), one.id)
    assert open_for(crm, staff("bob")) == []
    with crm.db.read() as session:
        assert (
            session.scalars(sa.select(AuditRow.action).order_by(AuditRow.id.desc())).first() == "reply.done"
        )


ALL: dict[str, Any] = {"audience": {"combinator": "and", "rules": []}}


def launch(crm: Crm, name: str, campaign: int) -> None:
    service.launch(crm, staff(name), campaign)
    run(crm)


@SQLITE
def test_a_reply_to_nobodys_message_is_shown_to_all_who_may_send(crm: Crm) -> None:
    reply(crm, "Hello?")
    assert open_for(crm, staff("anybody")) == [("Hello?", ["Person 1"])]
    assert open_for(crm, Actor("reader", "reader", frozenset({"crm.view"}))) == []
    limited = Actor("limited", "limited", frozenset(PERMISSIONS), scope=frozenset({"c1"}))
    assert open_for(crm, limited) == []
    with crm.db.read() as session:
        (one,) = reply_list.unread(session, staff("anybody"))
    with pytest.raises(NotFound):
        reply_list.mark_done(crm, limited, one.id)
    with pytest.raises(Refused):
        reply_list.mark_done(crm, Actor("reader", "reader", frozenset({"crm.view"})), one.id)


@SQLITE
def test_a_reply_to_a_command_is_shown_to_all_who_may_send(crm: Crm) -> None:
    campaign = drafts.create(crm, OPERATOR, {"name": "x", "channel": "sms", "template": "hello"} | ALL)
    service.launch(crm, OPERATOR, campaign)
    run(crm)
    reply(crm, "Hello?")
    assert open_for(crm, staff("anybody")) == [("Hello?", ["Person 1"])]


def test_people_who_are_merged_are_one_and_the_erased_are_forgotten(crm: Crm) -> None:
    set_person(crm, 2, phone=NUMBER, phone_key=NUMBER)
    reply(crm, "Hello?", ident="m-1")
    secret = crm.db.run(tombstones.key)
    with crm.db.begin() as session:
        merge(WriteBatch(crm, session, None, secret), (1, "p1"), (2, "p2"))
        session.execute(sa.update(Person).where(Person.id == 1).values(phone_key=None, merged_into="p2"))
    assert kept(crm) == [(2, "", "Hello?")]
    reply(crm, "Hello?", ident="m-1")
    reply(crm, "R", ident="m-2")
    assert kept(crm) == [(2, "", "Hello?"), (2, "stop", "R")]
    told = export(crm, 2)["replies"]
    assert [(one["number"], one["text"]) for one in told] == [(NUMBER, "Hello?"), (NUMBER, "R")]
    forget(crm, 2)
    assert kept(crm) == []
    assert [one[:3] for one in stopped(crm)] == [(NUMBER, "marketing", "opt_out")]
    reply(crm, "more", ident="m-3")
    reply(crm, "R", ident="m-2")
    assert [person for person, _, _ in kept(crm)] == [0]


def refusing(code: str) -> Any:
    def answer(message: Message) -> Receipt:
        if message.address == NUMBER:
            return receipt(message, "rejected", reason=code)
        return receipt(message)

    return answer


@pytest.mark.parametrize("code", ["opted_out:21610", "blocked_number:FailedOperation.PhoneNumberInBlacklist"])
def test_a_carriers_blacklist_at_the_call_is_an_opt_out(crm: Crm, code: str) -> None:
    books_of(crm).answer = refusing(code)
    campaign = launched(crm)
    run(crm)
    assert rows(crm, campaign)[1].reason == code
    assert consents(crm) == {1: "denied"}
    assert stopped(crm) == [(NUMBER, "marketing", "opt_out", NOW)]
    assert said(crm, 1) == [("carrier_stop", code.partition(":")[2])]
    assert open_for(crm, staff("tester")) == []
    again = launched(crm)
    run(crm)
    assert books(crm, again)["excluded"] == {"suppressed": 1}
    assert refusals.sweep(crm) == 0


def test_a_carriers_blacklist_in_a_report_is_an_opt_out(crm: Crm) -> None:
    campaign = launched(crm)
    run(crm)
    row = rows(crm, campaign)[1]
    set_person(crm, 2, phone=NUMBER, phone_key=NUMBER)
    report = Report(row.carrier_ref or "", "failed_permanent", "opted_out:USER_REJECT", NOW + MINUTE)
    move_to(crm, NOW + timedelta(hours=1))
    for _ in range(2):
        delivery_reports.receive_all(crm, "books", [report])
        run(crm)
    assert status(crm, campaign)["books"]["failed_permanent"] == 1
    assert consents(crm) == {1: "denied", 2: "denied"}
    assert stopped(crm) == [(NUMBER, "marketing", "opt_out", NOW + MINUTE)]
    assert kept(crm) == [(1, "refused", "USER_REJECT"), (2, "refused", "USER_REJECT")]


@SQLITE
def test_who_agreed_after_the_carriers_word_stays_in(crm: Crm) -> None:
    books_of(crm).answer = refusing("opted_out:21610")
    campaign = ready(crm)
    drain(crm, campaign)
    move_to(crm, NOW + MINUTE)
    crm.db.run(lambda session: ledger.opt_in(crm, session, 1, "sms", NOW + MINUTE, "page"))
    run(crm)
    assert (consents(crm), stopped(crm)) == ({1: "granted"}, [])


@SQLITE
@pytest.mark.parametrize("code", ["bad_number:21211", "30003", "MK:0012", "number_limit:x"])
def test_other_refusals_are_no_opt_outs(crm: Crm, code: str) -> None:
    books_of(crm).answer = refusing(code)
    launched(crm)
    run(crm)
    assert (consents(crm), stopped(crm)) == ({}, [])
