"""Counts of quick queries follow the school: after a sync that moved people, and with time alone."""

from datetime import timedelta
from typing import Any

import pytest

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import jobs, queries
from crm_plugin.segments.saved import quick_queries
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import ALL, FakeHost

ADA = Actor("ada", "Ada", ALL)
SEEN_LATELY: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"field": "last_active_at", "operator": "inLast", "value": {"n": 30, "unit": "day"}}],
}


@pytest.fixture
def host() -> FakeHost:
    return FakeHost(r.Person("p1", last_active_at=NOW - timedelta(days=29)), r.Person("p2"))


@pytest.fixture
def crm(database: Database, host: FakeHost) -> Crm:
    crm = make_crm(database, host, NOW - timedelta(hours=1))
    sync(crm)
    later(crm, hours=1)
    return crm


def later(crm: Crm, **time: float) -> None:
    crm.clock.move(**time)  # type: ignore[attr-defined]


def test_a_sync_that_moved_people_has_counts_taken_again_and_pins_pushed(crm: Crm, host: FakeHost) -> None:
    pinned = quick_queries.save(crm, ADA, "Pinned", SEEN_LATELY, pinned=True)
    listed = quick_queries.save(crm, ADA, "Listed", SEEN_LATELY)
    jobs.burst(crm)
    assert [pin.count for pin in host.pins["ada"]] == [1]
    later(crm, minutes=2)
    sync(crm)
    assert quick_queries.refresh_counts(crm) == 0, "nobody moved"

    host.put(r.Signal("s1", "p2", "learn", NOW))
    sync(crm)
    assert queries.get(crm, pinned, ADA).count == 1, "a count changes in the background only"
    later(crm, seconds=1)
    assert jobs.burst(crm)
    assert [(pin.count, pin.as_of) for pin in host.pins["ada"]] == [(2, NOW + timedelta(seconds=121))]
    assert queries.get(crm, listed, ADA).counted_at == NOW, "five minutes are for the listed ones"
    later(crm, seconds=179)
    assert quick_queries.refresh_counts(crm) == 1
    row = queries.get(crm, listed, ADA)
    assert (row.count, row.counted_at) == (2, NOW + timedelta(minutes=5))
    assert not jobs.burst(crm)


def test_a_school_that_changes_all_the_time_is_not_counted_all_the_time(crm: Crm, host: FakeHost) -> None:
    quick_queries.save(crm, ADA, "Pinned", SEEN_LATELY, pinned=True)
    quick_queries.save(crm, ADA, "Listed", SEEN_LATELY)
    counted = []
    for number in range(20):
        host.put(r.Signal(f"s{number}", "p2", "login", NOW + timedelta(seconds=30 * number)))
        sync(crm)
        counted.append(quick_queries.refresh_counts(crm))
        later(crm, seconds=30)
    assert counted == [2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 2, 0, 1, 0, 1, 0, 1, 0, 1, 0]


def test_time_alone_moves_people(crm: Crm, host: FakeHost) -> None:
    listed = quick_queries.save(crm, ADA, "Listed", SEEN_LATELY)
    assert quick_queries.refresh_counts(crm) == 1
    later(crm, days=2)
    assert quick_queries.refresh_counts(crm) == 1
    assert queries.get(crm, listed, ADA).count == 0
    later(crm, minutes=59)
    assert quick_queries.refresh_counts(crm) == 0
