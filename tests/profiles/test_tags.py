"""The CRM's own tags: on and off, many at once, undone, merged, forgotten, told."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, Refused
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.staff import tags
from crm_plugin.profiles.staff.undo import KEPT, undo
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.segments.bulk.bulk_tagging import put_tag, take_tag_off
from tests.fakes.crm import make_crm
from tests.fakes.host import ALL, FakeHost

ANN = r.Actor("ann", "Ann", ALL)
BEN = r.Actor("ben", "Ben", ALL)
EVERYBODY = {"combinator": "and", "rules": []}


def tagged(value: str, operator: str = "contains") -> dict[str, object]:
    return {
        "combinator": "and",
        "rules": [{"field": "crm_tags", "operator": operator, "value": value}],
    }


def only(*ids: str) -> dict[str, object]:
    return {"combinator": "and", "rules": [{"field": "id", "operator": "in", "value": list(ids)}]}


@pytest.fixture
def crm(database: Database) -> Crm:
    """Three people."""
    crm = make_crm(database, FakeHost(*(r.Person(f"p{number}", display_name="N") for number in range(3))))
    sync(crm, full=True)
    return crm


def have(crm: Crm, tag: str) -> set[str]:
    return set(service.ids(crm, tagged(tag)))


def test_tags_are_put_on_all_who_are_found_and_taken_off_again(crm: Crm) -> None:
    assert put_tag(crm, ANN, only("p0", "p1"), "  Open   DAY ").count == 2
    assert have(crm, "open day") == {"p0", "p1"}
    # Who has it keeps it, with who put it there.
    assert put_tag(crm, BEN, EVERYBODY, "open day").count == 1
    with crm.db.read() as session:
        people = session.scalars(sa.select(Person.id).order_by(Person.host_id)).all()
        first = tags.of_person(session, people[0])
        assert [(row.value, row.author) for row in first] == [("Open DAY", "Ann")]
        assert tags.known(session, "DAY") == ["Open DAY"]
        assert tags.known(session, "night") == []
    assert take_tag_off(crm, ANN, only("p0"), "OPEN day").count == 1
    assert have(crm, "open day") == {"p1", "p2"}
    assert put_tag(crm, BEN, only("p0"), "open day").count == 1
    assert have(crm, "open day") == {"p0", "p1", "p2"}


def test_the_search_for_a_tag_may_itself_be_tagged_or_lose_it(crm: Crm) -> None:
    put_tag(crm, ANN, only("p0", "p1"), "one")
    assert put_tag(crm, ANN, tagged("one"), "two").count == 2
    assert take_tag_off(crm, ANN, tagged("one"), "one").count == 2
    assert have(crm, "one") == set()
    assert set(service.ids(crm, tagged("two", "doesNotContain"))) == {"p2"}


def test_a_deed_is_undone_once_by_its_author_for_a_while(crm: Crm) -> None:
    put_tag(crm, ANN, only("p0"), "early")
    done = put_tag(crm, ANN, EVERYBODY, "early")
    assert done.undo is not None
    with pytest.raises(Conflict, match="can no longer be undone"):
        undo(crm, BEN, done.undo)
    undo(crm, ANN, done.undo)
    assert have(crm, "early") == {"p0"}
    with pytest.raises(Conflict, match="can no longer be undone"):
        undo(crm, ANN, done.undo)
    off = take_tag_off(crm, ANN, EVERYBODY, "early")
    assert off.undo is not None
    undo(crm, ANN, off.undo)
    assert have(crm, "early") == {"p0"}
    late = take_tag_off(crm, ANN, EVERYBODY, "early")
    assert late.undo is not None
    crm.clock.move(seconds=(KEPT + timedelta(seconds=1)).total_seconds())  # type: ignore[attr-defined]
    with pytest.raises(Conflict, match="can no longer be undone"):
        undo(crm, ANN, late.undo)


def test_nothing_done_offers_nothing_to_undo(crm: Crm) -> None:
    assert take_tag_off(crm, ANN, EVERYBODY, "never put") == tags.Tagged(0, None)
    with crm.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(AuditRow)) == 0


def test_tagging_is_audited_with_how_many(crm: Crm) -> None:
    put_tag(crm, ANN, EVERYBODY, "fair")
    with crm.db.read() as session:
        rows = session.execute(sa.select(AuditRow.actor, AuditRow.action, AuditRow.count)).all()
    assert [tuple(row) for row in rows] == [("ann", "tag.put", 3)]


@pytest.mark.parametrize("text", ["", "  ", "x" * (tags.LONGEST + 1)])
def test_a_tag_needs_a_name_of_bearable_length(crm: Crm, text: str) -> None:
    with pytest.raises(BadInput, match="tag"):
        put_tag(crm, ANN, EVERYBODY, text)


def test_without_the_right_nobody_tags_or_undoes(crm: Crm) -> None:
    done = put_tag(crm, ANN, EVERYBODY, "x")
    viewer = r.Actor("ann", "Ann", frozenset({"crm.view"}))
    assert done.undo is not None
    for change in (
        lambda: put_tag(crm, viewer, EVERYBODY, "y"),
        lambda: take_tag_off(crm, viewer, EVERYBODY, "x"),
        lambda: undo(crm, viewer, done.undo),
    ):
        with pytest.raises(Refused):
            change()


def test_a_limited_actor_tags_nobody_outside(crm: Crm) -> None:
    limited = r.Actor("lim", "Lim", ALL, scope=frozenset({"c1"}))
    assert put_tag(crm, limited, EVERYBODY, "mine").count == 0
    assert have(crm, "mine") == set()


def test_a_merge_moves_tags_and_forgetting_takes_them(database: Database) -> None:
    host = FakeHost(r.Person("a", display_name="A"), r.Person("b", display_name="B"))
    crm = make_crm(database, host)
    sync(crm, full=True)
    put_tag(crm, ANN, EVERYBODY, "both")
    put_tag(crm, ANN, only("a"), "moved")
    host.put(r.Person("a", display_name="A", merged_into="b"))
    sync(crm)
    assert have(crm, "moved") == {"b"}
    assert have(crm, "both") == {"b"}
    with crm.db.read() as session:
        ident = session.scalar(sa.select(Person.id).where(Person.host_id == "b"))
    assert ident is not None
    assert {row["value"] for row in requests.export(crm, ident)["crm_tags"]} == {"both", "moved"}
    requests.forget(crm, ident)
    with crm.db.read() as session:
        assert tags.known(session) == []
