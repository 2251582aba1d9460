"""The reach of a search: its steps are the reasons of the freeze, and each number opens its people."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.launch.reach import STEPS, funnel
from crm_plugin.campaigns.models import Delivery
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.school import Course, Signal
from crm_plugin.segments import service
from crm_plugin.segments.listing.subsets import Part
from tests.campaigns.fixtures import EVERYBODY, launched, set_person, world
from tests.fakes.crm import NOW
from tests.fakes.host import ALL


def troubled(database: Database, folder: Path) -> Crm:
    """Ten people: three cannot be written to, two must not, one was written to, two share a number."""
    crm = world(database, folder, people=10)
    set_person(crm, 1, status="suspended")
    set_person(crm, 2, is_staff=True)
    set_person(crm, 3, phone_key=None)
    set_person(crm, 9, phone_key="+8613900000010")
    set_person(crm, 10, phone_key="+8613900000010")
    with crm.db.begin() as session:
        ledger.opt_out(crm, session, 4, "sms", NOW, "page")
        ledger.opt_out(crm, session, 5, "sms", NOW, "page")
        row = {"channel": "email", "state": "sent", "marketing": True, "handed_at": NOW - timedelta(days=5)}
        session.add(Delivery(campaign_id=1_000_000, person_id=6, **row))
    return crm


def part(step: str, channel: str = "sms", days: Any = 7) -> Part:
    return Part(EVERYBODY, {"by": "reach", "channel": channel, "days": days, "step": step})


def test_each_step_has_its_people(database: Database, tmp_path: Path) -> None:
    crm = troubled(database, tmp_path)
    steps = funnel(crm, EVERYBODY, "sms", 7).steps
    assert steps == {"matched": 10, "address": 7, "allowed": 5, "rested": 4, "reached": 3}
    for step in STEPS:
        assert len(service.page(crm, part(step)).ids) == service.count(crm, part(step)).count == steps[step]
    assert service.page(crm, part("rested"), sort="id").ids == [7, 8, 9, 10]
    assert funnel(crm, EVERYBODY, "sms", 4).steps["rested"] == 5
    assert funnel(crm, EVERYBODY, "sms", 0).steps["reached"] == 4


def test_the_last_step_is_whom_a_launch_would_write_to(database: Database, tmp_path: Path) -> None:
    crm = troubled(database, tmp_path)
    campaign = launched(crm, policy={"leave_out_days": 7})
    assert freeze(crm, campaign)
    with crm.db.read() as session:
        query = sa.select(Delivery.reason, Delivery.person_id).where(Delivery.campaign_id == campaign)
        rows = [(row.reason, row.person_id) for row in session.execute(query)]
    found = funnel(crm, EVERYBODY, "sms", 7)
    assert Counter(reason for reason, _ in rows)[None] == found.steps["reached"]
    pending = sorted(person for reason, person in rows if reason is None)
    assert service.page(crm, part("reached"), sort="id").ids == pending


def test_somebody_with_a_scope_is_told_of_nobody_else(database: Database, tmp_path: Path) -> None:
    crm = troubled(database, tmp_path)
    with crm.db.begin() as session:
        course = {"title": "Piano", "title_folded": "piano", "row_hash": ""}
        session.add(Course(id=1, host_id="c1", root_id=1, kind="course", status="open", **course))
        for person in (3, 7):
            row = {"person_id": person, "course_id": 1, "root_id": 1, "kind": "view", "at": NOW}
            session.add(Signal(host_id=f"s{person}", row_hash="", **row))
    limited = Actor("lim", "Lim", ALL, scope=frozenset({"c1"}))
    steps = funnel(crm, EVERYBODY, "sms", 7, limited).steps
    assert steps == {"matched": 2, "address": 1, "allowed": 1, "rested": 1, "reached": 1}
    assert service.page(crm, part("reached"), actor=limited).ids == [7]
    elsewhere = Actor("lim", "Lim", ALL, scope=frozenset({"c9"}))
    assert set(funnel(crm, EVERYBODY, "sms", 7, elsewhere).steps.values()) == {0}


@pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)
def test_the_ledger_is_asked_once_for_each_person(database: Database, tmp_path: Path) -> None:
    """However often a reason is named in the statement, and for a list as for a count."""
    crm = troubled(database, tmp_path)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        asked.append((statement, values))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    service.page(crm, part("reached"), sort="-paid_total")
    funnel(crm, EVERYBODY, "sms", 7)
    sa.event.remove(database.engine, "before_cursor_execute", note)
    for statement, values in [one for one in asked if "crm_delivery" in one[0]]:
        with database.engine.connect() as connection:
            # Of ten people any order of joins is cheap; of a million this one is not taken.
            connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
            found = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
            plan = found.scalar_one()
        assert loops(plan[0]["Plan"], "crm_delivery") <= 10
        assert loops(plan[0]["Plan"], None) == 1


def loops(node: dict[str, Any], table: str | None) -> float:
    """Return how often a plan looks into a table, or without one how often it ranks."""
    here = node.get("Relation Name") == table if table else node["Node Type"] == "WindowAgg"
    inside = sum(loops(one, table) for one in node.get("Plans", []))
    return inside + (node["Actual Loops"] if here else 0)


@pytest.mark.parametrize(
    "wrong", [part("reached", "pigeon"), part("reached", days=-1), part("reached", days="7"), part("x")]
)
def test_an_unknown_step_channel_or_time_is_refused(database: Database, tmp_path: Path, wrong: Part) -> None:
    with pytest.raises(BadInput):
        service.count(world(database, tmp_path), wrong)


def test_an_unknown_part_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        service.count(world(database, tmp_path), Part(EVERYBODY, {"by": "nothing"}))
