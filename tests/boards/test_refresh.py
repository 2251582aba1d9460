"""What is noted of changes, when figures are computed again, and that a difference is repaired."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from crm_plugin.boards import service
from crm_plugin.boards.figures import comparison, portions
from crm_plugin.boards.figures.weeks import moved_on, week_starts
from crm_plugin.boards.models import CourseFigures, CourseMoney
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Course, Person
from crm_plugin.profiles.models.streams import TouchedCourse
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.sync.service import sync
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost
from tests.servers.databases import Cleaner, Rows

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
"""What is noted is no matter of the database; the walk in ``test_figures`` is on all three."""
DAY = timedelta(days=1)
PIANO = r.Course("c1", "Piano", price=Decimal(99), currency="CNY")
CHESS = r.Course("c2", "Chess")
SPRING = r.Course("k1", "Spring class", kind="class", course_ids=("c2",))
SEAT = r.Enrolment("e1", "ann", "c1", enrolled_at=NOW - DAY, expires_at=NOW + 3 * DAY)
ORDER = r.Order("o1", "bob", "paid", Decimal(99), "CNY", lines=(r.OrderLine("course", "c1", Decimal(99)),))
LOOK = r.Signal("s1", "bob", "view", NOW - DAY, "c2")


_READ: dict[str, Rows] = {}
"""What reading the books left in a database, by its address."""


def _school(database: Database, folder: Path) -> tuple[Crm, FakeHost]:
    people = (r.Person(name, display_name=name) for name in ("ann", "bob"))
    host = FakeHost(PIANO, CHESS, SPRING, *people, SEAT, ORDER, LOOK)
    crm = make_crm(database, host, host_region="CN", instance=str(folder))
    address = str(crm.db.engine.url)
    if address in _READ:
        _READ[address].write(crm.db.engine)
    else:
        sync(crm, full=True)
        service.refresh(crm)
        _READ[address] = Rows(crm.db.engine)
    return crm, host


def _noted(crm: Crm) -> set[str]:
    """Return the courses on the list, by the school's ids."""
    with crm.db.read() as session:
        named = sa.select(Course.host_id).join(TouchedCourse, TouchedCourse.root_id == Course.id)
        return set(session.scalars(named))


def _figures(crm: Crm, host_id: str) -> CourseFigures:
    with crm.db.read() as session:
        named = sa.select(CourseFigures).join(Course, Course.id == CourseFigures.root_id)
        return session.scalars(named.where(Course.host_id == host_id)).one()


BUYS_CHESS = replace(ORDER, lines=(r.OrderLine("course", "c2", Decimal(99)),))
CHANGES: dict[str, tuple[Any, set[str]]] = {
    "an order goes to another course, whose class is noted too": (BUYS_CHESS, {"c1", "c2", "k1"}),
    "a refund": (replace(ORDER, state="refunded", refunded=Decimal(99)), {"c1"}),
    "a seat ends": (replace(SEAT, state="ended", end_kind="left", ended_at=NOW), {"c1"}),
    "somebody learns": (replace(SEAT, progress=0.5, last_learned_at=NOW), set()),
    "somebody finishes": (replace(SEAT, completed_at=NOW), {"c1"}),
    "a look at a course of a class": (r.Signal("s2", "bob", "view", NOW, "c2"), {"c2", "k1"}),
    "a sign-in": (r.Signal("s3", "ann", "login", NOW), set()),
    "a lesson": (r.Signal("s4", "ann", "learn", NOW, "c1"), set()),
    "a price": (replace(PIANO, price=Decimal(49)), {"c1"}),
    "a class changes what it contains": (replace(SPRING, course_ids=("c1",)), {"k1"}),
    "a course becomes a copy": (replace(CHESS, parent_id="c1"), {"c1", "c2", "k1"}),
    "a person becomes staff": (r.Person("ann", display_name="ann", roles=("staff",)), {"c1"}),
    "a person changes their name": (r.Person("ann", display_name="Ann"), set()),
    "a person is merged": (r.Person("ann", merged_into="bob"), {"c1"}),
    "a person is erased": (r.Person("bob", status="erased"), {"c1", "c2", "k1"}),
}


