"""Who enters: the people who came between two looks, or whose date has come; nobody older, nobody twice."""

import random
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.automations import queries, service
from crm_plugin.automations.conditions import present_of, understood
from crm_plugin.automations.entering import entry
from crm_plugin.automations.models import Inside, Member
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict
from crm_plugin.profiles.models.school import Person
from crm_plugin.segments.language.documents import all_of, any_of, rule
from crm_plugin.segments.sql.compile import people
from tests.automations.fixtures import (
    HELLO,
    TESTER,
    add_order,
    add_seat,
    automation,
    file,
    members,
    school,
    set_order,
    set_seat,
    switched_on,
    work,
)
from tests.campaigns.fixtures import add_people, move_to, sent, set_person
from tests.fakes.crm import NOW

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
"""What is decided is no matter of the database."""
LAPSED = any_of(rule("last_active_at", "olderThan", {"n": 30, "unit": "day"}), rule("paid_count", ">=", 3))
"""Time alone moves people in; a visit moves them out; purchases move them in and out."""
CAME: dict[str, Any] = {"name": "x", "trigger": {"on": "segment", "segment": LAPSED}, "steps": [HELLO]}


def people_now(crm: Crm, ident: int) -> set[int]:
    row = queries.row_of(automation(crm, ident))
    with crm.db.read() as session:
        tree = understood(crm, row, row.document["trigger"]["segment"])
        return set(session.scalars(people(tree, present_of(crm, row))))


def entered(crm: Crm, ident: int) -> list[tuple[int, str]]:
    with crm.db.read() as session:
        query = sa.select(Member.person_id, Member.cause).where(Member.automation_id == ident)
        return sorted((person, cause) for person, cause in session.execute(query))


def through(crm: Crm, ident: int) -> None:
    """Let everybody be through: they may enter again at once."""
    with crm.db.begin() as session:
        mine = sa.update(Member).where(Member.automation_id == ident)
        session.execute(mine.values(state="done", chase=None))


def happen(crm: Crm, chance: random.Random, number: int) -> None:
    """Let something happen at the school, or just let time pass."""
    for _ in range(chance.randrange(4)):
        values: dict[str, Any] = {"paid_count": chance.randrange(5)}
        if chance.random() < 0.5:
            values = {"last_active_at": crm.clock() - timedelta(days=chance.randrange(40))}
        set_person(crm, chance.randrange(1, number + 1), **values)
    if chance.random() < 0.2:
        set_person(crm, chance.randrange(1, number + 1), status=chance.choice(["active", "suspended"]))
    move_to(crm, crm.clock() + timedelta(days=chance.choice([0, 0, 1, 7]), minutes=2))


def sequence(crm: Crm, seed: int, looks: int, number: int = 8) -> None:
    """One random sequence of events and looks: who enters is a full recompute's difference."""
    chance = random.Random(seed)
    for person in range(1, number + 1):
        visit = crm.clock() - timedelta(days=chance.randrange(60))
        set_person(crm, person, last_active_at=visit, paid_count=chance.randrange(5), status="active")
    ident = service.create(crm, TESTER, CAME | {"again": 0})
    service.switch_on(crm, TESTER, ident)
    before, expected = people_now(crm, ident), []
    for _ in range(looks):
        happen(crm, chance, number)
        now_in = people_now(crm, ident)
        entry.look(crm, ident)
        with crm.db.read() as session:
            active = set(session.scalars(sa.select(Person.id).where(Person.status == "active")))
        cause = f"look:{automation(crm, ident).looks}"
        expected += [(person, cause) for person in (now_in - before) & active]
        before = now_in
        through(crm, ident)
    assert entered(crm, ident) == sorted(expected), seed
    with crm.db.read() as session:
        mine = sa.select(Inside.person_id).where(Inside.automation_id == ident)
        assert set(session.scalars(mine)) == before, seed
    service.end(crm, TESTER, ident)


def test_entering_is_the_difference_of_full_recomputes(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=8)
    for seed in range(2):
        sequence(crm, seed, 4)


@pytest.mark.long
@SQLITE
def test_entering_is_that_after_ten_thousand_sequences(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=8)
    for seed in range(10_000):
        sequence(crm, seed, 4)
        if seed % 100 == 0:
            with crm.db.begin() as session:
                session.execute(sa.delete(Member))


