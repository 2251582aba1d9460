"""Campaigns that repeat: a child a period, once, through the rules of planned campaigns."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.automations.recurring import jobs, queries, runs, service
from crm_plugin.automations.recurring.models import Period
from crm_plugin.campaigns import access, copy_guard
from crm_plugin.campaigns import service as campaigns
from crm_plugin.campaigns.composing import drafts, repeating
from crm_plugin.campaigns.models import Campaign
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, NotFound, Refused
from tests.campaigns.fixtures import add_people, books, document, move_to, run, sent, set_person, state, world
from tests.fakes.crm import NOW
from tests.fakes.host import staff

DAILY: dict[str, Any] = {"every": "day", "at": "09:00", "zone": "America/New_York"}
SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
"""Of what no database can change."""


def draft(crm: Crm, **values: Any) -> int:
    return drafts.create(crm, staff("tester"), document(**values))


def started(crm: Crm, rhythm: dict[str, Any] | None = None, **values: Any) -> int:
    ident = draft(crm, **values)
    service.start(crm, staff("tester"), ident, rhythm or DAILY)
    return ident


def work(crm: Crm) -> None:
    """Do all that is due, as ``crm worker --burst`` does."""
    jobs.burst(crm)
    run(crm)


def get(crm: Crm, ident: int) -> queries.Recurring:
    return queries.get(crm, staff("tester"), ident)


def history(crm: Crm, ident: int) -> list[queries.PeriodRow]:
    return queries.history(crm, staff("tester"), ident)


def days(crm: Crm, ident: int) -> list[str]:
    return [one.day for one in reversed(history(crm, ident))]


def children(crm: Crm, ident: int) -> list[int]:
    return [one.child_id for one in reversed(history(crm, ident)) if one.child_id is not None]


def through(crm: Crm, until: datetime, *idents: int) -> None:
    """Let time pass, from one period to the next."""
    while following := [at for one in idents if (at := get(crm, one).next_at) and at <= until]:
        move_to(crm, min(following))
        work(crm)


def daily_from(crm: Crm, first: datetime, count: int) -> int:
    """Let a daily campaign run for some days in New York; return how many of them began at UTC-5."""
    move_to(crm, first)
    ident = started(crm)
    through(crm, first + timedelta(days=count), ident)
    found = queries.history(crm, staff("tester"), ident, limit=count + 1)
    assert len(found) == len({one.day for one in found}) == len(sent(crm)) == count
    sums = get(crm, ident).sums
    assert (sums.children, sums.considered, sums.sent) == (count, count, count)
    assert {one.due_at.hour for one in found} <= {13, 14}
    return sum(one.due_at.hour == 14 for one in found)


@SQLITE
def test_each_day_has_a_child_at_the_same_wall_clock(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    assert daily_from(crm, datetime(2026, 3, 5, 20, 0, tzinfo=UTC), 5) == 2  # clocks change on the 8th


@SQLITE
@pytest.mark.long
def test_so_has_each_day_of_nine_months(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    assert daily_from(crm, datetime(2026, 2, 20, 20, 0, tzinfo=UTC), 270) == 15 + 17


def test_each_person_gets_each_period_once(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    ident = started(crm)
    assert state(crm, ident) == "repeating"
    work(crm)
    assert sent(crm) == []  # nothing before the first period
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    work(crm)
    (child,) = children(crm, ident)
    assert books(crm, child) == {"considered": 2, "sent": 2}
    add_people(crm, [3])
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    assert books(crm, children(crm, ident)[1]) == {"considered": 3, "sent": 3}
    listed = access.listing(crm, staff("tester"))
    assert listed == []  # neither it nor its children stand on the list of bulk messages


@pytest.mark.parametrize("once", [True, False])
def test_who_got_it_once_may_be_left_out_of_later_periods(
    database: Database, tmp_path: Path, once: bool
) -> None:
    crm = world(database, tmp_path, people=2)
    ident = started(crm, policy={"once": once})
    set_person(crm, 2, status="suspended")
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    set_person(crm, 2, status="active")
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    second = books(crm, children(crm, ident)[1])
    assert second == (
        {"considered": 2, "sent": 1, "excluded": {"once": 1}} if once else {"considered": 2, "sent": 2}
    )


def test_two_workers_make_one_child(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    ident = started(crm)
    move_to(crm, get(crm, ident).next_at or NOW)
    together = threading.Barrier(3)

    def one() -> None:
        together.wait()
        runs.run_due(crm)

    workers = [threading.Thread(target=one) for _ in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    work(crm)
    assert len(children(crm, ident)) == 1
    assert len(sent(crm)) == 1


class Killed(BaseException):
    """The process ends here."""


@SQLITE
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_worker_that_dies_loses_and_doubles_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    crm = world(database, tmp_path, people=1)
    ident = started(crm)
    move_to(crm, get(crm, ident).next_at or NOW)
    make = repeating.make_child

    def die(*args: Any) -> int:
        make(*args)
        raise Killed

    if where == "before":  # its transaction is not committed: the child and the period are gone together
        with monkeypatch.context() as patch:
            patch.setattr(repeating, "make_child", die)
            with pytest.raises(Killed):
                runs.run_due(crm)
        assert children(crm, ident) == []
    else:  # the child is made and nobody has started it
        assert runs.run_due(crm) == 1
        (child,) = children(crm, ident)
        assert state(crm, child) == "scheduled"
    work(crm)
    assert len(children(crm, ident)) == 1
    assert len(sent(crm)) == 1


@SQLITE
def test_of_missed_periods_only_the_latest_counts_and_waits_for_a_person(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=1)
    ident = started(crm)
    first = get(crm, ident).next_at or NOW
    move_to(crm, first + timedelta(days=4, hours=2))  # five begun, the last one two hours ago
    work(crm)
    (row,) = history(crm, ident)
    assert (row.due_at, row.missed) == (first + timedelta(days=4), 4)
    assert row.child is not None
    assert (row.child.campaign.state, row.child.campaign.reason) == ("held", "late")
    assert sent(crm) == []
    campaigns.resume(crm, staff("tester"), row.child.campaign.id)
    work(crm)
    assert len(sent(crm)) == 1


@SQLITE
def test_a_period_that_began_too_long_ago_is_skipped_and_says_so(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    ident = started(crm, {"every": "week", "days": [0], "at": "09:00", "zone": "UTC"})
    first = get(crm, ident).next_at or NOW
    move_to(crm, first + timedelta(days=9))
    work(crm)
    (row,) = history(crm, ident)
    assert (row.due_at, row.reason, row.missed, row.child_id) == (
        first + timedelta(days=7),
        "missed",
        1,
        None,
    )
    assert get(crm, ident).next_at == first + timedelta(days=14)
    assert sent(crm) == []


@SQLITE
def test_a_copied_database_repeats_nothing_until_somebody_confirms(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=1)
    ident = started(crm)
    crm.settings.public_url = "https://staging.example"
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    found = get(crm, ident)
    assert (found.state, found.reason, history(crm, ident)) == ("paused", "copied", [])
    service.resume(crm, staff("admin"), ident)
    with crm.db.read() as session:
        assert copy_guard.is_confirmed(crm, session)
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    assert len(sent(crm)) == 1


@SQLITE
def test_what_stands_in_the_way_pauses_it_with_the_reason(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    ident = started(crm)
    _template(crm, "rejected")
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    found = get(crm, ident)
    assert (found.state, found.reason) == ("paused", "campaign.template_not_approved")
    assert [one.reason for one in history(crm, ident)] == ["campaign.template_not_approved"]
    with pytest.raises(BadInput) as caught:
        service.resume(crm, staff("tester"), ident)
    assert caught.value.code == "campaign.template_not_approved"
    _template(crm, "approved")
    again = service.resume(crm, staff("tester"), ident)
    assert again > crm.clock()  # the period that was missed is not made up for
    move_to(crm, again)
    work(crm)
    assert len(sent(crm)) == 1


def _template(crm: Crm, state: str) -> None:
    with crm.db.begin() as session:
        session.execute(sa.update(SmsTemplate).where(SmsTemplate.key == "hello").values(state=state))


@SQLITE
def test_a_period_without_people_is_on_record_and_the_next_one_comes(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path)
    ident = started(crm)
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    assert [one.reason for one in history(crm, ident)] == [repeating.NOBODY]
    add_people(crm, [1])
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    assert len(sent(crm)) == 1


@SQLITE
def test_pausing_and_going_on_makes_up_for_nothing(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    ident = started(crm)
    service.pause(crm, staff("tester"), ident)
    assert get(crm, ident).next_at is None
    with pytest.raises(Conflict):
        service.pause(crm, staff("tester"), ident)
    move_to(crm, crm.clock() + timedelta(days=3))
    work(crm)
    service.resume(crm, staff("tester"), ident)
    work(crm)
    assert (days(crm, ident), sent(crm)) == ([], [])


@SQLITE
def test_it_ends_by_hand_or_at_its_end_time(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    by_hand = started(crm)
    by_time = started(crm, policy={"expires_at": (NOW + timedelta(days=1, hours=12)).isoformat()})
    service.end(crm, staff("tester"), by_hand)
    with pytest.raises(Conflict):
        service.resume(crm, staff("tester"), by_hand)
    through(crm, NOW + timedelta(days=4), by_hand, by_time)
    assert (get(crm, by_hand).state, children(crm, by_hand)) == ("ended", [])
    assert (get(crm, by_time).state, len(children(crm, by_time))) == ("ended", 2)
    assert state(crm, by_time) == "finished"
    with pytest.raises(BadInput) as caught:
        started(crm, policy={"expires_at": (crm.clock() + timedelta(minutes=5)).isoformat()})
    assert caught.value.code == "recurring.ends_first"


@SQLITE
def test_it_can_be_changed_and_a_day_never_has_two_periods(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    ident = started(crm)
    with pytest.raises(Conflict):
        drafts.update(crm, staff("tester"), ident, document(name="Other"))
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    service.edit(crm, staff("tester"), ident)
    with pytest.raises(Conflict) as caught:
        campaigns.launch(crm, staff("tester"), ident)
    assert caught.value.code == "campaign.repeats"
    drafts.update(crm, staff("tester"), ident, document(name="Other"))
    service.start(crm, staff("tester"), ident, DAILY | {"at": "10:00"})
    through(crm, crm.clock() + timedelta(days=1, hours=1), ident)
    assert [one[-2:] for one in days(crm, ident)] == ["15", "16"]
    with crm.db.read() as session:
        names = session.scalars(sa.select(Campaign.name).where(Campaign.parent_id == ident)).all()
    assert sorted(names) == ["Hello · 2026-11-15", "Other · 2026-11-16"]


@SQLITE
def test_it_says_what_was_confirmed_whatever_becomes_of_its_template(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=1)
    ident = started(crm)
    move_to(crm, get(crm, ident).next_at or NOW)
    work(crm)
    (child,) = children(crm, ident)
    with crm.db.read() as session:
        parent, made = session.get_one(Campaign, ident), session.get_one(Campaign, child)
        assert (made.content, made.searches) == (parent.content, parent.searches)
        assert "template_version" in made.content
        assert (made.created_by, made.launched_by, made.contacts) == ("tester", "tester", True)


@SQLITE
def test_the_number_of_people_is_confirmed_and_rights_are_asked(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    ident = draft(crm)
    with pytest.raises(BadInput) as caught:
        service.start(crm, staff("tester"), ident, DAILY, "2")
    assert (caught.value.code, caught.value.params) == ("campaign.not_confirmed", {"count": 3})
    reader = Actor("tester", "T", frozenset({"crm.view", "crm.edit"}))
    with pytest.raises(Refused):
        service.start(crm, reader, ident, DAILY)
    service.start(crm, staff("tester"), ident, DAILY, "3")
    for verb in (service.pause, service.resume, service.edit, service.end):
        with pytest.raises(Refused):
            verb(crm, reader, ident)
        with pytest.raises(NotFound):
            verb(crm, staff("tester"), ident + 1)
    limited = Actor("other", "O", staff("tester").permissions, scope=frozenset({"c1"}))
    assert queries.listing(crm, limited) == []
    with pytest.raises(NotFound):
        queries.get(crm, limited, ident)
    assert [one.id for one in queries.listing(crm, reader)] == [ident]


@SQLITE
def test_a_second_row_for_one_period_is_refused_by_the_database(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    values = {"campaign_id": 1, "day": "2026-03-01", "due_at": NOW, "missed": 0}
    with crm.db.begin() as session:
        session.execute(sa.insert(Period).values(**values))
    with pytest.raises(sa.exc.IntegrityError), crm.db.begin() as session:
        session.execute(sa.insert(Period).values(**values))
