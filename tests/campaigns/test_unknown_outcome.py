"""Dead, slow and cut-off workers: what is in doubt, and who may decide."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

from crm_plugin.campaigns import jobs, queries, service
from crm_plugin.campaigns.delivery import drain as sending
from crm_plugin.campaigns.delivery import mark, settle, sweeper
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch import lifecycle, staging
from crm_plugin.campaigns.ledger import lease
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.prepared_campaign import load, present_of
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.settings import Settings
from tests.campaigns.fixtures import (
    answers,
    books,
    books_of,
    launched,
    move_to,
    ready,
    run,
    sent,
    state,
    world,
)
from tests.fakes.carrier import receipt
from tests.fakes.crm import NOW
from tests.fakes.host import staff


def stalled(crm: Crm, campaign: int) -> tuple[settle.Outcome, list[int]]:
    """A worker that marked its rows and then stalled until they were in doubt; what it would settle."""
    batch = lease.take(crm, campaign, 10)
    ids = [row.id for row in batch.rows]
    with crm.db.begin() as session:
        move(session, "mark", ["leased"], "sending", Delivery.id.in_(ids), handed_at=NOW)
    expire(crm, campaign)
    assert sweeper.lapse(crm) == len(ids)
    answers_ = [Receipt(str(row.id), "accepted") for row in batch.rows]
    return settle.Outcome(campaign, batch.token, "books", batch.rows, answers_, NOW), ids


def expire(crm: Crm, campaign: int) -> None:
    """Let every lease of a campaign lapse."""
    long_ago = NOW - timedelta(days=3650)
    with crm.db.begin() as session:
        session.execute(
            sa.update(Delivery)
            .where(Delivery.campaign_id == campaign, Delivery.token.is_not(None))
            .values(lease_until=long_ago)
        )


def test_a_lapsed_lease_goes_back_and_a_late_worker_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    late = lease.take(crm, campaign, 10)
    expire(crm, campaign)
    assert sweeper.lapse(crm) == 3
    assert books(crm, campaign) == {"considered": 3, "pending": 3}
    lease.take(crm, campaign, 10)  # another worker has them now
    ask = mark.Ask(late.token, late.rows, {}, 60)
    running = load(crm, campaign)
    assert running is not None
    marked = mark.mark(crm, running.rules, ask, present_of(crm), time.monotonic() + 5)
    assert marked.ids == frozenset()
    assert lease.give_back(crm, campaign, late.token) == 0
    assert books(crm, campaign) == {"considered": 3, "leased": 3}


def test_a_lease_that_has_lapsed_cannot_be_marked(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    batch = lease.take(crm, campaign, 10)
    expire(crm, campaign)
    running = load(crm, campaign)
    assert running is not None
    ask = mark.Ask(batch.token, batch.rows, {}, 60)
    assert not mark.mark(crm, running.rules, ask, present_of(crm), time.monotonic() + 5).ids


def test_a_slow_worker_may_still_settle_what_is_in_doubt(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    outcome, _ = stalled(crm, campaign)
    assert books(crm, campaign) == {"considered": 3, "unknown": 3}
    crm.db.run(lambda session: settle.write(session, crm.settings, outcome))
    assert books(crm, campaign) == {"considered": 3, "sent": 3}


@pytest.mark.parametrize(("status", "back"), [("unavailable", "waiting"), ("not_called", "pending")])
@pytest.mark.parametrize("meanwhile", ["sending", "finished", "cancelled"])
def test_what_was_surely_not_taken_comes_out_of_doubt_by_itself(
    database: Database, tmp_path: Path, status: Any, back: str, meanwhile: str
) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = ready(crm)
    outcome, _ = stalled(crm, campaign)
    outcome.receipts = [Receipt(row.key, status) for row in outcome.receipts]
    if meanwhile != "sending":
        with crm.db.begin() as session:
            session.execute(sa.update(Campaign).values(state=meanwhile))
    for _ in range(2):
        crm.db.run(lambda session: settle.write(session, crm.settings, outcome))
        end = "cancelled" if meanwhile == "cancelled" else back
        assert books(crm, campaign) == {"considered": 2, end: 2}
        assert state(crm, campaign) == ("cancelled" if meanwhile == "cancelled" else "sending")


def test_what_a_slow_batch_never_called_leaves_later_by_itself(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=20, lease_seconds=1)
    books_of(crm).batch = 1
    campaign = ready(crm)
    slow = [True]

    def answer(message: Message) -> Receipt:
        if slow.pop() if slow else False:
            time.sleep(1.05)
            expire(crm, campaign)
            sweeper.lapse(crm)
            assert books(crm, campaign) == {"considered": 20, "unknown": 20}
            lifecycle.finish(crm, campaign)
            assert state(crm, campaign) == "finished"
        return receipt(message)

    answers(crm, answer)
    drain(crm, campaign)
    assert books(crm, campaign) == {"considered": 20, "sent": 1, "pending": 19}
    assert state(crm, campaign) == "sending"
    run(crm)
    assert (state(crm, campaign), books(crm, campaign)) == ("finished", {"considered": 20, "sent": 20})
    assert len(sent(crm)) == len(set(sent(crm))) == 20


@pytest.mark.parametrize(("decision", "expected"), [("sent", "sent"), ("again", "pending")])
def test_a_person_decides_and_the_late_worker_changes_nothing(
    database: Database, tmp_path: Path, decision: str, expected: str
) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = ready(crm)
    outcome, _ = stalled(crm, campaign)
    assert service.resolve(crm, staff("tester"), campaign, decision) == 2
    outcome.receipts = [Receipt(row.key, "rejected") for row in outcome.receipts]
    crm.db.run(lambda session: settle.write(session, crm.settings, outcome))
    assert books(crm, campaign) == {"considered": 2, expected: 2}


def test_whose_rows_another_worker_has_now_changes_nothing(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = ready(crm)
    outcome, ids = stalled(crm, campaign)
    service.resolve(crm, staff("tester"), campaign, "again")
    lease.take(crm, campaign, 10)
    with crm.db.begin() as session:
        move(session, "mark", ["leased"], "sending", Delivery.id.in_(ids), handed_at=NOW)
    for status in ("accepted", "rejected", "unknown", "unavailable", "not_called"):
        outcome.receipts = [Receipt(row.key, status) for row in outcome.receipts]
        crm.db.run(lambda session: settle.write(session, crm.settings, outcome))
        assert books(crm, campaign) == {"considered": 2, "sending": 2}


def test_send_again_reopens_a_finished_campaign(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    answers(crm, lambda message: receipt(message, "unknown" if message.person == "p1" else "accepted"))
    campaign = ready(crm)
    run(crm)
    assert state(crm, campaign) == "finished"
    answers(crm, receipt)
    assert service.resolve(crm, staff("tester"), campaign, "again") == 1
    assert state(crm, campaign) == "sending"
    run(crm)
    assert books(crm, campaign) == {"considered": 2, "sent": 2}
    assert state(crm, campaign) == "finished"


def test_nothing_sends_again_by_itself(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = ready(crm)
    stalled(crm, campaign)
    move_to(crm, NOW + timedelta(days=30))
    run(crm)
    assert books(crm, campaign) == {"considered": 2, "unknown": 2}
    assert sent(crm) == []


def test_not_finished_while_a_row_is_open(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=4)
    campaign = ready(crm)
    for open_state in ("pending", "waiting", "leased", "sending"):
        with crm.db.begin() as session:
            session.execute(sa.update(Delivery).values(state="sent"))
            session.execute(sa.update(Delivery).where(Delivery.person_id == 1).values(state=open_state))
        assert not lifecycle.finish(crm, campaign)
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).values(state="sent"))
    assert lifecycle.finish(crm, campaign)


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_commit_is_read_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    crm = world(database, tmp_path, people=60)
    campaign = ready(crm)
    run_ = crm.db.run
    lost: list[int] = []

    def run_and_lose(work: Any, tries: int = 6) -> Any:
        if "_mark" not in getattr(work, "__qualname__", "") and "mark.<locals>" not in work.__qualname__:
            return run_(work, tries)
        if len(lost) == 1:  # the second micro-batch: the first one is not settled yet
            lost.append(1)
            if committed:
                run_(work, tries)
            raise OperationalError("COMMIT", {}, Exception("server closed the connection"))
        lost.append(1)
        return run_(work, tries)

    monkeypatch.setattr(crm.db, "run", run_and_lose)
    run(crm)
    expire(crm, campaign)  # what was leased when the commit was lost
    run(crm)
    assert books(crm, campaign) == {"considered": 60, "sent": 60}
    assert len(sent(crm)) == len(set(sent(crm))) == 60


def test_the_database_goes_away_between_call_and_settle(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = world(database, tmp_path, people=10)
    campaign = ready(crm)
    write = settle.write
    failures: list[int] = []

    def failing(session: Any, settings: Settings, outcome: settle.Outcome) -> None:
        if len(failures) < 2:
            failures.append(1)
            raise OperationalError("UPDATE", {}, Exception("gone"))
        write(session, settings, outcome)

    monkeypatch.setattr(settle, "write", failing)
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.01)
    drain(crm, campaign)
    assert books(crm, campaign) == {"considered": 10, "sent": 10}


@pytest.mark.parametrize(
    "error", [ProgrammingError("UPDATE", {}, Exception("no such column")), KeyError("x")]
)
def test_an_error_of_the_program_is_no_lost_database(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    crm = world(database, tmp_path, people=60)
    books_of(crm).in_flight = 20
    campaign = ready(crm)
    write, tries = settle.write, []

    def failing(session: Any, settings: Settings, outcome: settle.Outcome) -> None:
        tries.append(time.monotonic())
        raise error

    monkeypatch.setattr(settle, "write", failing)
    with pytest.raises(type(error)):
        drain(crm, campaign)
    assert len(tries) == 2, "once with the next marking, once alone"
    assert (state(crm, campaign), queries.get(crm, campaign).reason) == ("paused", "settle_failed")
    assert books(crm, campaign) == {"considered": 60, "sending": 20, "leased": 40}, "no batch after it"
    expire(crm, campaign)
    sweeper.lapse(crm)
    assert books(crm, campaign) == {"considered": 60, "unknown": 20, "pending": 40}
    monkeypatch.setattr(settle, "write", write)
    service.resolve(crm, staff("ann"), campaign, "sent")
    service.resume(crm, staff("ann"), campaign)
    run(crm)
    assert books(crm, campaign) == {"considered": 60, "sent": 60}
    assert len(sent(crm)) == len(set(sent(crm))) == 60


@pytest.mark.parametrize("how", ["worker", "sweeper"])
def test_a_row_that_a_cancel_missed_never_becomes_pending(
    database: Database, tmp_path: Path, how: str
) -> None:
    """A cancel walks through the rows state by state; one that is leased meanwhile may escape it."""
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    batch = lease.take(crm, campaign, 10)
    with crm.db.begin() as session:
        session.execute(sa.update(Campaign).values(state="cancelled"))
    if how == "sweeper":
        expire(crm, campaign)
        assert sweeper.lapse(crm) == 3
    else:
        assert lease.give_back(crm, campaign, batch.token) == 3
    assert books(crm, campaign) == {"considered": 3, "cancelled": 3}


@pytest.mark.parametrize("name", ["cancelled", "paused"])
def test_nothing_ripens_in_a_campaign_that_does_not_send(
    database: Database, tmp_path: Path, name: str
) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = ready(crm)
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).values(state="waiting", waits_until=NOW))
        session.execute(sa.update(Campaign).values(state=name))
    assert lease.ripen(crm, campaign) == 0
    assert books(crm, campaign) == {"considered": 1, "waiting": 1}


def test_a_dead_workers_rows_are_held_until_its_lease_lapses(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = launched(crm)
    assert not jobs.is_held(crm)
    assert staging.claim(crm, campaign)  # and dies
    assert jobs.is_held(crm)
    service.pause(crm, staff("tester"), campaign)
    assert not jobs.is_held(crm)
    service.resume(crm, staff("tester"), campaign)
    run(crm)  # whoever resumes need not wait for the lease of the freeze
    again = ready(crm)
    lease.take(crm, again, 10)
    assert jobs.is_held(crm)
    expire(crm, again)
    assert not jobs.is_held(crm)
    run(crm)
    assert state(crm, campaign) == state(crm, again) == "finished"
