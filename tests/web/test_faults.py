"""A school that raises, lies or hangs takes no page down, loses nothing, and converges when it is healed."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from crm_plugin.host import records as r
from crm_plugin.host.context import install
from crm_plugin.host.gateway import Gateway
from crm_plugin.profiles.jobs import check_school, sync_changes
from crm_plugin.profiles.sync.health import streams
from crm_plugin.profiles.sync.service import DOUBTFUL, sync
from crm_plugin.segments.service import count
from tests.web.fixtures import PEOPLE, School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)

PAGES = ("/people", "/campaigns", "/health", "/", "/data")
READS = ("host_scan", "host_changes", "host_mark", "host_fetch", "host_estimate", "host_info", "host_check")
HANG = 60.0
"""Seconds; the fake host gives up waiting when it is healed."""


@pytest.fixture
def troubled(school: School) -> Iterator[School]:
    """A school that was read, whose gateway is new, as after a start of the web process."""
    school.crm.host = Gateway(school.host, clock=school.crm.clock, budget=0.3, web_budget=0.5)
    yield school
    school.host.heal()


def seconds(school: School, page: str) -> tuple[float, str]:
    """Return the median time of three visits, and the page."""
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        answer = school.get(page)
        taken.append(time.perf_counter() - started)
        assert answer.status_code == 200, (page, answer.status_code)
    return statistics.median(taken), answer.text


def assert_pages_are_well(school: School) -> None:
    for page in PAGES:
        took, text = seconds(school, page)
        assert took < 1.0, (page, took)
        if page == "/people":
            assert "Person 03" in text


def people_of(school: School) -> int:
    return count(school.crm, {"combinator": "and", "rules": []}).count


FAULTS: dict[str, Callable[[Any, str], None]] = {
    "raises": lambda host, hook: host.fail(hook),
    "lies": lambda host, hook: host.garbage(hook),
    "hangs": lambda host, hook: host.hang(hook, HANG),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_pages_stand_while_the_worker_meets_the_fault(troubled: School, fault: str) -> None:
    for hook in READS:
        FAULTS[fault](troubled.host, hook)
    install(troubled.crm)
    troubled.crm.clock.move(days=2)  # type: ignore[attr-defined]
    before = people_of(troubled)
    sync(troubled.crm, full=True)
    check_school()
    assert_pages_are_well(troubled)
    assert people_of(troubled) == before
    health = troubled.get("/health").text
    assert "failing" in health.lower() or "does not answer" in health.lower()

    troubled.host.put(r.Person("new", display_name="Person new", registered_at=troubled.crm.clock()))
    troubled.host.put(replace(troubled.host.get("persons", "p3"), display_name="Person 03 renamed"))
    troubled.host.heal()
    troubled.crm.clock.move(hours=1)  # type: ignore[attr-defined]
    sync_changes()
    text = troubled.get("/people").text
    assert "Person new" in text
    assert "Person 03 renamed" in text
    assert people_of(troubled) == before + 1
    for _ in range(DOUBTFUL + 1):  # a mark that was a lie is found out in time
        troubled.crm.clock.move(hours=1)  # type: ignore[attr-defined]
        sync_changes()
    with troubled.crm.db.read() as session:
        assert {stream.state for stream in streams(session, troubled.crm.clock())} == {"current"}


@pytest.mark.parametrize("hook", ["host_layout", "host_url"])
@pytest.mark.parametrize("fault", ["raises", "lies"])
def test_a_web_hook_that_fails_costs_its_part_of_the_page_only(
    troubled: School, hook: str, fault: str
) -> None:
    FAULTS[fault](troubled.host, hook)
    assert_pages_are_well(troubled)


@pytest.mark.parametrize("fault", [*FAULTS, "lies differently"])
def test_when_the_school_cannot_tell_who_it_is_nobody_gets_in(troubled: School, fault: str) -> None:
    if fault == "lies differently":
        troubled.host.garbage("host_current_actor", {"id": "1", "permissions": ["crm.admin"]})
    elif fault == "hangs":
        troubled.host.hang("host_current_actor", 0.2)
        troubled.host.actor = None
        troubled.get("/people")
    else:
        FAULTS[fault](troubled.host, "host_current_actor")
    for page in PAGES:
        answer = troubled.get(page)
        assert answer.status_code in (302, 403, 503), page
        assert "Person 03" not in answer.text
    troubled.host.heal()
    troubled.sign_in()
    troubled.crm.clock.move(hours=1)  # type: ignore[attr-defined]
    assert "Person 03" in troubled.get("/people").text


def test_one_bad_row_is_set_aside_and_the_others_are_there(troubled: School) -> None:
    troubled.host.put(r.Person("p3", display_name="Person 03", registered_at="yesterday"))  # type: ignore[arg-type]
    troubled.host.put(r.Person("extra", display_name="Person extra"))
    sync(troubled.crm)
    assert "Person extra" in troubled.get("/people").text
    assert people_of(troubled) >= PEOPLE - 1
    assert_pages_are_well(troubled)


def test_a_built_file_that_is_not_there_is_a_page_of_ours(school: School) -> None:
    answer = school.get("/static/dist/nothing.js")
    assert answer.status_code == 404
    assert "There is no such page." in answer.text
