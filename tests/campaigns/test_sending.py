"""From launch to the last settled row, and each answer of a carrier."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import jobs, queries, service
from crm_plugin.campaigns.delivery import settle, sweeper
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.delivery.retry import retry_failed
from crm_plugin.campaigns.feedback import delivery_reports
from crm_plugin.campaigns.ledger import lease
from crm_plugin.campaigns.models import Campaign, Delivery, EarlyReport
from crm_plugin.campaigns.prepared_campaign import Running
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.host.context import install
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models.school import Person
from tests.campaigns.fixtures import (
    answers,
    books,
    books_of,
    first_message,
    launched,
    move_to,
    ready,
    rows,
    run,
    sent,
    set_person,
    state,
    world,
)
from tests.fakes.carrier import receipt
from tests.fakes.crm import NOW
from tests.fakes.host import staff


def test_everybody_gets_one_message_and_the_campaign_ends(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=57)
    campaign = launched(crm)
    run(crm)
    assert books(crm, campaign) == {"considered": 57, "sent": 57}
    assert state(crm, campaign) == "finished"
    assert len(sent(crm)) == len(set(sent(crm))) == 57


def test_many_workers_at_once(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=300)
    campaign = ready(crm)
    workers = [threading.Thread(target=drain, args=(crm, campaign)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert books(crm, campaign) == {"considered": 300, "sent": 300}
    assert len(sent(crm)) == len(set(sent(crm))) == 300


def test_one_bad_recipient_harms_one_row(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = world(database, tmp_path, people=4)
    campaign = ready(crm)
    render = Running.render

    def broken(self: Running, row: lease.Row) -> Message:
        if row.person_id == 2:
            raise BadInput("content.no_value", name="display_name")
        if row.person_id == 3:
            raise UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates")
        return render(self, row)

    monkeypatch.setattr(Running, "render", broken)
    run(crm)
    assert books(crm, campaign) == {"considered": 4, "sent": 2, "failed_permanent": 2}
    found = rows(crm, campaign)
    assert (found[2].reason, found[3].reason) == ("content.no_value", "content.render_failed")
    assert state(crm, campaign) == "finished"


def test_each_answer_of_a_carrier(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=5)

    def answer(message: Message) -> Receipt:
        return {
            "p1": receipt(message),
            "p2": receipt(message, "rejected", reason="blocked"),
            "p3": receipt(message, "unknown", reason="timeout"),
            "p4": receipt(message, "unavailable", retry_after=90.0),
            "p5": receipt(message, "rejected", reason="busy", permanent=False),
        }[message.person]

    answers(crm, answer)
    campaign = ready(crm)
    run(crm)
    expected = {"considered": 5, "sent": 1, "failed_permanent": 1, "unknown": 1, "waiting": 2}
    assert books(crm, campaign) == expected
    found = rows(crm, campaign)
    assert [found[who].reason for who in (1, 2, 3)] == [None, "blocked", "timeout"]
    assert [found[who].reason for who in (4, 5)] == ["unavailable", "busy"]
    assert found[1].carrier_ref == f"ref-{campaign}-{found[1].id}"
    assert found[4].waits_until == NOW + timedelta(seconds=90)
    assert found[5].waits_until == NOW + timedelta(seconds=30)
    assert [found[who].handed_at for who in (4, 5)] == [None, None]


def test_a_passing_failure_is_tried_again_until_it_is_given_up(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    answers(crm, lambda message: receipt(message, "unavailable"))
    campaign = ready(crm)
    run(crm)
    for tries in range(1, settle.MAX_TRIES):
        row = rows(crm, campaign)[1]
        assert (row.state, row.tries) == ("waiting", tries)
        assert row.waits_until is not None
        move_to(crm, row.waits_until - timedelta(seconds=1))
        run(crm)
        assert rows(crm, campaign)[1].tries == tries  # not a second too early
        move_to(crm, row.waits_until)
        run(crm)
    assert books(crm, campaign) == {"considered": 1, "failed_transient": 1}
    assert state(crm, campaign) == "finished"
    assert sent(crm) == []


def test_retry_failed_takes_up_only_passing_failures_and_reopens_the_campaign(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=3)
    answers(
        crm,
        lambda message: receipt(message, "rejected" if message.person == "p1" else "accepted"),
    )
    campaign = ready(crm)
    run(crm)
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).where(Delivery.person_id == 2).values(state="failed_transient"))
    assert retry_failed(crm, staff("tester"), campaign) == 1
    assert state(crm, campaign) == "sending"
    run(crm)
    assert books(crm, campaign) == {"considered": 3, "sent": 2, "failed_permanent": 1}
    assert sent(crm) == ["+8613800000002", "+8613800000003", "+8613800000002"]
    assert state(crm, campaign) == "finished"


def test_a_streak_of_failures_pauses_the_campaign_and_some_rejections_do_not(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=100)
    good = ("accepted", "rejected")
    answers(crm, lambda message: receipt(message, good[int(message.person[1:]) % 10 == 0]))  # type: ignore[arg-type]
    campaign = ready(crm)
    run(crm)
    assert books(crm, campaign) == {"considered": 100, "sent": 90, "failed_permanent": 10}
    answers(crm, lambda message: receipt(message, "unavailable"))
    campaign = ready(crm)
    run(crm)
    assert books(crm, campaign) == {"considered": 100, "waiting": 20, "pending": 80}
    assert state(crm, campaign) == "paused"
    assert queries.get(crm, campaign).reason == "carrier_failing"
    answers(crm, receipt)
    service.resume(crm, staff("tester"), campaign)
    move_to(crm, NOW + timedelta(minutes=5))
    run(crm)
    assert books(crm, campaign) == {"considered": 100, "sent": 100}


def test_pause_takes_effect_while_a_slow_batch_is_at_the_carrier(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=100)
    books_of(crm).batch = 1
    books_of(crm).delay = 0.2
    campaign = ready(crm)
    worker = threading.Thread(target=drain, args=(crm, campaign))
    worker.start()
    first_message(crm, worker)
    service.pause(crm, staff("tester"), campaign)
    started = time.monotonic()
    worker.join()
    assert time.monotonic() - started < 2.0
    found = books(crm, campaign)
    assert found == {"considered": 100, "sent": len(sent(crm)), "pending": 100 - len(sent(crm))}
    books_of(crm).delay = 0
    service.resume(crm, staff("tester"), campaign)
    run(crm)
    assert books(crm, campaign) == {"considered": 100, "sent": 100}
    assert len(sent(crm)) == len(set(sent(crm))) == 100


def test_nobody_is_called_after_the_deadline(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=40, lease_seconds=1)
    books_of(crm).batch = 1
    books_of(crm).delay = 0.4
    campaign = ready(crm)
    drain(crm, campaign, 0.1)
    found = books(crm, campaign)
    assert found == {"considered": 40, "sent": len(sent(crm)), "pending": 40 - len(sent(crm))}
    assert 0 < len(sent(crm)) < 20


def test_cancel_takes_what_has_not_left(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=40)
    campaign = ready(crm)

    def answer(message: Message) -> Receipt:
        if message.person == "p5":
            service.cancel(crm, staff("tester"), campaign)
        return receipt(message, "unavailable" if message.person == "p6" else "accepted")

    answers(crm, answer)
    if database.dialect == "sqlite":
        books_of(crm).batch = 20
    drain(crm, campaign)
    # The row that would have waited is cancelled instead.
    assert books(crm, campaign) == {"considered": 40, "sent": 19, "cancelled": 21}
    assert state(crm, campaign) == "cancelled"
    with pytest.raises(Conflict):
        retry_failed(crm, staff("tester"), campaign)
    with pytest.raises(Conflict):
        service.resolve(crm, staff("tester"), campaign, "again")


def test_reports_come_in_any_order_twice_and_early(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    ids = {who: row.id for who, row in rows(crm, campaign).items()}
    early = f"ref-{campaign}-{ids[1]}"
    assert not delivery_reports.receive(crm, "books", early, "delivered")
    drain(crm, campaign)
    assert rows(crm, campaign)[1].state == "delivered"
    for _ in range(2):
        assert delivery_reports.receive(crm, "books", f"ref-{campaign}-{ids[2]}", "delivered")
        assert delivery_reports.receive(crm, "books", f"ref-{campaign}-{ids[2]}", "failed_permanent", "late")
    assert delivery_reports.receive(crm, "books", f"ref-{campaign}-{ids[3]}", "failed_permanent", "blocked")
    assert books(crm, campaign) == {"considered": 3, "delivered": 2, "failed_permanent": 1}
    assert rows(crm, campaign)[3].reason == "blocked"


def test_a_report_that_came_in_during_the_settle_is_matched_later(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = ready(crm)
    run(crm)
    ref = rows(crm, campaign)[1].carrier_ref
    with crm.db.begin() as session:
        session.add(EarlyReport(carrier="books", carrier_ref=ref, state="delivered", at=NOW))
    assert sweeper.sweep(crm)
    assert books(crm, campaign) == {"considered": 1, "delivered": 1}
    assert delivery_reports.match_kept(crm) == 0


def test_a_slow_campaign_does_not_starve_another(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=30)
    first, second = ready(crm), ready(crm)
    jobs.burst(crm)
    assert books(crm, first) == books(crm, second) == {"considered": 30, "sent": 30}


def test_the_queue_is_only_a_wake_up(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=5)
    install(crm)
    campaign = launched(crm)
    jobs.freeze(campaign)
    jobs.freeze(campaign)
    jobs.drain(campaign)
    jobs.drain(campaign)
    jobs.sweep()
    jobs.tidy()
    assert books(crm, campaign) == {"considered": 5, "sent": 5}
    another = launched(crm)
    for _ in range(3):
        jobs.attend()  # without a queue it works inline
    assert books(crm, another) == {"considered": 5, "sent": 5}


def test_facts_of_those_who_were_marketed(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    answers(crm, lambda message: receipt(message, "rejected" if message.person == "p3" else "accepted"))
    run_campaign = ready(crm)
    run(crm)
    compute.recompute(crm)
    with crm.db.read() as session:
        people = session.scalars(sa.select(Person).order_by(Person.id)).all()
    assert [(one.marketed_count, one.last_marketed_at) for one in people] == [(1, NOW), (1, NOW), (0, None)]
    assert state(crm, run_campaign) == "finished"


def test_the_ledger_holds_no_campaign_of_nobody(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = ready(crm)
    set_person(crm, 1, status="suspended")
    run(crm)
    with crm.db.read() as session:
        assert session.get_one(Campaign, campaign).finished_at is not None
