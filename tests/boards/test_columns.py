"""Columns, orders and the analysis of a board's tabs on each database."""

from crm_plugin.boards.board import leaving, one_course
from crm_plugin.boards.board.columns.asked import Asked
from crm_plugin.boards.board.tabs import SORTS, TABS, Tab, columns_of, counts, own_sorts
from crm_plugin.host.records import Actor
from crm_plugin.profiles.staff import purchase_intent, undo
from crm_plugin.segments import service
from tests.fakes.host import ALL
from tests.web.boards.conftest import board
from tests.web.boards.stages import PEOPLE
from tests.web.fixtures import School

__all__ = ["board"]
ADMIN = Actor("ann", "Ann", ALL)


def test_each_tab_is_read_whole_and_in_each_of_its_orders(board: School) -> None:
    crm = board.crm
    with crm.db.read() as session:
        course = one_course.find(session, ADMIN, "b1")
    numbers = counts(crm, ADMIN, course)
    for stage in TABS:
        tab = Tab(course, stage)
        search = service.selected(crm, tab.tree, actor=ADMIN)
        for name in SORTS[stage][1]:
            ids = service.listed(crm, search, f"-{name}", own=own_sorts(crm, tab)).ids
            assert len(ids) == numbers[stage] >= len(PEOPLE[stage]), (stage, name)
        with crm.db.read() as session:
            assert set(columns_of(session, tab, Asked(course, ids, search.present))) == set(ids), stage
    found = leaving.of_course(crm, ADMIN, course, Tab(course, "left").tree)
    assert sorted(found.totals.values()) == [1, 2]


def test_intentions_of_many_are_set_and_taken_back(board: School) -> None:
    crm = board.crm
    with crm.db.read() as session:
        course = one_course.find(session, ADMIN, "b1")
    people = service.selected(crm, Tab(course, "learners").tree, actor=ADMIN).people
    assert purchase_intent.put_many(crm, ADMIN, people, "b1", "low").count == 6
    done = purchase_intent.put_many(crm, ADMIN, people, "b1", "high")
    assert purchase_intent.put_many(crm, ADMIN, people, "b1", "high").count == 0
    assert done.undo is not None
    undo.undo(crm, ADMIN, done.undo)
    assert purchase_intent.put_many(crm, ADMIN, people, "b1", "low").count == 0
