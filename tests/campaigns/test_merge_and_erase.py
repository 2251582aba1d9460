"""Accounts that turn out to be one person, and people who are erased: the ledger follows."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch import staging
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.models import Delivery, Staged
from crm_plugin.channels.models import OutboxMessage
from crm_plugin.channels.outbox import listed
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links import ingest, measures, optout
from crm_plugin.links.models import Hit, Link
from crm_plugin.links.service import signer
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models.school import ConsentRecord, Person, Suppression
from crm_plugin.profiles.privacy import merge, requests
from crm_plugin.profiles.store import tombstones
from crm_plugin.profiles.store.batch import WriteBatch
from tests.campaigns.fixtures import (
    books,
    books_of,
    launched,
    people_of,
    ready,
    rows,
    run,
    sent,
    set_person,
    state,
    world,
)
from tests.fakes.crm import NOW
from tests.links.people import who

CAP = {"cap": {"n": 2, "days": 30}}


def merged(crm: Crm, source: int, target: int) -> None:
    """Do what the sync does when the school says that one account is another."""
    secret = crm.db.run(tombstones.key)
    values = {"status": "erased", "merged_into": f"p{target}", "phone_key": None, "phone": None}
    with crm.db.begin() as session:
        session.execute(sa.update(Person).where(Person.id == source).values(**values))
        batch = WriteBatch(crm, session, None, secret)
        merge.merge(batch, (source, f"p{source}"), (target, f"p{target}"))
        merge.merge(batch, (source, f"p{source}"), (target, f"p{target}"))
        compute.touch(session, batch.touched)
    compute.recompute(crm)


def only(person: int) -> dict[str, Any]:
    return {"combinator": "and", "rules": [{"field": "id", "operator": "=", "value": f"p{person}"}]}


def sent_to(crm: Crm, person: int, **values: Any) -> int:
    campaign = launched(crm, audience=only(person), **values)
    run(crm)
    assert books(crm, campaign) == {"considered": 1, "sent": 1}
    return campaign


def owners(crm: Crm, campaign: int) -> dict[int, tuple[str, str | None]]:
    return {who: (row.state, row.reason) for who, row in rows(crm, campaign).items()}


def test_caps_and_facts_add_up_across_a_merge(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    first = sent_to(crm, 1)
    crm.clock.move(days=1)  # type: ignore[attr-defined]
    sent_to(crm, 2)
    compute.recompute(crm)
    merged(crm, 1, 2)
    with crm.db.read() as session:
        old, new = session.get_one(Person, 1), session.get_one(Person, 2)
        assert (old.marketed_count, old.last_marketed_at) == (0, None)
        assert (new.marketed_count, new.last_marketed_at) == (2, NOW + timedelta(days=1))
    assert owners(crm, first) == {2: ("sent", None)}
    later = launched(crm, audience=only(2), policy=CAP)
    run(crm)
    assert books(crm, later) == {"considered": 1, "excluded": {"cap": 1}}
    crm.clock.move(days=40)  # type: ignore[attr-defined]
    sent_to(crm, 2, policy=CAP)
    with crm.db.read() as session:
        assert len(requests.export(crm, 2)["messages"]) == 4
        assert session.scalar(sa.select(sa.func.count()).where(Delivery.person_id < 1)) == 0


def test_a_campaign_that_considered_both_keeps_a_row_for_each(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=6)
    set_person(crm, 2, status="suspended")
    set_person(crm, 3, status="suspended")
    campaign = launched(crm)
    run(crm)
    merged(crm, 1, 2)  # the message of the one that is gone left, the other had none
    merged(crm, 3, 4)  # the other way round
    merged(crm, 5, 6)  # both left
    assert owners(crm, campaign) == {
        1: ("excluded", "status"),
        2: ("sent", None),
        3: ("excluded", "status"),
        4: ("sent", None),
        5: ("sent", None),
        6: ("sent", None),
    }
    with crm.db.read() as session:
        counts = {row.id: row.marketed_count for row in session.scalars(sa.select(Person))}
    assert (counts[2], counts[4], counts[6]) == (1, 1, 1)
    assert books(crm, campaign) == {"considered": 6, "sent": 4, "excluded": {"status": 2}}


def test_who_had_it_by_the_old_account_does_not_get_it_again(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    books_of(crm).in_flight = 1
    drain(crm, campaign, 0)
    with crm.db.begin() as session:
        session.execute(
            sa.update(Delivery).where(Delivery.person_id == 1).values(state="sent", handed_at=NOW)
        )
    merged(crm, 1, 2)
    merged(crm, 3, 2)  # not sent yet: the account is gone, nothing leaves for it
    run(crm)
    assert sent(crm) == []
    assert owners(crm, campaign) == {
        1: ("excluded", "duplicate"),
        2: ("sent", None),
        3: ("excluded", "status"),
    }
    assert state(crm, campaign) == "finished"


def linked(database: Database, folder: Path, people: int) -> tuple[Crm, int]:
    crm = world(database, folder, people=people, sms_carrier="outbox")
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_sms_template SET text = 'Dear ${display_name} ${link}'"))
    campaign = launched(crm, link="https://school.example/")
    run(crm)
    return crm, campaign


def clicked(crm: Crm, campaign: int, delivery: int, spool: str) -> None:
    with crm.db.begin() as session:
        link = session.scalars(sa.select(Link.id)).one()
        values = {"method": "GET", "agent": "Mozilla/5.0", "network": "n", "at": NOW + timedelta(hours=1)}
        ids = {"link_id": link, "campaign_id": campaign, "delivery_id": delivery}
        session.add(Hit(spool=spool, spool_offset=0, **ids, **values))
    ingest.classify_new(crm)


def test_clicks_and_opt_outs_of_the_old_account_land_on_the_one_that_remains(
    database: Database, tmp_path: Path
) -> None:
    crm, campaign = linked(database, tmp_path, people=2)
    with crm.db.begin() as session:
        session.execute(sa.delete(Delivery).where(Delivery.person_id == 2))
    delivery = rows(crm, campaign)[1].id
    clicked(crm, campaign, delivery, "before")
    merged(crm, 1, 2)
    clicked(crm, campaign, delivery, "after")
    with crm.db.read() as session:
        assert who(session, campaign) == {2: 2}
        assert measures.tally(session, campaign).people_clicked == 1
    assert [one.person_id for one in people_of(crm, campaign, "clicked")] == [2]
    asked = optout.read(signer(crm), signer(crm).opt_out_token(1, "sms", delivery))
    assert asked is not None
    optout.stop(crm, asked, ["sms"], optout.Answer("page"))
    with crm.db.read() as session:
        assert session.scalars(sa.select(ConsentRecord.person_id)).all() == [2]
        assert session.scalars(sa.select(Suppression.address_key)).all() == ["+8613800000002"]


def test_erasing_takes_address_and_text_and_stops_what_has_not_left(
    database: Database, tmp_path: Path
) -> None:
    crm, campaign = linked(database, tmp_path, people=3)
    waiting = launched(crm, link="https://school.example/")
    assert freeze(crm, waiting)
    frozen = launched(crm, link="https://school.example/")
    with crm.db.begin() as session:
        session.add(Staged(campaign_id=frozen, person_id=1, address="+8613800000001", address_key="x"))
        row = {"text": "Dear Person 1", "address": "+8613912345678", "at": NOW, "channel": "sms"}
        session.add(OutboxMessage(key="test-1", person="p1", **row))
        ledger.opt_out(crm, session, 1, "message", NOW, "page")
    assert requests.export(crm, 1)["messages"][0]["address"] == "+8613800000001"
    requests.forget(crm, 1)
    assert owners(crm, waiting)[1] == ("excluded", "status")
    assert owners(crm, campaign)[1] == ("sent", None)
    with crm.db.read() as session:
        taken = listed(session, campaign)
        assert len(taken) == 3
        assert [one.address for one in taken if not one.text] == [""]
        held = [everything(session, model) for model in (Delivery, OutboxMessage, Staged, Suppression)]
    for trace in ("+8613800000001", "Person 1", "'p1'", "+8613912345678"):
        assert trace not in str(held), trace
    with crm.db.begin() as session:
        session.execute(sa.delete(Staged))


def everything(session: Any, model: Any) -> list[Any]:
    return [tuple(row) for row in session.execute(sa.select(model.__table__))]


def test_what_is_at_the_carrier_while_somebody_is_erased_is_emptied_after_it(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=2, sms_carrier="outbox")
    campaign = ready(crm)
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).where(Delivery.person_id == 1).values(state="sending"))
    requests.forget(crm, 1)
    assert rows(crm, campaign)[1].address == "+8613800000001"
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).where(Delivery.person_id == 1).values(state="sent"))
    key = f"{campaign}-{rows(crm, campaign)[1].id}"
    with crm.db.begin() as session:
        row = {"text": "Dear Person 1", "address": "+8613800000001", "at": NOW, "channel": "sms"}
        session.add(OutboxMessage(key=key, campaign_id=campaign, person="p1", **row))
        compute.touch(session, [1])
    compute.recompute(crm)
    assert rows(crm, campaign)[1].address is None
    with crm.db.read() as session:
        assert [one.text for one in listed(session, campaign)] == [""]


def test_an_account_that_merged_into_the_erased_one_keeps_no_trace_of_it(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=2)
    merged(crm, 1, 2)
    requests.forget(crm, 2)
    with crm.db.read() as session:
        assert session.get_one(Person, 1).merged_into == session.get_one(Person, 2).host_id
        assert "'p2'" not in str(everything(session, Person))


def test_who_is_erased_between_the_decision_and_the_copying_is_excluded(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = launched(crm)
    token = staging.claim(crm, campaign)
    assert token
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_campaign SET freeze_step = 'copying', freeze_lease_until = NULL"))
        for who in (1, 2):
            address = f"+8613800000{who:03d}"
            session.add(Staged(campaign_id=campaign, person_id=who, address=address, address_key=address))
    requests.forget(crm, 1)
    run(crm)
    assert books(crm, campaign) == {"considered": 2, "sent": 1, "excluded": {"status": 1}}


def test_a_row_that_has_not_left_stays_with_the_account_that_is_gone(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = ready(crm, audience=only(1))
    merged(crm, 1, 2)
    assert set(rows(crm, campaign)) == {1}
    run(crm)
    assert sent(crm) == []
    assert rows(crm, campaign)[1].state == "excluded"
