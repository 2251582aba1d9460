"""The stages of a course's people: who is in which, and that nobody is in two that exclude each other."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.boards.stages import CIRCLES, people_of, recognise
from crm_plugin.host import records as r
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost

LATELY, LONG_AGO = NOW - timedelta(days=10), NOW - timedelta(days=200)
LATER = NOW + timedelta(days=30)
NAMES = ("viewer", "stale", "seated", "copy", "paused", "owing", "given_up", "gone", "back", "expired", "fan")
DATED = ("ran_out", "held_out", "tomorrow", "renewed", "second")
"""People with seats that the school calls active or suspended, told apart by their dates alone."""


def _order(who: str, state: str, at: Any) -> r.Order:
    line = (r.OrderLine("course", "c1", Decimal(9)),)
    times = {"created_at": at, "closed_at": at if state == "closed" else None}
    return r.Order(f"o-{who}", who, state, Decimal(9), "CNY", lines=line, **times)


def _seat(who: str, state: str, course: str = "c1", **more: Any) -> r.Enrolment:
    return r.Enrolment(f"e-{who}-{state}", who, course, state=state, **more)


def _school() -> FakeHost:
    courses = [r.Course("c1", "Piano"), r.Course("plan:2", "Piano, second plan", parent_id="c1")]
    seats = [
        *(_seat("seated", "active"), _seat("copy", "active", "plan:2"), _seat("paused", "suspended")),
        *(_seat("gone", "ended", end_kind="refund"), _seat("expired", "ended", end_kind="expired")),
        *(_seat("back", "ended", end_kind="left"), _seat("back", "active")),
        _seat("ran_out", "active", expires_at=NOW),
        _seat("held_out", "suspended", expires_at=NOW - timedelta(days=1)),
        _seat("tomorrow", "active", starts_at=NOW + timedelta(days=1)),
        *(_seat("renewed", "suspended", expires_at=NOW), _seat("renewed", "active", expires_at=LATER)),
        *(_seat("second", "pending"), _seat("second", "active", starts_at=LATER)),
    ]
    orders = [
        _order("owing", "pending", LATELY),
        _order("given_up", "closed", LATELY),
        _order("stale", "closed", LONG_AGO),
    ]
    looks = (("viewer", LATELY), ("seated", LATELY), ("owing", LATELY), ("stale", LONG_AGO), ("gone", LATELY))
    dated = ((who, LATELY) for who in DATED)
    signals = [r.Signal(f"s-{who}", who, "view", course_id="c1", at=at) for who, at in (*looks, *dated)]
    signals.append(r.Signal("s-fan", "fan", "login", at=LATELY))
    return FakeHost(
        *courses, *(r.Person(name, display_name=name) for name in (*NAMES, *DATED)), *seats, *orders, *signals
    )


EXPECTED = {
    "potential": {"viewer", "given_up", "gone", "ran_out", "held_out"},
    "pending": {"owing"},
    "upcoming": {"tomorrow", "second"},
    "learners": {"seated", "copy", "paused", "back", "renewed"},
    "left": {"gone"},
}


def test_everybody_is_where_they_belong(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, _school(), host_region="CN", instance=str(tmp_path))
    sync(crm, full=True)
    knows = service.catalogue(crm).knows
    found = {
        circle: set(service.ids(crm, people_of(circle, "c1", days=180, knows=knows))) for circle in CIRCLES
    }
    assert found == EXPECTED


def test_the_clock_alone_moves_people_on(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, _school(), host_region="CN", instance=str(tmp_path))
    sync(crm, full=True)
    knows = service.catalogue(crm).knows

    def of(circle: str, at: datetime) -> set[str]:
        return set(service.ids(crm, people_of(circle, "c1", days=180, knows=knows), at=at))

    before = NOW - timedelta(seconds=1)
    assert of("learners", before) == EXPECTED["learners"] | {"ran_out"}
    assert of("learners", NOW + timedelta(days=1)) == EXPECTED["learners"] | {"tomorrow"}
    assert of("learners", LATER) == EXPECTED["learners"] - {"renewed"} | {"tomorrow", "second"}
    assert of("upcoming", LATER) == set()


def test_without_signals_given_up_orders_are_left() -> None:
    tree = people_of(
        "potential", "c1", days=180, knows=lambda stream, field: stream == "orders" and not field
    )
    assert [rule["field"] for rule in tree["rules"][0]["rules"]] == ["orders"]
    assert tree["rules"][0]["rules"][0]["value"]["rules"][-1]["field"] == "created_at"


@pytest.mark.parametrize("circle", CIRCLES)
def test_a_stage_is_known_again(circle: str) -> None:
    rules: dict[str, Any] = {"days": 180, "knows": lambda _stream, _field: True}
    tree = people_of(circle, "c1", **rules)
    assert recognise(tree, **rules) == (circle, "c1")
    assert recognise({**tree, "not": True}, **rules) is None
    assert recognise({"combinator": "and", "rules": []}, **rules) is None


def test_there_is_no_other_stage() -> None:
    with pytest.raises(BadInput, match="expected one of"):
        people_of("everybody", "c1", days=180, knows=lambda _stream, _field: True)