def test_looks_at_once_give_what_one_gives(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=30)
    ident = switched_on(crm, CAME)
    set_everybody(crm, paid_count=4)
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(entry.look(crm, ident))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [0, 0, 30]
    assert len(entered(crm, ident)) == 30


def set_everybody(crm: Crm, **values: Any) -> None:
    with crm.db.begin() as session:
        session.execute(sa.update(Person).values(**values))


@SQLITE
def test_somebody_who_comes_and_goes_between_looks_has_not_entered(
    database: Database, tmp_path: Path
) -> None:
    crm = school(database, tmp_path, people=2)
    ident = switched_on(crm, CAME)
    work(crm)
    set_person(crm, 1, paid_count=3)
    work(crm)  # no look is due yet
    set_person(crm, 1, paid_count=0)
    crm.clock.move(minutes=2)  # type: ignore[attr-defined]
    work(crm)
    assert entered(crm, ident) == []


@SQLITE
def test_switching_on_reaches_nobody_whose_cause_is_older(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=9)
    for number in range(1, 6):
        add_order(crm, number, number)
    set_everybody(crm, paid_count=4)
    for document in (file(steps=[HELLO]), CAME):
        ident = switched_on(crm, document)
        for _ in range(3):
            crm.clock.move(hours=1)  # type: ignore[attr-defined]
            work(crm)
        assert entered(crm, ident) == []
    assert sent(crm) == []


@SQLITE
def test_older_ones_enter_when_their_number_is_typed(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=9)
    for number in range(1, 6):
        add_order(crm, number, number)
    set_order(crm, 5, state="paid")
    set_everybody(crm, paid_count=4)
    crm.clock.move(hours=2)  # type: ignore[attr-defined]
    for document, number in ((file(steps=[HELLO]), 4), (CAME, 9)):
        ident = service.create(crm, TESTER, document)
        assert service.would_reach(crm, TESTER, ident) == number
        for typed in (None, "3", ""):
            with pytest.raises(BadInput) as error:
                service.switch_on(crm, TESTER, ident, older=True, typed=typed)
            assert (error.value.code, error.value.params) == ("campaign.not_confirmed", {"count": number})
        assert automation(crm, ident).state == "draft"
        service.switch_on(crm, TESTER, ident, older=True, typed=str(number))
        work(crm)
        assert len(entered(crm, ident)) == number
    assert len(sent(crm)) == 13


@SQLITE
def test_a_pause_lets_nobody_in_later_unless_asked(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=6)
    orders, segment = switched_on(crm, file(steps=[HELLO])), switched_on(crm, CAME)
    for ident in (orders, segment):
        service.pause(crm, TESTER, ident)
    add_order(crm, 1, 1)
    set_person(crm, 2, paid_count=4)
    crm.clock.move(hours=1)  # type: ignore[attr-defined]
    work(crm)
    for ident in (orders, segment):
        service.resume(crm, TESTER, ident)
    crm.clock.move(hours=1)  # type: ignore[attr-defined]
    work(crm)
    assert [entered(crm, one) for one in (orders, segment)] == [[], []]
    service.pause(crm, TESTER, segment)
    assert service.would_reach(crm, TESTER, segment) == 1
    service.resume(crm, TESTER, segment, older=True, typed="1")
    work(crm)
    assert [person for person, _ in entered(crm, segment)] == [2]
    with pytest.raises(Conflict):
        service.resume(crm, TESTER, segment)


@SQLITE
def test_nobody_is_in_two_chases_of_a_kind(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=2)
    first = switched_on(crm, file(kind="unpaid"))
    second = switched_on(crm, file(kind="unpaid"))
    other = switched_on(crm, file(kind="another"))
    add_order(crm, 1, 1, course=1)
    add_order(crm, 2, 1, course=2)
    work(crm)
    assert [len(entered(crm, one)) for one in (first, second, other)] == [1, 0, 1]
    assert members(crm, first)[1].cause == "order_created:1"
    set_order(crm, 1, state="paid")
    for _ in range(2):
        crm.clock.move(hours=2)  # type: ignore[attr-defined]
        work(crm)
    # The first order's chase is over: the other order has its own now.
    assert members(crm, first)[1].cause == "order_created:2"


