"""Inputs that once ended a job for ever, and what is seen of an item that fails."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns.feedback import delivery_reports
from crm_plugin.campaigns.models import Delivery
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.handing_over import kept_ref
from crm_plugin.cli.doctor.checks import examine
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.jobs import failed_items
from crm_plugin.kernel.jobs.failed_items import FailedItem
from crm_plugin.kernel.jobs.worker import burst
from crm_plugin.links.ingest import classify_new, drain_clicks
from crm_plugin.links.models import Hit
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import make_links, signer
from crm_plugin.plugin import burst_rounds
from crm_plugin.segments import queries
from crm_plugin.segments.models import QuickQuery
from tests.campaigns.fixtures import EVERYBODY, answers, books, ready, run, world
from tests.fakes.carrier import receipt
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import staff
from tests.web.fixtures import open_school

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
REFS = ("a\0b", "\ud83d", "x" * 500, "")
"""What no column takes as a carrier's id."""


def test_a_carriers_id_of_any_kind_leaves_nothing_in_doubt(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=4)
    ident = ready(crm)

    def answer(message: Message) -> Receipt:
        ref = REFS[int(message.address[-1]) - 1]
        return _odd(message, ref) if ref else receipt(message)

    answers(crm, answer)
    run(crm)
    assert books(crm, ident) == {"considered": 4, "sent": 4}
    with crm.db.read() as session:
        rows = sa.select(Delivery.id, Delivery.carrier_ref).order_by(Delivery.person_id)
        found = [tuple(row) for row in session.execute(rows)]
    for (id, kept), ref in zip(found[:3], REFS, strict=False):
        assert kept == kept_ref(f"{ident}-{id} {ref}")
        assert delivery_reports.receive(crm, "books", f"{ident}-{id} {ref}", "failed_permanent", ref)
    assert books(crm, ident) == {"considered": 4, "sent": 1, "failed_permanent": 3}


def _odd(message: Message, ref: str) -> Receipt:
    found = receipt(message, reason=ref, words=ref)
    found.ref = f"{message.key} {ref}"
    return found


def test_a_click_with_a_nul_in_its_agent_is_counted(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, instance=str(tmp_path))
    with crm.db.begin() as session:
        (link,) = make_links(session, 1, ["https://a.example/"], NOW)
    redirector, code = Redirector(crm), signer(crm).code(link, 0)
    for agent in ("Mozilla \0", "\ud800", "Mozilla"):
        redirector.answer(code, "GET", {"user-agent": agent, "referer": "http://a\0.example/"}, "192.0.2.7")
    assert (drain_clicks(crm), classify_new(crm)) == (3, 1)
    with crm.db.read() as session:
        agents = session.scalars(sa.select(Hit.agent).order_by(Hit.id)).all()
    assert list(agents) == ["Mozilla �", "�", "Mozilla"]


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {"field": "paid_count", "operator": ">=", "value": 1}
    for level in range(depth):
        tree = {"combinator": ("and", "or")[level % 2], "not": True, "rules": [tree]}
    return tree


