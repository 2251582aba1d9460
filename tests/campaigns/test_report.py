"""The report, test sends, and what campaigns bring to segments and links."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import queries
from crm_plugin.campaigns.composing import drafts, test_send
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.reporting.report import timeline
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.models import OutboxMessage
from crm_plugin.channels.outbox import listed
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, NotFound, Unavailable
from crm_plugin.links import measures
from crm_plugin.links.message_source import MessageSource
from crm_plugin.links.models import Hit, Link
from crm_plugin.links.service import signer
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.extension import Window
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models.school import Consent, Suppression
from crm_plugin.profiles.privacy import requests
from crm_plugin.segments import service as segments
from tests.campaigns.fixtures import (
    add_people,
    books,
    books_of,
    document,
    launched,
    move_to,
    people_of,
    report,
    run,
    set_person,
    status,
    world,
)
from tests.fakes.carrier import receipt, taken
from tests.fakes.crm import NOW
from tests.fakes.host import staff

TARGET = "https://school.example/course/1?a=1&b=%2F#top"


def linked(database: Database, folder: Path, people: int) -> tuple[Crm, int]:
    """A campaign with a link, sent through the outbox."""
    crm = world(database, folder, people=people, sms_carrier="outbox")
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_sms_template SET text = 'See ${link}'"))
    campaign = launched(crm, link=TARGET)
    run(crm)
    return crm, campaign


def click(crm: Crm, campaign: int, person: int, kind: str = "human") -> None:
    with crm.db.begin() as session:
        query = sa.select(Delivery.id).where(Delivery.campaign_id == campaign, Delivery.person_id == person)
        delivery = session.scalars(query).one()
        link = session.scalars(sa.select(Link.id).where(Link.campaign_id == campaign)).one()
        session.add(
            Hit(
                spool=f"s{person}{kind}",
                spool_offset=0,
                link_id=link,
                campaign_id=campaign,
                delivery_id=delivery,
                person_id=person,
                at=NOW,
                method="GET",
                agent="",
                network="",
                kind=kind,
            )
        )
        session.flush()
        measures.recount(session, [campaign], NOW)


def test_each_person_gets_a_link_of_their_own(database: Database, tmp_path: Path) -> None:
    crm, campaign = linked(database, tmp_path, people=25)
    with crm.db.read() as session:
        messages = listed(session, campaign)
        link = session.scalars(sa.select(Link)).one()
        rows = {str(row.person_id): row.id for row in session.scalars(sa.select(Delivery))}
    assert link.target == TARGET
    assert len({message.text for message in messages}) == 25
    for message in messages:
        (address,) = message.links
        assert address in message.text
        code = address.rsplit("/", 1)[1]
        assert signer(crm).read(code) == (link.id, rows[message.person.removeprefix("p")])


def test_every_number_opens_exactly_its_people(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=9)
    set_person(crm, 1, status="suspended")
    set_person(crm, 2, phone_key="+8613800000003")
    statuses: dict[str, Any] = {"p4": "rejected", "p5": "unknown", "p6": "unavailable"}

    def answer(message: Message) -> Receipt:
        return receipt(message, statuses.get(message.person, "accepted"))

    books_of(crm).answer = answer
    campaign = launched(crm)
    run(crm)
    numbers = report(crm, campaign).books
    opened = {"considered": numbers.considered} | numbers.states
    opened |= {f"excluded:{reason}": count for reason, count in numbers.excluded.items()}
    assert opened["excluded:status"] == 1
    assert opened["excluded:duplicate"] == 1
    for what, count in opened.items():
        people = people_of(crm, campaign, what, limit=100)
        assert len({one.person_id for one in people}) == len(people) == count
    assert [one.host_id for one in people_of(crm, campaign, "unknown")] == ["p5"]
    first = people_of(crm, campaign, "considered", limit=4)
    rest = people_of(crm, campaign, "considered", after=first[-1].delivery_id)
    assert len(first + rest) == 9


@pytest.mark.parametrize("what", ["", "nobody", "sent:cap", "excluded; DROP TABLE x"])
def test_an_unknown_number_is_bad_input(database: Database, tmp_path: Path, what: str) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = launched(crm)
    with pytest.raises(BadInput):
        people_of(crm, campaign, what)


def test_clicks_are_three_measures_and_the_same_everywhere(database: Database, tmp_path: Path) -> None:
    crm, campaign = linked(database, tmp_path, people=5)
    click(crm, campaign, 1)
    click(crm, campaign, 1, "confirmed")
    click(crm, campaign, 2, "scanner")
    click(crm, campaign, 3, "test")
    clicks = report(crm, campaign).clicks
    assert (clicks.hits, clicks.human_hits, clicks.people_clicked) == (3, 2, 1)
    told = status(crm, campaign)
    assert (told["hits"], told["human_hits"], told["people_clicked"]) == (3, 2, 1)
    (row,) = queries.listing(crm)
    assert row.clicks == clicks
    assert [one.person_id for one in people_of(crm, campaign, "clicked")] == [1]


def test_status_has_the_fixed_form(database: Database, tmp_path: Path) -> None:
    crm, campaign = linked(database, tmp_path, people=2)
    zeros = dict.fromkeys(("pending", "waiting", "leased", "sending", "delivered", "unknown", "cancelled"), 0)
    zeros |= {"failed_transient": 0, "failed_permanent": 0}
    assert status(crm, campaign) == {
        "id": campaign,
        "state": "finished",
        "reason": None,
        "last_words": None,
        "books": {"considered": 2, "excluded": {}, "sent": 2, **zeros},
        "reasons": [],
        "hits": 0,
        "human_hits": 0,
        "people_clicked": 0,
    }


def rule(**values: Any) -> dict[str, Any]:
    return {"combinator": "and", "rules": [values]}


def found(crm: Crm, tree: dict[str, Any]) -> set[str]:
    return set(segments.ids(crm, tree))


def test_segments_see_deliveries_and_marketing(database: Database, tmp_path: Path) -> None:
    crm, campaign = linked(database, tmp_path, people=4)
    add_people(crm, [5])
    click(crm, campaign, 2)
    compute.recompute(crm)
    clicked = rule(field="clicked", operator="=", value=True)
    match = {"mode": "some"}
    assert found(crm, rule(field="deliveries", match=match, value=clicked)) == {"p2"}
    sent = rule(field="sent_at", operator="inLast", value={"n": 1, "unit": "day"})
    crm.clock.move(minutes=5)  # type: ignore[attr-defined]
    assert found(crm, rule(field="deliveries", match=match, value=sent)) == {"p1", "p2", "p3", "p4"}
    this = rule(field="campaign_id", operator="=", value=campaign)
    assert found(crm, rule(field="deliveries", match={"mode": "none"}, value=this)) == {"p5"}
    assert found(crm, rule(field="last_marketed_at", operator="null", value=None)) == {"p5"}
    assert found(crm, rule(field="marketed_count", operator=">=", value=1)) == {"p1", "p2", "p3", "p4"}


def test_links_learn_who_is_behind_a_delivery(database: Database, tmp_path: Path) -> None:
    crm, _ = linked(database, tmp_path, people=2)
    with crm.db.read() as session:
        rows = {row.id: (row.handed_at, row.person_id) for row in session.scalars(sa.select(Delivery))}
        assert [source.facts(session, [*rows, 4711]) for source in crm.contributed(MessageSource)] == [rows]


def test_the_archive_and_the_export_tell_of_messages_and_erasing_takes_the_address(
    database: Database, tmp_path: Path
) -> None:
    crm, campaign = linked(database, tmp_path, people=2)
    with crm.db.read() as session:
        (moment,) = timeline(session, 1, Window(10))
    assert (moment.at, moment.title, moment.details["campaign_id"]) == (NOW, "Hello", campaign)
    (held,) = requests.export(crm, 1)["messages"]
    assert (held["campaign"], held["address"], held["state"]) == ("Hello", "+8613800000001", "sent")
    requests.forget(crm, 1)
    with crm.db.read() as session:
        rows = session.scalars(sa.select(Delivery).order_by(Delivery.person_id)).all()
    assert [row.address for row in rows] == [None, "+8613800000002"]
    assert books(crm, campaign) == {"considered": 2, "sent": 2}


def test_a_test_send_leaves_no_trace_but_the_audit(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2, sms_carrier="outbox")
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_sms_template SET text = 'Hi ${display_name}: ${link}'"))
        ledger.opt_out(crm, session, 1, "sms", NOW, "page")
    campaign = drafts.create(crm, staff("tester"), document(link=TARGET))
    answer = send_test(crm, staff("tester"), campaign, "13912345678", "p2")
    assert answer.status == "accepted"
    with crm.db.read() as session:
        message = session.scalars(sa.select(OutboxMessage)).one()
        for table in (Delivery, Link, Hit):
            assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 0
        audits = session.scalars(sa.select(AuditRow.action)).all()
        kept = (
            session.scalars(sa.select(Consent.person_id)).all(),
            session.scalars(sa.select(Suppression.id)).all(),
        )
    assert (message.campaign_id, message.address) == (None, "+8613912345678")
    assert message.text.startswith("[Test] ")
    assert "Person 2" in message.text
    assert TARGET in message.text
    assert audits == ["campaign.create", "campaign.test"]
    assert [len(rows) for rows in kept] == [1, 1]


def test_a_test_email_is_labelled_in_its_subject_and_cannot_opt_anybody_out(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=1)
    file = document(channel="email", subject="News", text="Hello {{ display_name }} {{ unsubscribe }}")
    del file["template"]
    campaign = drafts.create(crm, staff("tester"), file)
    send_test(crm, OPERATOR, campaign, "Tester@Example.org")
    with crm.db.read() as session:
        message = session.scalars(sa.select(OutboxMessage)).one()
    assert message.subject == "[Test] News"
    assert message.address == "tester@example.org"
    token = message.text.split("/u/")[1].split()[0]
    assert signer(crm).read_opt_out(token) is None


def test_tests_are_no_way_to_send_by_hand(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1, tests_per_day=2)
    one, other = (drafts.create(crm, staff("tester"), document()) for _ in range(2))
    for campaign in (one, other):
        send_test(crm, staff("tester"), campaign, "13912345678", None)
    with pytest.raises(Conflict) as refused:
        send_test(crm, staff("tester"), other, "13912345678", None)
    assert (refused.value.code, refused.value.params) == ("campaign.too_many_tests", {"limit": 2})
    send_test(crm, staff("a colleague"), other, "13912345678", None)
    move_to(crm, NOW + timedelta(hours=24, seconds=1))
    send_test(crm, staff("tester"), one, "13912345678", None)
    assert len(taken(books_of(crm).books)) == 4


def test_tests_keep_to_the_limits_of_the_carrier(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_send, "WAIT_SECONDS", 0.2)
    crm = world(database, tmp_path, people=1, rate_limits={"carrier:books": "1/min"})
    campaign = drafts.create(crm, staff("tester"), document(policy={"rate": {"n": 1, "per_seconds": 86_400}}))
    send_test(crm, staff("tester"), campaign, "13912345678", None)
    with pytest.raises(Unavailable) as refused:
        send_test(crm, staff("tester"), campaign, "13912345678", None)
    assert refused.value.code == "campaign.test_later"
    assert 1 < refused.value.params["seconds"] <= 63
    assert len(taken(books_of(crm).books)) == 1
    with crm.db.read() as session:
        audits = session.scalars(sa.select(AuditRow.action)).all()
    assert audits.count("campaign.test") == 1, "what did not leave is not counted"


def test_a_test_send_to_nonsense(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = drafts.create(crm, staff("tester"), document())
    for address in ("", "hello", "+1", "a@b\r\nBcc: c@d"):
        with pytest.raises(BadInput):
            send_test(crm, OPERATOR, campaign, address)
    with pytest.raises(NotFound):
        send_test(crm, OPERATOR, campaign, "13912345678", "nobody")
    assert taken(books_of(crm).books) == []
