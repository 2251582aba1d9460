"""From launch to the last settled row, with everything that may come between."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from crm_plugin.campaigns import jobs, lease, life, marking, pace, receipts, sending, service, settle, sweeper
from crm_plugin.campaigns.freezing import freeze
from crm_plugin.campaigns.ledger import move
from crm_plugin.campaigns.models import Campaign, Delivery, EarlyReport
from crm_plugin.campaigns.running import Running, load, present_of
from crm_plugin.campaigns.sending import drain
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.host.context import Crm, install
from crm_plugin.kernel.clock import system_clock
from crm_plugin.kernel.db import Database
from crm_plugin.kernel.errors import BadInput, Conflict
from crm_plugin.profiles import consent, facts
from crm_plugin.profiles.models import Person
from tests.campaigns.world import books, launched, move_to, run, set_person, state, world
from tests.fakes.carrier import receipt, taken
from tests.fakes.crm import NOW

BOUGHT = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}


def ready(crm: Crm, **values: Any) -> int:
    """A frozen campaign of everybody."""
    campaign = launched(crm, **values)
    assert freeze(crm, campaign)
    return campaign


def rows(crm: Crm, campaign: int) -> dict[int, Delivery]:
    """Person → row."""
    with crm.db.read() as session:
        found = session.scalars(sa.select(Delivery).where(Delivery.campaign_id == campaign))
        return {row.person_id: row for row in found}


def sent(crm: Crm) -> list[str]:
    return taken(crm.extras["books"].books)


def first_message(crm: Crm, worker: threading.Thread) -> None:
    """Wait until the carrier has taken something."""
    while not sent(crm):
        assert worker.is_alive()
        time.sleep(0.02)


def answers(crm: Crm, answer: Callable[[Message], Receipt]) -> None:
    crm.extras["books"].answer = answer


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


def opted_out(crm: Crm) -> None:
    with crm.db.begin() as session:
        consent.opt_out(session, 2, "sms", NOW, "page")


def bounced(crm: Crm) -> None:
    with crm.db.begin() as session:
        consent.suppress(session, "sms", "+8613800000002", "all", "bounce", NOW, "carrier")


def moved_away(crm: Crm) -> None:
    """Another address by now; the one that the row holds is suppressed."""
    set_person(crm, 2, phone="+8613899999999", phone_key="+8613899999999")
    bounced(crm)


def gone(crm: Crm) -> None:
    with crm.db.begin() as session:
        session.execute(sa.delete(Person).where(Person.id == 2))


def marketed(crm: Crm) -> None:
    row = {"channel": "email", "state": "sent", "marketing": True, "handed_at": NOW}
    with crm.db.begin() as session:
        session.add(Delivery(campaign_id=99, person_id=2, **row))


LATE: list[tuple[Callable[[Crm], None], dict[str, Any], str]] = [
    (opted_out, {}, "suppressed"),
    (bounced, {}, "suppressed"),
    (moved_away, {}, "suppressed"),
    (gone, {}, "status"),
    (lambda crm: set_person(crm, 2, status="suspended"), {}, "status"),
    (lambda crm: set_person(crm, 2, merged_into="p3"), {}, "status"),
    (lambda crm: set_person(crm, 2, is_staff=True), {}, "staff"),
    (lambda crm: set_person(crm, 2, paid_count=1), {"goal": BOUGHT}, "goal"),
    (marketed, {"cap": {"n": 1, "days": 1}}, "cap"),
    (marketed, {"leave_out_days": 1}, "left_out"),
]


@pytest.mark.parametrize(("change", "policy", "reason"), LATE)
def test_what_changes_after_the_freeze_stops_that_person(
    database: Database, tmp_path: Path, change: Callable[[Crm], None], policy: dict[str, Any], reason: str
) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm, policy=policy)
    change(crm)
    run(crm)
    assert books(crm, campaign) == {"considered": 3, "sent": 2, "excluded": {reason: 1}}
    row = rows(crm, campaign)[2]
    assert (row.state, row.reason, row.address_key) == ("excluded", reason, None)
    assert sent(crm) == ["+8613800000001", "+8613800000003"]


def test_an_opt_out_after_the_lease_still_counts(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)

    def late(name: str) -> None:
        if name == "rendered":
            opted_out(crm)

    monkeypatch.setattr(sending, "step", late)
    drain(crm, campaign)
    assert books(crm, campaign) == {"considered": 3, "sent": 2, "excluded": {"suppressed": 1}}


def test_two_campaigns_at_once_keep_one_cap(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=60)
    policy = {"cap": {"n": 1, "days": 1}}
    campaigns = [ready(crm, policy=policy) for _ in range(3)]
    workers = [threading.Thread(target=drain, args=(crm, campaign)) for campaign in campaigns]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(sent(crm)) == len(set(sent(crm))) == 60
    totals = [books(crm, campaign) for campaign in campaigns]
    assert sum(total.get("excluded", {}).get("cap", 0) for total in totals) == 120


def test_quiet_hours_by_the_zone_of_each_person(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)  # the second one has the school's zone: it is 20:00 there
    set_person(crm, 1, timezone="UTC")  # 12:00
    set_person(crm, 3, timezone="Pacific/Auckland")  # 01:00 of the next day
    campaign = ready(crm, policy={"quiet_hours": {"from": "19:30", "to": "09:00"}})
    run(crm)
    assert books(crm, campaign) == {"considered": 3, "sent": 1, "waiting": 2}
    found = rows(crm, campaign).items()
    waiting = {who: (row.reason, row.waits_until) for who, row in found if row.waits_until}
    assert waiting == {
        2: ("quiet_hours", NOW.replace(day=16, hour=1)),
        3: ("quiet_hours", NOW.replace(hour=20)),
    }
    assert state(crm, campaign) == "sending"
    move_to(crm, NOW.replace(hour=20))
    run(crm)
    assert books(crm, campaign) == {"considered": 3, "sent": 2, "waiting": 1}
    move_to(crm, NOW.replace(day=16, hour=1))
    run(crm)
    assert state(crm, campaign) == "finished"


def test_a_window_that_opens_too_late_is_an_expiry(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    policy = {
        "quiet_hours": {"from": "19:00", "to": "21:00"},  # it is 20:00 at the school
        "expires_at": (NOW + timedelta(minutes=59)).isoformat(),
    }
    campaign = ready(crm, policy=policy)
    run(crm)
    assert books(crm, campaign) == {"considered": 1, "excluded": {"expired": 1}}


def test_a_campaign_expires_between_freeze_and_sending(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = ready(crm, policy={"expires_at": (NOW + timedelta(hours=1)).isoformat()})
    move_to(crm, NOW + timedelta(hours=1))
    run(crm)
    assert books(crm, campaign) == {"considered": 2, "excluded": {"expired": 2}}


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
    assert service.retry_failed(crm, campaign, "tester") == 1
    assert state(crm, campaign) == "sending"
    run(crm)
    assert books(crm, campaign) == {"considered": 3, "sent": 2, "failed_permanent": 1}
    assert sent(crm) == ["+8613800000002", "+8613800000003", "+8613800000002"]
    assert state(crm, campaign) == "finished"


def test_a_streak_of_failures_pauses_the_campaign_and_rejections_do_not(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=100)
    answers(crm, lambda message: receipt(message, "rejected"))
    campaign = ready(crm)
    run(crm)
    assert books(crm, campaign) == {"considered": 100, "failed_permanent": 100}
    answers(crm, lambda message: receipt(message, "unavailable"))
    campaign = ready(crm)
    run(crm)
    assert books(crm, campaign) == {"considered": 100, "waiting": 20, "pending": 80}
    assert state(crm, campaign) == "paused"
    assert service.get(crm, campaign).reason == "carrier_failing"
    answers(crm, receipt)
    service.resume(crm, campaign, "tester")
    move_to(crm, NOW + timedelta(minutes=5))
    run(crm)
    assert books(crm, campaign) == {"considered": 100, "sent": 100}


def test_pause_takes_effect_while_a_slow_batch_is_at_the_carrier(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=100)
    crm.extras["books"].batch = 1
    crm.extras["books"].delay = 0.2
    campaign = ready(crm)
    worker = threading.Thread(target=drain, args=(crm, campaign))
    worker.start()
    first_message(crm, worker)
    service.pause(crm, campaign, "tester")
    started = time.monotonic()
    worker.join()
    assert time.monotonic() - started < 2.0
    found = books(crm, campaign)
    assert found == {"considered": 100, "sent": len(sent(crm)), "pending": 100 - len(sent(crm))}
    crm.extras["books"].delay = 0
    service.resume(crm, campaign, "tester")
    run(crm)
    assert books(crm, campaign) == {"considered": 100, "sent": 100}
    assert len(sent(crm)) == len(set(sent(crm))) == 100


def test_nobody_is_called_after_the_deadline(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=40, lease_seconds=1)
    crm.extras["books"].batch = 1
    crm.extras["books"].delay = 0.4
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
            service.cancel(crm, campaign, "tester")
        return receipt(message, "unavailable" if message.person == "p6" else "accepted")

    answers(crm, answer)
    if database.dialect == "sqlite":
        crm.extras["books"].batch = 20
    drain(crm, campaign)
    # The row that would have waited is cancelled instead.
    assert books(crm, campaign) == {"considered": 40, "sent": 19, "cancelled": 21}
    assert state(crm, campaign) == "cancelled"
    with pytest.raises(Conflict):
        service.retry_failed(crm, campaign, "tester")
    with pytest.raises(Conflict):
        service.resolve(crm, campaign, "tester", "again")


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
    ask = marking.Ask(late.token, late.rows, {}, 60)
    running = load(crm, campaign)
    assert running is not None
    marked = marking.mark(crm, running.rules, ask, present_of(crm), time.monotonic() + 5)
    assert marked.ids == frozenset()
    assert lease.give_back(crm, late.token) == 0
    assert books(crm, campaign) == {"considered": 3, "leased": 3}


def test_a_lease_that_has_lapsed_cannot_be_marked(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    batch = lease.take(crm, campaign, 10)
    expire(crm, campaign)
    running = load(crm, campaign)
    assert running is not None
    ask = marking.Ask(batch.token, batch.rows, {}, 60)
    assert not marking.mark(crm, running.rules, ask, present_of(crm), time.monotonic() + 5).ids


def test_a_slow_worker_may_still_settle_what_is_in_doubt(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    outcome, _ = stalled(crm, campaign)
    assert books(crm, campaign) == {"considered": 3, "unknown": 3}
    crm.db.run(lambda session: settle.write(session, outcome))
    assert books(crm, campaign) == {"considered": 3, "sent": 3}


@pytest.mark.parametrize("status", ["unavailable", "not_called"])
def test_out_of_doubt_nothing_leads_back_to_waiting(database: Database, tmp_path: Path, status: Any) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = ready(crm)
    outcome, _ = stalled(crm, campaign)
    outcome.receipts = [Receipt(row.key, status) for row in outcome.receipts]
    crm.db.run(lambda session: settle.write(session, outcome))
    assert books(crm, campaign) == {"considered": 2, "failed_transient": 2}


@pytest.mark.parametrize(("decision", "expected"), [("sent", "sent"), ("again", "pending")])
def test_a_person_decides_and_the_late_worker_changes_nothing(
    database: Database, tmp_path: Path, decision: str, expected: str
) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = ready(crm)
    outcome, _ = stalled(crm, campaign)
    assert service.resolve(crm, campaign, "tester", decision) == 2
    outcome.receipts = [Receipt(row.key, "rejected") for row in outcome.receipts]
    crm.db.run(lambda session: settle.write(session, outcome))
    assert books(crm, campaign) == {"considered": 2, expected: 2}


def test_send_again_reopens_a_finished_campaign(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    answers(crm, lambda message: receipt(message, "unknown" if message.person == "p1" else "accepted"))
    campaign = ready(crm)
    run(crm)
    assert state(crm, campaign) == "finished"
    answers(crm, receipt)
    assert service.resolve(crm, campaign, "tester", "again") == 1
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
        assert not life.finish(crm, campaign)
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).values(state="sent"))
    assert life.finish(crm, campaign)


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

    def failing(session: Any, outcome: settle.Outcome) -> None:
        if len(failures) < 2:
            failures.append(1)
            raise OperationalError("UPDATE", {}, Exception("gone"))
        write(session, outcome)

    monkeypatch.setattr(settle, "write", failing)
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.01)
    drain(crm, campaign)
    assert books(crm, campaign) == {"considered": 10, "sent": 10}


def test_reports_come_in_any_order_twice_and_early(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    ids = {who: row.id for who, row in rows(crm, campaign).items()}
    early = f"ref-{campaign}-{ids[1]}"
    assert not receipts.receive(crm, "books", early, "delivered")
    run(crm)
    assert rows(crm, campaign)[1].state == "delivered"
    for _ in range(2):
        assert receipts.receive(crm, "books", f"ref-{campaign}-{ids[2]}", "delivered")
        assert receipts.receive(crm, "books", f"ref-{campaign}-{ids[2]}", "failed_permanent", "late")
    assert receipts.receive(crm, "books", f"ref-{campaign}-{ids[3]}", "failed_permanent", "blocked")
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
    assert receipts.match_kept(crm) == 0


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
        jobs.sweep()  # without a queue it works inline
    assert books(crm, another) == {"considered": 5, "sent": 5}


def test_the_rate_holds_and_what_was_sent_before_counts(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=30)
    crm.clock = system_clock
    campaign = ready(crm, policy={"rate": {"n": 10, "per_seconds": 1}})
    started = time.monotonic()
    drain(crm, campaign)
    assert books(crm, campaign) == {"considered": 30, "sent": 30}
    assert time.monotonic() - started >= 1.9
    # The same again after everything about the rate was forgotten: the ledger remembers.
    running = load(crm, campaign)
    assert running is not None
    (limit,) = pace.limits(running)
    minute = replace(limit, per_seconds=60)
    assert sum(count for _, count in pace.seed(crm, running, minute)) == 30


def test_a_stop_takes_effect_while_the_rate_is_waited_for(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm, policy={"rate": {"n": 1, "per_seconds": 3600}})
    worker = threading.Thread(target=drain, args=(crm, campaign))
    worker.start()
    first_message(crm, worker)
    service.pause(crm, campaign, "tester")
    worker.join(timeout=2.5)
    assert not worker.is_alive()
    assert books(crm, campaign) == {"considered": 3, "sent": 1, "pending": 2}


def test_facts_of_those_who_were_marketed(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    answers(crm, lambda message: receipt(message, "rejected" if message.person == "p3" else "accepted"))
    run_campaign = ready(crm)
    run(crm)
    facts.recompute(crm)
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