@SQLITE
def test_a_query_nested_nine_deep_ends_no_burst(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    for depth in (9, 12):
        with crm.db.begin() as session:
            session.add(_query(f"{depth} deep", nested(depth)))
            session.add(_query("rows", {"field": "orders", "match": {"mode": "all"}, "value": nested(depth)}))
    with crm.db.begin() as session:
        session.add(_query("good", EVERYBODY))
    ident = ready(crm)
    began = time.monotonic()
    burst(burst_rounds(crm))
    assert time.monotonic() - began < 20
    counts = {query.name: query.count for query in queries.list_for(crm, staff("ann"))}
    assert counts["good"] == 3
    assert books(crm, ident) == {"considered": 3, "sent": 3}


def _query(name: str, tree: dict[str, Any]) -> QuickQuery:
    return QuickQuery(
        name=name, tree=tree, owner="ann", scope=None, shared=True, created_at=NOW, updated_at=NOW
    )


@SQLITE
def test_a_round_that_fails_is_left_out_and_said_at_the_end(database: Database) -> None:
    done: list[str] = []

    def fails() -> bool:
        done.append("fails")
        raise BadInput("input.not_json")

    def works() -> bool:
        done.append("works")
        return len(done) < 4

    with pytest.raises(BadInput):
        burst([fails, works])
    assert done == ["fails", "works", "works", "works"]


# What is seen


def _fail(crm: Crm, job: str, item: str) -> None:
    crm.round(job).one(item, lambda: 1 // 0)


@SQLITE
def test_health_and_doctor_say_what_was_left_aside(database: Database, tmp_path: Path) -> None:
    school = open_school(database, tmp_path)
    assert "nothing was left aside" in school.get("/health").text
    _fail(school.crm, "links.check", "http://a.example/<b>")
    page = school.get("/health").text
    for words in ("1 left aside", "Links of drafts", "http://a.example/&lt;b&gt;", "ZeroDivisionError"):
        assert words in page
    (line,) = [line for line in examine(school.crm) if line.name.startswith("left aside")]
    assert (line.ok, "ZeroDivisionError" in line.detail) == (False, True)


@SQLITE
def test_who_may_not_know_of_everything_sees_the_number_alone(database: Database, tmp_path: Path) -> None:
    school = open_school(database, tmp_path)
    _fail(school.crm, "links.check", "http://a.example/secret")
    for facts in ({"scope": frozenset({"c1"})}, {}):
        school.sign_in("crm.view", **facts)
        page = school.get("/health").text
        assert ("1 left aside" in page, "secret" in page) == (True, False)


@SQLITE
def test_an_item_is_left_alone_for_longer_each_time_and_forgotten_when_it_works(database: Database) -> None:
    crm = make_crm(database)
    waits = []
    for _ in range(9):
        _fail(crm, "links.check", "bad")
        with crm.db.read() as session:
            (row,) = failed_items.listed(session, crm.clock(), 5)
        waits.append((row.retry_at - row.at).total_seconds() / 60)
        assert crm.round("links.check").one("bad", lambda: "met") == [], "it is left alone"
        crm.clock.at = row.retry_at  # type: ignore[attr-defined]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert crm.round("links.check").one("bad", lambda: "works") == ["works"]
    with crm.db.read() as session:
        assert failed_items.count(session, crm.clock()) == 0


@SQLITE
def test_what_is_gone_is_shown_for_a_day(database: Database) -> None:
    crm = make_crm(database)
    _fail(crm, "links.check", "gone")
    crm.clock.move(days=1, seconds=1)  # type: ignore[attr-defined]
    with crm.db.begin() as session:
        assert failed_items.listed(session, crm.clock(), 5) == []
        failed_items.forget_old(session, crm.clock())
        assert session.scalar(sa.select(sa.func.count()).select_from(FailedItem)) == 0


def test_any_name_can_be_kept(database: Database) -> None:
    crm = make_crm(database)
    names = ["a\0b", "\ud800", "x" * 5000, "x" * 5000 + "y", "课程" * 200]
    for name in names:
        _fail(crm, "links.check", name)
    with crm.db.read() as session:
        assert failed_items.count(session, crm.clock()) == len(names)


@SQLITE
def test_while_the_database_is_away_it_is_no_fault_of_an_item(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database)
    round_ = crm.round("links.check")
    assert round_.one("good", lambda: 1) == [1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "begin", lambda _self: 1 / 0)
        with pytest.raises(KeyError):
            round_.one("bad", lambda: dict[str, int]()["x"])


@SQLITE
def test_of_a_thousand_at_once_the_bad_ones_are_found_by_halves(database: Database) -> None:
    crm, calls, done = make_crm(database), [0], set[int]()

    def work(some: Any) -> int:
        calls[0] += 1
        if {7, 600} & set(some):
            raise KeyError
        done.update(some)
        return len(some)

    found = crm.round("links.judge").together(range(1000), work)
    assert (sum(found), len(done), calls[0] < 50) == (998, 998, True)
    assert crm.round("links.judge").left_alone in ([7, 600], [600, 7])
    assert timedelta(0) < failed_items.FIRST_WAIT
