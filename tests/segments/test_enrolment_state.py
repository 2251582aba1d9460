"""Seats by their dates: what the school left as it was counts as what it is at the present."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns.document.goals import goal_of
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.enrolment_state import STATES
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.segments.explain import loaded_rows
from crm_plugin.segments.language.documents import all_of, rows, rule
from crm_plugin.segments.language.parse import parse
from crm_plugin.segments.wording.phrase_templates import SHAPES
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost
from tests.segments.decided import matches

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
PAST, AHEAD = NOW - DAY, NOW + DAY
SAID = ("active", "suspended", "pending", "ended")
DATES: dict[str, Any] = {
    "open": {},
    "running": {"starts_at": NOW, "expires_at": NOW + SECOND},
    "over": {"starts_at": PAST, "expires_at": NOW},
    "coming": {"starts_at": NOW + SECOND},
    "never": {"starts_at": AHEAD, "expires_at": NOW},
}
AS_SAID = {(said, dates) for said in SAID for dates in ("open", "running")}
EXPECTED = {
    **{(said, dates): said for said, dates in AS_SAID},
    **{(said, dates): "ended" for said in SAID for dates in ("over", "never")},
    **{(said, "coming"): said for said in SAID},
    ("active", "coming"): "upcoming",
}
"""(what the school says, its dates) → the state at NOW."""


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    seats = [
        r.Enrolment(f"{said}-{dates}", f"{said}-{dates}", "c1", state=said, **DATES[dates])
        for said, dates in EXPECTED
    ]
    seats.append(r.Enrolment("left", "left", "c1", state="ended", end_kind="left", ended_at=PAST))
    people = (r.Person(seat.person_id, display_name=seat.person_id) for seat in seats)
    crm = make_crm(database, FakeHost(r.Course("c1", "Piano"), *people, *seats), instance=str(tmp_path))
    sync(crm, full=True)
    return crm


def found(crm: Crm, tree: dict[str, Any], at: Any = NOW) -> set[str]:
    """Who matches; both evaluators must say the same."""
    by_sql = set(service.ids(crm, tree, at=at))
    present = service.present(crm, at)
    parsed = parse(tree, service.catalogue(crm))
    with crm.db.read() as session:
        everybody = session.scalars(sa.select(Person.id)).all()
        loaded = loaded_rows.load(session, parsed, everybody, present)
    assert by_sql == {row["host_id"] for row in loaded.people if matches(parsed, row, loaded)}
    return by_sql


def seats(*rules: dict[str, Any]) -> dict[str, Any]:
    return all_of(rows("enrolments", *rules))


def named(*states: str) -> set[str]:
    """The people whose seat is in one of these states."""
    left = {"left"} if "ended" in states else set()
    return left | {f"{said}-{dates}" for (said, dates), state in EXPECTED.items() if state in states}


def test_each_state_is_that_of_the_present(crm: Crm) -> None:
    for state in STATES:
        others = set(STATES) - {state}
        assert found(crm, seats(rule("state", "=", state))) == named(state)
        assert found(crm, seats(rule("state", "!=", state))) == named(*others)
    for chosen in (("active", "upcoming"), ("upcoming", "suspended"), ("active", "ended"), STATES):
        others = set(STATES) - set(chosen)
        assert found(crm, seats(rule("state", "in", list(chosen)))) == named(*chosen)
        assert found(crm, seats(rule("state", "notIn", list(chosen)))) == named(*others)
    assert found(crm, seats(rule("active", "=", True))) == named("active")


def test_one_that_begins_tomorrow_and_one_suspended_are_told_apart(crm: Crm) -> None:
    assert found(crm, seats(rule("state", "=", "upcoming"))) == {"active-coming"}
    assert "active-coming" not in found(crm, seats(rule("state", "=", "suspended")))
    assert "active-coming" in found(crm, seats(rule("state", "=", "active")), NOW + SECOND)


def test_access_that_ran_out_ended_then_and_by_itself(crm: Crm) -> None:
    ran_out = {f"{said}-{dates}" for said in SAID[:3] for dates in ("over", "never")}
    assert found(crm, seats(rule("end_kind", "=", "expired"))) == ran_out
    assert found(crm, seats(rule("ended_at", "=", NOW.isoformat()))) == ran_out
    assert found(crm, seats(rule("end_kind", "=", "left"))) == {"left"}
    assert found(crm, seats(rule("ended_at", "<", NOW.isoformat()))) == {"left"}
    figure = {"field": "enrolments", "operator": "=", "value": NOW.isoformat(), "aggregate": "max:ended_at"}
    assert found(crm, all_of(figure)) == ran_out
    kinds = {"field": "enrolments", "operator": "=", "value": 1, "aggregate": "distinct:state"}
    assert found(crm, all_of({**kinds, "where": all_of(rule("state", "=", "ended"))})) == named("ended")


def test_goals_and_phrases_take_no_seat_that_ran_out(crm: Crm) -> None:
    assert found(crm, goal_of("seated", "c1")) == named("active", "upcoming")
    enrolled = next(shape for shape in SHAPES if shape.name == "~enrolled")
    assert found(crm, all_of(enrolled.make("in", ["c1"]))) == named("active")