@SQLITE
def test_the_courses_of_a_change_are_noted(database: Database, tmp_path: Path) -> None:
    found, cleaner = {}, Cleaner(database.engine)
    for change, (row, _) in CHANGES.items():
        crm, host = _school(database, tmp_path)
        host.put(row)
        sync(crm)
        found[change] = _noted(crm)
        cleaner.clean()
    assert found == {change: noted for change, (_, noted) in CHANGES.items()}


@SQLITE
def test_an_erasure_at_the_desk_is_noted(database: Database, tmp_path: Path) -> None:
    crm, _host = _school(database, tmp_path)
    with crm.db.read() as session:
        ann = session.scalars(sa.select(Person.id).where(Person.host_id == "ann")).one()
    requests.forget(crm, ann)
    assert _noted(crm) == {"c1"}
    service.refresh(crm)
    assert _figures(crm, "c1").learners == 0


@SQLITE
def test_time_alone_moves_people_on_within_minutes(database: Database, tmp_path: Path) -> None:
    crm, _host = _school(database, tmp_path)
    clock: Any = crm.clock
    assert (_figures(crm, "c1").learners, _figures(crm, "c1").next_change) == (1, SEAT.expires_at)
    clock.move(days=2)
    assert service.refresh(crm) == 0
    clock.move(days=1)
    assert service.refresh(crm) == 1
    figures = _figures(crm, "c1")
    assert (figures.learners, figures.expired, figures.next_change) == (0, 1, None)
    clock.move(days=177)
    service.refresh(crm)
    assert (_figures(crm, "c2").potential, _figures(crm, "k1").potential) == (0, 0)


@SQLITE
def test_a_difference_is_repaired_and_logged(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    crm, host = _school(database, tmp_path)
    wrong = sa.update(CourseFigures).values(learners=7)
    crm.db.run(lambda session: session.execute(wrong.where(CourseFigures.learners == 1)))
    crm.db.run(lambda session: session.execute(sa.update(CourseMoney).values(revenue=Decimal(1))))
    with caplog.at_level(logging.WARNING):
        assert comparison.compare(crm) == 1
    assert "learners, money" in caplog.text
    assert _figures(crm, "c1").learners == 1
    assert comparison.compare(crm) == 0
    host.put(replace(SEAT, state="ended", end_kind="left", ended_at=NOW))
    sync(crm)
    assert comparison.compare(crm) == 0, "what was noted and waits is no difference"


@SQLITE
def test_what_another_process_wrote_meanwhile_stays(database: Database, tmp_path: Path) -> None:
    crm, host = _school(database, tmp_path)
    host.put(replace(SEAT, completed_at=NOW))
    sync(crm)
    root = _figures(crm, "c1").root_id
    late = portions.compute(crm, [root])
    other = sa.update(CourseFigures).values(as_of=NOW + DAY, learners=5)
    crm.db.run(lambda session: session.execute(other))
    assert crm.db.run(lambda session: portions.write(late, session)) == 0
    assert _figures(crm, "c1").learners == 5
    assert _noted(crm) == {"c1"}


@SQLITE
def test_a_course_that_is_none_any_more_has_no_figures(database: Database, tmp_path: Path) -> None:
    crm, host = _school(database, tmp_path)
    host.put(replace(PIANO, parent_id="c2"))
    sync(crm)
    service.refresh(crm)
    with crm.db.read() as session:
        assert len(session.scalars(sa.select(CourseFigures)).all()) == 2
        assert session.scalars(sa.select(CourseMoney.root_id)).all() == [_figures(crm, "c2").root_id]


def test_weeks_of_a_trend_pass_by_themselves() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    sunday = datetime(2026, 11, 15, 15, 59, tzinfo=UTC)
    assert week_starts(sunday, zone)[-1] == datetime(2026, 11, 15, 16, 0, tzinfo=UTC)
    trend = [1, 2, 3, 4, 5, 6, 7, 8]
    assert moved_on(trend, sunday, sunday, zone) == trend
    assert moved_on(trend, sunday, sunday + timedelta(minutes=1), zone) == [2, 3, 4, 5, 6, 7, 8, 0]
    assert moved_on(trend, sunday, sunday + timedelta(days=700), zone) == [0] * 8
