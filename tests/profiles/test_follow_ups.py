"""What staff write down about a person: kept, found when it is due, moved, told and erased with them."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.errors import BadInput, NotFound
from crm_plugin.profiles.extension import Window
from crm_plugin.profiles.models.staff import FollowUp
from crm_plugin.profiles.people.queries import person_id_of
from crm_plugin.profiles.people.timeline import timeline
from crm_plugin.profiles.privacy.requests import export, forget
from crm_plugin.profiles.staff import follow_ups
from crm_plugin.profiles.staff.follow_ups import Entry
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import NOW, MakeCrm, clock_of, count

TODAY = NOW.date()
ANN = r.Actor("ann", "Ann", frozenset({"crm.edit"}))
BEN = r.Actor("ben", "Ben", frozenset({"crm.edit"}))


@pytest.fixture
def host() -> FakeHost:
    """A school with two people, one of them in its course."""
    return FakeHost(
        r.Course("c1", "Piano"),
        r.Person("ada", display_name="Ada"),
        r.Person("bob", display_name="Bob"),
        r.Enrolment("e1", "ada", "c1"),
    )


@pytest.fixture
def crm(make_crm: MakeCrm, host: FakeHost) -> Crm:
    """The CRM of that school, which has read it."""
    crm = make_crm(host)
    sync(crm)
    return crm


def id_of(crm: Crm, host_id: str) -> int:
    with crm.db.read() as session:
        return person_id_of(session, host_id)


def due(crm: Crm, author: str, until: date, scope: frozenset[str] | None = None) -> list[str]:
    with crm.db.read() as session:
        return [row.text for row in follow_ups.due(session, r.Actor(author, author, scope=scope), until)]


def test_due_are_ones_own_open_ones_up_to_the_day_the_longest_overdue_first(crm: Crm) -> None:
    ada = id_of(crm, "ada")
    day = timedelta(days=1)
    follow_ups.add(crm, ANN, ada, Entry("call", "today", TODAY))
    follow_ups.add(crm, ANN, ada, Entry("call", "late", TODAY - day))
    follow_ups.add(crm, ANN, ada, Entry("call", "tomorrow", TODAY + day))
    follow_ups.add(crm, ANN, ada, Entry("note", "never"))
    follow_ups.add(crm, BEN, ada, Entry("visit", "of Ben", TODAY))
    finished = follow_ups.add(crm, ANN, ada, Entry("call", "finished", TODAY))
    follow_ups.mark_done(crm, ANN, ada, finished)
    assert due(crm, "ann", TODAY) == ["late", "today"]
    assert due(crm, "ann", TODAY + day) == ["late", "today", "tomorrow"]
    assert due(crm, "ben", TODAY) == ["of Ben"]
    follow_ups.mark_done(crm, ANN, ada, finished, done=False)
    assert due(crm, "ann", TODAY) == ["late", "today", "finished"]


def test_what_is_due_leaves_out_who_is_outside_the_actors_courses(crm: Crm) -> None:
    follow_ups.add(crm, ANN, id_of(crm, "ada"), Entry("call", "Ada", TODAY))
    follow_ups.add(crm, ANN, id_of(crm, "bob"), Entry("call", "Bob", TODAY))
    assert due(crm, "ann", TODAY, frozenset({"c1"})) == ["Ada"]
    assert due(crm, "ann", TODAY, frozenset({"other"})) == []


def test_open_ones_stand_first_by_their_day(crm: Crm) -> None:
    ada = id_of(crm, "ada")
    for text, days in (("old note", None), ("later", 5), ("sooner", 1), ("new note", None)):
        day = None if days is None else TODAY + timedelta(days=days)
        follow_ups.add(crm, ANN, ada, Entry("note", text, day))
    with crm.db.read() as session:
        rows = follow_ups.of_person(session, ANN, ada)
    assert [row.text for row in rows] == ["sooner", "later", "new note", "old note"]
    assert {(row.name, row.author, row.author_name, row.at) for row in rows} == {("Ada", "ann", "Ann", NOW)}


def test_a_change_keeps_author_and_time_and_is_of_that_person_only(crm: Crm) -> None:
    ada, bob = id_of(crm, "ada"), id_of(crm, "bob")
    ident = follow_ups.add(crm, ANN, ada, Entry("call", "first", TODAY))
    clock_of(crm).move(hours=1)
    follow_ups.edit(crm, BEN, ada, ident, Entry("visit", " second "))
    with crm.db.read() as session:
        (row,) = follow_ups.of_person(session, ANN, ada)
        actions = session.scalars(sa.select(AuditRow.action).order_by(AuditRow.id)).all()
    assert (row.kind, row.text, row.due_on, row.author, row.at) == ("visit", "second", None, "ann", NOW)
    assert row.changed_at == NOW + timedelta(hours=1)
    assert actions[-2:] == ["follow_up.add", "follow_up.edit"]
    with pytest.raises(NotFound):
        follow_ups.edit(crm, ANN, bob, ident, Entry("call", "stolen"))
    with pytest.raises(NotFound):
        follow_ups.mark_done(crm, ANN, bob, ident)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (Entry("call", "  "), "follow_up.empty"),
        (Entry("shout", "hey"), "input.bad"),
        (Entry("call", "x" * 5_001), "follow_up.too_long"),
    ],
)
def test_nonsense_is_refused(crm: Crm, entry: Entry, code: str) -> None:
    with pytest.raises(BadInput) as error:
        follow_ups.add(crm, ANN, id_of(crm, "ada"), entry)
    assert error.value.code == code
    with pytest.raises(NotFound):
        follow_ups.add(crm, ANN, 10**9, Entry("call", "nobody"))


def test_the_timeline_has_them_and_pages_through_moments_of_one_instant(crm: Crm) -> None:
    ada = id_of(crm, "ada")
    for number in range(7):
        follow_ups.add(crm, ANN, ada, Entry("note", str(number)))
        clock_of(crm).move(minutes=number % 3 // 2)
    seen, after = [], None
    with crm.db.read() as session:
        while True:
            page = timeline(crm, session, ada, Window(2), only=["notes"], after=after)
            assert {moment.source for moment in page.moments} == {"notes"}
            seen += [moment.title for moment in page.moments]
            after = page.next
            if after is None:
                break
        assert timeline(crm, session, ada, Window(2), only=["purchases"]).moments == []
        with pytest.raises(BadInput):
            timeline(crm, session, ada, Window(2), after="yesterday")
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_they_are_told_to_the_person_and_go_with_them(crm: Crm) -> None:
    ada = id_of(crm, "ada")
    follow_ups.add(crm, ANN, ada, Entry("call", "wants to learn", TODAY))
    (told,) = export(crm, ada)["follow_ups"]
    assert (told["kind"], told["text"], told["due_on"]) == ("call", "wants to learn", TODAY.isoformat())
    forget(crm, ada)
    assert count(crm, FollowUp) == 0


def test_they_move_with_a_merge(crm: Crm, host: FakeHost) -> None:
    ada, bob = id_of(crm, "ada"), id_of(crm, "bob")
    follow_ups.add(crm, ANN, bob, Entry("call", "of Bob"))
    host.put(r.Person("bob", merged_into="ada"))
    sync(crm)
    with crm.db.read() as session:
        assert [row.text for row in follow_ups.of_person(session, ANN, ada)] == ["of Bob"]
