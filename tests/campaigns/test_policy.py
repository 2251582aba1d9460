"""What a policy and a late change stop, right before a message would leave."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.delivery import drain as sending
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.document.goals import goal_of
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.prepared_campaign import load
from crm_plugin.campaigns.rates import limits
from crm_plugin.host.context import Crm
from crm_plugin.kernel.clock import system_clock
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.school import Course, Enrolment, Person
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.segments.language.documents import rows as rows_of
from tests.campaigns.fixtures import (
    books,
    first_message,
    move_to,
    ready,
    rows,
    run,
    sent,
    set_person,
    state,
    world,
)
from tests.fakes.crm import NOW
from tests.fakes.host import staff

LATER = NOW + timedelta(hours=1)
BOUGHT = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}


def opted_out(crm: Crm) -> None:
    with crm.db.begin() as session:
        ledger.opt_out(crm, session, 2, "sms", NOW, "page")


def bounced(crm: Crm) -> None:
    with crm.db.begin() as session:
        ledger.suppress(crm, session, "sms", "+8613800000002", "all", "bounce", NOW, "carrier")


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
        session.add(Delivery(campaign_id=1_000_000, person_id=2, **row))


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


@pytest.mark.parametrize(("goal", "reached"), [("seated", {2, 3}), ("begun", {2})])
def test_access_that_ran_out_is_no_seat(
    database: Database, tmp_path: Path, goal: str, reached: set[int]
) -> None:
    """The school calls all three active; the third is in by the time that its message would leave."""
    crm = world(database, tmp_path, people=3)
    course = {"host_id": "c1", "row_hash": "", "title": "Piano", "title_folded": "piano", "root_id": 1}
    dates = {1: {"expires_at": NOW}, 2: {"expires_at": NOW + timedelta(days=1)}, 3: {"starts_at": LATER}}
    with crm.db.begin() as session:
        session.add(Course(id=1, kind="course", status="published", **course))
        for who, access in dates.items():
            seat = {"person_id": who, "course_id": 1, "root_id": 1, "role": "learner", "source": "purchase"}
            session.add(Enrolment(host_id=f"e{who}", row_hash="", state="active", **seat, **access))
    begun = all_of(rows_of("enrolments", rule("state", "=", "active")))
    campaign = ready(crm, policy={"goal": goal_of("seated", "c1") if goal == "seated" else begun})
    assert [number for number, row in rows(crm, campaign).items() if row.reason == "goal"] == sorted(reached)
    move_to(crm, LATER)
    run(crm)
    assert sent(crm) == ["+8613800000001"]
    assert books(crm, campaign) == {"considered": 3, "sent": 1, "excluded": {"goal": 2}}


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
    (limit,) = limits.limits(running)
    minute = replace(limit, per_seconds=60)
    assert sum(count for _, count in limits.seed(crm, running, minute)) == 30


def test_a_stop_takes_effect_while_the_rate_is_waited_for(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm, policy={"rate": {"n": 1, "per_seconds": 3600}})
    worker = threading.Thread(target=drain, args=(crm, campaign))
    worker.start()
    first_message(crm, worker)
    service.pause(crm, staff("tester"), campaign)
    worker.join(timeout=2.5)
    assert not worker.is_alive()
    assert books(crm, campaign) == {"considered": 3, "sent": 1, "pending": 2}


def test_a_campaign_that_waits_for_its_rate_makes_room_for_another(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=3)
    crm.clock = system_clock
    slow = ready(crm, policy={"rate": {"n": 1, "per_seconds": 3600}})
    drain(crm, slow, 1.5)
    fast = ready(crm)
    started = time.monotonic()
    assert drain(crm, slow, 20) == 0
    assert time.monotonic() - started < 5
    assert books(crm, slow) == {"considered": 3, "sent": 1, "pending": 2}
    assert drain(crm, fast) == 3
    assert books(crm, fast) == {"considered": 3, "sent": 3}
