"""Tags on many people by a worker: progress, kills, twice asked, limits, undone."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, Refused
from crm_plugin.profiles.staff import tags
from crm_plugin.profiles.staff.undo import KEPT, undo
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.segments.bulk import bulk_jobs, bulk_tagging
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.models import Tagging
from tests.fakes.clock import FixedClock
from tests.fakes.crm import make_crm
from tests.fakes.host import ALL, FakeHost

ANN = r.Actor("ann", "Ann", ALL)
BEN = r.Actor("ben", "Ben", ALL)
EVERYBODY = Part({"combinator": "and", "rules": []})
PEOPLE = 11


@pytest.fixture
def crm(database: Database, monkeypatch: pytest.MonkeyPatch) -> Crm:
    """Eleven people, two too many to be tagged in a request; two learn in course c1."""
    monkeypatch.setattr(bulk_tagging, "AT_ONCE", 9)
    monkeypatch.setattr(bulk_tagging, "PORTION", 4)
    people = [r.Person(f"p{number:02}", display_name="N") for number in range(PEOPLE)]
    seats = [
        r.Enrolment(f"e{number}", person_id=f"p{number:02}", course_id="c1", role="learner", state="active")
        for number in range(2)
    ]
    crm = make_crm(database, FakeHost(*people, r.Course("c1", title="C"), *seats))
    sync(crm, full=True)
    return crm


def have(crm: Crm, tag: str) -> int:
    rule = {"field": "crm_tags", "operator": "contains", "value": tag}
    return service.count(crm, {"combinator": "and", "rules": [rule]}).count


def ask(crm: Crm, tag: str = "fair", *, put: bool = True, actor: r.Actor = ANN) -> int:
    """Ask for a tag on everybody, and find that a worker is to do it."""
    ident = bulk_tagging.request(crm, actor, EVERYBODY, tag, put=put)
    assert isinstance(ident, int)
    return ident


def test_a_worker_tags_them_and_the_author_can_undo_it_for_half_an_hour(crm: Crm) -> None:
    first = {"field": "id", "operator": "=", "value": "p00"}
    bulk_tagging.put_tag(crm, BEN, {"combinator": "and", "rules": [first]}, "fair")
    ask(crm)
    assert have(crm, "fair") == 1, "nothing is done in the request"
    assert bulk_tagging.tag_due(crm) == 1
    (row,) = bulk_tagging.listed(crm, ANN)
    assert (row.state, row.total, row.done, row.changed) == ("done", PEOPLE, PEOPLE, PEOPLE - 1)
    assert have(crm, "fair") == PEOPLE
    assert bulk_tagging.listed(crm, BEN) == []
    assert row.undo is not None
    undo(crm, ANN, row.undo)
    assert have(crm, "fair") == 1, "who had it before keeps it"
    assert bulk_tagging.listed(crm, ANN)[0].undo is None


def test_a_tag_is_taken_off_many_and_brought_back_until_it_is_too_late(crm: Crm) -> None:
    clock = crm.clock
    assert isinstance(clock, FixedClock)
    ask(crm)
    ask(crm, put=False)
    assert bulk_tagging.tag_due(crm) == 2
    assert have(crm, "fair") == 0
    off = bulk_tagging.listed(crm, ANN)[0]
    clock.at += KEPT - timedelta(seconds=1)
    assert off.undo is not None
    undo(crm, ANN, off.undo)
    assert have(crm, "fair") == PEOPLE
    clock.at += timedelta(seconds=2)
    put = bulk_tagging.listed(crm, ANN)[1]
    assert put.undo is None
    clock.at += bulk_jobs.KEPT
    bulk_tagging.remove_old(crm)
    assert bulk_tagging.listed(crm, ANN) == []
    assert have(crm, "fair") == PEOPLE


def test_asked_twice_is_done_once_and_on_record_once(crm: Crm) -> None:
    assert ask(crm) == ask(crm, "  FAIR ")
    assert ask(crm, actor=BEN) != ask(crm)
    assert bulk_tagging.tag_due(crm) == 2
    with crm.db.read() as session:
        columns = AuditRow.actor, AuditRow.action, AuditRow.count
        about = AuditRow.action.contains("tag")
        rows = session.execute(sa.select(*columns).where(about).order_by(AuditRow.id))
        assert [tuple(row) for row in rows] == [
            ("ann", "people.tag_asked", PEOPLE),
            ("ben", "people.tag_asked", PEOPLE),
            ("ann", "tag.put", PEOPLE),
        ]
    # Once it is over it may be asked for again, and changes nothing.
    ask(crm)
    bulk_tagging.tag_due(crm)
    assert bulk_tagging.listed(crm, ANN)[0].changed == 0


def test_a_request_that_kills_each_worker_is_given_up(crm: Crm) -> None:
    ident = ask(crm)
    clock = crm.clock
    assert isinstance(clock, FixedClock)
    for _ in range(bulk_jobs.TRIES):
        assert bulk_jobs.claim(crm, Tagging) is not None
        assert bulk_jobs.claim(crm, Tagging) is None, "another one has it"
        clock.at += bulk_jobs.SILENT + timedelta(seconds=1)
    assert bulk_jobs.claim(crm, Tagging) is None
    with crm.db.read() as session:
        row = session.get_one(Tagging, ident)
        assert (row.state, row.problem, row.key) == ("failed", "segment.gave_up", None)


def test_a_killed_worker_is_followed_by_one_who_goes_on(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, write, portions = crm.clock, tags.write, []
    assert isinstance(clock, FixedClock)

    def dying(*args: object) -> None:
        portions.append(args)
        if len(portions) == 2:
            raise KeyboardInterrupt
        write(*args)  # type: ignore[arg-type]

    ask(crm)
    with monkeypatch.context() as patch:
        patch.setattr(tags, "write", dying)
        with pytest.raises(KeyboardInterrupt):
            bulk_tagging.tag_due(crm)
    (row,) = bulk_tagging.listed(crm, ANN)
    assert (row.state, row.done, have(crm, "fair")) == ("running", 4, 4)
    assert bulk_tagging.tag_due(crm) == 0, "it may be alive"
    clock.at += bulk_jobs.SILENT + timedelta(seconds=1)
    portions[:] = [()] * 2
    with monkeypatch.context() as patch:
        patch.setattr(tags, "write", dying)
        assert bulk_tagging.tag_due(crm) == 1
    assert len(portions) == 4, "the first portion is not done again"
    (row,) = bulk_tagging.listed(crm, ANN)
    assert (row.state, row.changed, have(crm, "fair")) == ("done", PEOPLE, PEOPLE)
    assert row.undo is not None
    undo(crm, ANN, row.undo)
    assert have(crm, "fair") == 0, "what both did is undone"


def test_who_lost_it_to_another_worker_writes_nothing_more(crm: Crm) -> None:
    ask(crm)
    row = bulk_jobs.claim(crm, Tagging)
    assert row is not None
    with crm.db.begin() as session:
        session.execute(sa.update(Tagging).values(token="another"))
    with pytest.raises(bulk_jobs.Lost):
        bulk_jobs.hold(crm, row, state="done")


def test_the_worker_keeps_to_the_rights_and_courses_of_the_author(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_tagging, "AT_ONCE", 1)
    ask(crm, actor=r.Actor("eve", "Eve", ALL, scope=frozenset({"c1"})))
    bulk_tagging.tag_due(crm)
    assert have(crm, "fair") == 2
    with pytest.raises(Refused):
        bulk_tagging.request(crm, r.Actor("viv", "Viv", frozenset({"crm.view"})), EVERYBODY, "x", put=True)
    ask(crm, "other")
    with crm.db.begin() as session:
        session.execute(sa.update(Tagging).where(Tagging.state == "waiting").values(permissions=["crm.view"]))
    bulk_tagging.tag_due(crm)
    assert (bulk_tagging.listed(crm, ANN)[0].problem, have(crm, "other")) == ("access.refused", 0)


def test_too_many_are_refused_when_asked_and_when_they_have_become_too_many(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(crm)
    monkeypatch.setattr(bulk_tagging, "MOST", 10)
    with pytest.raises(BadInput, match="at most 10 people"):
        bulk_tagging.request(crm, ANN, EVERYBODY, "more", put=True)
    bulk_tagging.tag_due(crm)
    (row,) = bulk_tagging.listed(crm, ANN)
    assert (row.state, row.problem, have(crm, "fair")) == ("failed", "tag.too_many", 0)
    with pytest.raises(Conflict):
        undo(crm, BEN, 1)