BIRTHDAYS = {1: date(2000, 2, 29), 2: date(1999, 3, 1), 3: date(1980, 2, 28), 4: date(1990, 2, 27)}


@SQLITE
def test_birthdays_come_once_a_year_in_the_morning(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=4)
    for number, born in BIRTHDAYS.items():
        set_person(crm, number, birthday=born)
    document = {"name": "x", "trigger": {"on": "date", "date": "birthday"}, "steps": [HELLO]}
    move_to(crm, NOW.replace(year=2026, month=2, day=27, hour=12))
    ident = switched_on(crm, document)
    days: dict[int, str] = {}
    for day in chain(days_of(crm, 5), days_of(crm, 1, hours=24 * 355), days_of(crm, 10)):
        work(crm)
        days |= {person: day for person in members(crm, ident) if person not in days}
        through(crm, ident)
    assert days == {1: "02-28", 2: "03-01", 3: "02-28", 4: "02-27"}
    causes = [cause for _, cause in entered(crm, ident)]
    assert sorted(causes) == ["birthday:2026"] * 3 + ["birthday:2027"] * 4


def days_of(crm: Crm, number: int, hours: int = 24) -> Iterator[str]:
    for _ in range(number):
        crm.clock.move(hours=hours)  # type: ignore[attr-defined]
        yield f"{crm.clock():%m-%d}"


@SQLITE
def test_days_before_a_date_that_moves(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=3)
    ends = crm.clock() + timedelta(days=20)
    add_seat(crm, 1, 1, expires_at=ends)
    add_seat(crm, 2, 2, expires_at=ends + timedelta(days=10))
    trigger = {"on": "date", "date": "access_ends", "n": 14, "unit": "day", "side": "before"}
    ident = switched_on(crm, {"name": "x", "trigger": trigger, "steps": [HELLO]})
    for _ in days_of(crm, 5):
        work(crm)
    assert entered(crm, ident) == []
    crm.clock.move(hours=25)  # type: ignore[attr-defined]
    work(crm)
    assert [person for person, _ in entered(crm, ident)] == [1]
    set_seat(crm, 1, expires_at=ends + timedelta(days=30))
    for _ in days_of(crm, 14, hours=72):
        work(crm)
    # A new end of the access is a new cause.
    assert [person for person, _ in entered(crm, ident)] == [1, 1, 2]


def test_a_stage_of_any_course(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=3)
    add_seat(crm, 1, 1, course=1)
    trigger = {"on": "stage", "stage": "learners", "where": all_of(rule("id", "!=", "p3"))}
    ident = switched_on(crm, {"name": "x", "trigger": trigger, "steps": [HELLO], "again": 0})
    add_seat(crm, 2, 2, course=2)
    add_seat(crm, 3, 3, course=2)
    work(crm)
    assert [(one.person_id, one.root_id) for one in members(crm, ident).values()] == [(2, 2)]
    add_seat(crm, 4, 1, course=2)
    crm.clock.move(minutes=2)  # type: ignore[attr-defined]
    work(crm)
    found = members(crm, ident)
    assert {person: one.root_id for person, one in found.items()} == {1: 2, 2: 2}
    with crm.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Inside)) == 4


@SQLITE
def test_again_says_when_somebody_may_enter_again(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=1)
    idents = [switched_on(crm, CAME | {"again": again}) for again in (None, 0, 5)]
    for _ in range(4):
        for paid in (4, 0):
            set_person(crm, 1, paid_count=paid, last_active_at=crm.clock())
            crm.clock.move(hours=24)  # type: ignore[attr-defined]
            work(crm)
    assert [len(entered(crm, ident)) for ident in idents] == [1, 4, 2]


@SQLITE
def test_staff_and_accounts_that_are_not_active_do_not_enter(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path)
    add_people(crm, [1])
    add_people(crm, [2], is_staff=True)
    add_people(crm, [3], status="suspended")
    add_people(crm, [4], merged_into="p1")
    ident = switched_on(crm, file(steps=[HELLO]))
    for number in range(1, 5):
        add_order(crm, number, number)
    work(crm)
    assert [person for person, _ in entered(crm, ident)] == [1]
