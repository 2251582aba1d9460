"""The make-up of people: each slice opens as many people as it says, and nobody is in two of a chart."""

import itertools
import random
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from crm_plugin.dashboard import make_up
from crm_plugin.dashboard.slices import charts, key_figures
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.recompute_queue import note_moved
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.segments.language.dates import TICK, day_start
from crm_plugin.segments.language.documents import all_of, rows, rule
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost, host_info
from tests.segments.fixtures import School

SPRING = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
"""A clock goes forward on that day in London: it has 23 hours."""
ZONES = ("Asia/Shanghai", "Europe/London", "Asia/Kathmandu", "America/Los_Angeles")
STREAMS = ("persons", "courses", "enrolments")
EVERYBODY = all_of()
MEMBERS = all_of(rule("is_member", "=", True))
LEARNERS = all_of(
    rows("enrolments", rule("role", "=", "learner"), rule("state", "in", ["active", "suspended"]))
)


def crm_of(database: Database, zone: str = "Asia/Shanghai", now: datetime = NOW, **settings: str) -> Crm:
    values = {"host_timezone": zone, "host_currency": "CNY", **settings}
    return make_crm(database, now=now, **values)


def fill(crm: Crm, database: Database, chance: random.Random, people: int) -> None:
    """Write a random school whose people lie on the edges of the bands."""
    present = service.present(crm)
    School(chance, present).fill(database, people)
    ends = [day_start(present.today - timedelta(days=n), present.zone) for n in (0, 6, 29, 89, 179)]
    times = [
        None,
        present.as_of + timedelta(days=1),
        *(end + step for end in ends for step in (-TICK, TICK * 0)),
    ]
    spent = [Decimal(n) for n in ("0", "0.0001", "99.9999", "100", "499.9999", "500", "999.99", "1000")]
    with database.begin() as session:
        for ident in session.scalars(sa.select(Person.id)).all():
            values = {
                "last_login_at": chance.choice(times),
                "last_active_at": chance.choice(times),
                "paid_count": chance.randrange(9),
                "paid_total": chance.choice(spent),
                "member_level": chance.choice((None, "gold")),
                "is_staff": chance.random() < 0.2,
            }
            session.execute(sa.update(Person).where(Person.id == ident).values(**values))


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.long), 1])
def test_each_slice_counts_the_people_that_it_opens(database: Database, seed: int) -> None:
    crm = crm_of(database, ZONES[seed], SPRING if seed else NOW)
    check_all(crm, database, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 40))
def test_each_slice_of_many_schools_counts_the_people_that_it_opens(database: Database, seed: int) -> None:
    check_all(crm_of(database, ZONES[seed % 4], SPRING if seed % 3 else NOW), database, seed)


def check_all(crm: Crm, database: Database, seed: int) -> None:
    """Compare every number with the people behind it."""
    fill(crm, database, random.Random(seed), 60)
    found = make_up.count(crm, crm.clock())
    everybody = set(service.ids(crm, EVERYBODY))
    members = set(service.ids(crm, MEMBERS))
    assert 0 < len(everybody) < 60, "somebody is erased or merged away"
    shown = charts(crm.settings, found.day)
    assert {one.key for one in (*shown, *key_figures(found.day))} == set(found.counts)
    for chart in key_figures(found.day):
        assert found.counts[chart.key] == [service.count(crm, chart.slices[0].tree).count], chart.key
    for chart in shown:
        ids = [list(service.ids(crm, one.tree)) for one in chart.slices]
        assert found.counts[chart.key] == list(map(len, ids)), chart.key
        inside = {ident for some in ids for ident in some}
        assert len(inside) == sum(map(len, ids)), f"{chart.key} has somebody twice"
        if chart.key != "completion":
            whole = members if chart.key == "activity" else everybody
            assert inside == whole, f"{chart.key} leaves somebody out"
        else:
            assert inside == set(service.ids(crm, LEARNERS)), "learners are those with a seat now"


def test_a_chart_without_its_facts_at_the_school_is_left_out(database: Database) -> None:
    host = FakeHost(
        r.Person("p1"),
        info=host_info(fields=dict.fromkeys(STREAMS, ("id",)), streams=STREAMS, capabilities=()),
    )
    crm = make_crm(database, host)
    sync(crm)
    found = make_up.count(crm, NOW)
    assert "everybody" in found.counts
    assert not {"sign_in", "activity", "completion", "closing"} & set(found.counts)


def test_numbers_are_counted_again_when_facts_moved_and_with_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_up, "SHARE", 0)  # however long it takes here
    crm = crm_of(database)
    assert make_up.refresh(crm)
    assert not make_up.refresh(crm), "nothing moved"
    crm.clock.move(seconds=30)  # type: ignore[attr-defined]
    crm.db.run(lambda session: note_moved(session, crm.clock()))
    assert not make_up.refresh(crm), "they stand for a minute"
    crm.clock.move(seconds=31)  # type: ignore[attr-defined]
    assert make_up.refresh(crm), "facts moved"
    crm.clock.move(minutes=5)  # type: ignore[attr-defined]
    assert not make_up.refresh(crm)
    crm.clock.move(minutes=5)  # type: ignore[attr-defined]
    assert make_up.refresh(crm), "time alone moves people"
    later = crm_of(database, now=crm.clock(), home_days="10 20")
    with database.read() as session:
        assert make_up.current(later, session) is None, "other bands are meant"
    assert make_up.refresh(later)


def test_what_takes_long_to_count_stands_longer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    crm = crm_of(database)
    ticks = itertools.count(step=20)
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    assert make_up.refresh(crm)
    crm.clock.move(minutes=16)  # type: ignore[attr-defined]
    crm.db.run(lambda session: note_moved(session, crm.clock()))
    assert not make_up.refresh(crm), "it took 20 s, and would take a worker for itself"
    crm.clock.move(minutes=1)  # type: ignore[attr-defined]
    assert make_up.refresh(crm)


@pytest.mark.parametrize("name", ["home_days", "home_purchases", "home_spend", "home_progress"])
@pytest.mark.parametrize("value", ["", "0 7", "7 7", "30 7", "7.5", "-1", "x", "1 2 3 4 5 6 7 8 9", "²"])
def test_bands_that_are_none_are_refused(name: str, value: str) -> None:
    with pytest.raises(BadInput, match=name):
        Settings(**{name: value})


def test_a_band_ends_where_it_can() -> None:
    with pytest.raises(BadInput, match="up to 99"):
        Settings(home_progress="50 100")
    assert Settings(home_days="7, 30").home_days == "7, 30"
