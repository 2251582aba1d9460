"""The stages of a course's people: who is in which, and that nobody is in two that exclude each other."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.boards.stages.acts import SIGNALS
from crm_plugin.boards.stages.stage_trees import AUDIENCES, FIELD, STAGES, people_of, recognise
from crm_plugin.host import records as r
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.segments.wording.phrase_templates import INTEREST
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost

LATELY, LONG_AGO = NOW - timedelta(days=10), NOW - timedelta(days=200)
LATER = NOW + timedelta(days=30)
NAMES = ("viewer", "stale", "seated", "copy", "paused", "owing", "given_up", "gone", "back", "expired", "fan")
DATED = ("ran_out", "held_out", "tomorrow", "renewed", "second")
"""People with seats that the school calls active or suspended, told apart by their dates alone."""

SINCE = ("turned", "vague")
"""People who left at their last act of interest, or nobody knows when."""


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
        _seat("gone", "ended", end_kind="refund", ended_at=LONG_AGO),
        _seat("expired", "ended", end_kind="expired"),
        *(_seat("back", "ended", end_kind="left"), _seat("back", "active")),
        _seat("turned", "ended", end_kind="removed", ended_at=LATELY),
        _seat("vague", "ended", end_kind="left"),
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
    dated = ((who, LATELY) for who in (*DATED, *SINCE))
    signals = [r.Signal(f"s-{who}", who, "view", course_id="c1", at=at) for who, at in (*looks, *dated)]
    signals.append(r.Signal("s-fan", "fan", "login", at=LATELY))
    people = (r.Person(name, display_name=name) for name in (*NAMES, *DATED, *SINCE))
    return FakeHost(*courses, *people, *seats, *orders, *signals)


EXPECTED = {
    "potential": {"viewer", "given_up", "gone", "ran_out", "held_out"},
    "pending": {"owing"},
    "upcoming": {"tomorrow", "second"},
    "learners": {"seated", "copy", "paused", "back", "renewed"},
    "left": {"gone", "turned", "vague"},
    "expired": {"expired", "ran_out", "held_out"},
    "closed_unpaid": {"given_up", "stale"},
}


def everybody_in(crm: Any, at: datetime | None = None) -> dict[str, set[str]]:
    return {one: set(service.ids(crm, people_of(one, "c1"), at=at)) for one in (*STAGES, *AUDIENCES)}


def test_everybody_is_where_they_belong(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, _school(), host_region="CN", instance=str(tmp_path))
    sync(crm, full=True)
    assert everybody_in(crm) == EXPECTED


def test_the_clock_alone_moves_people_on(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, _school(), host_region="CN", instance=str(tmp_path))
    sync(crm, full=True)
    assert everybody_in(crm, NOW - timedelta(seconds=1))["learners"] == EXPECTED["learners"] | {"ran_out"}
    tomorrow = everybody_in(crm, NOW + timedelta(days=1))
    assert tomorrow["learners"] == EXPECTED["learners"] | {"tomorrow"}
    later = everybody_in(crm, LATER)
    assert later["learners"] == EXPECTED["learners"] - {"renewed"} | {"tomorrow", "second"}
    assert later["upcoming"] == set()


@pytest.mark.parametrize("stage", [*STAGES, *AUDIENCES])
def test_a_stage_is_known_again(stage: str) -> None:
    tree = people_of(stage, "c1")
    assert recognise(tree) == (stage, "c1")
    assert recognise(all_of(rule(FIELD + stage, "in", ["c1"]))) == (stage, "c1")
    assert recognise({**tree, "not": True}) is None
    assert recognise(all_of()) is None


def test_phrases_of_the_builder_mean_the_same_acts_of_interest() -> None:
    assert SIGNALS == INTEREST


def test_there_is_no_other_stage() -> None:
    with pytest.raises(BadInput, match="expected one of"):
        people_of("everybody", "c1")
