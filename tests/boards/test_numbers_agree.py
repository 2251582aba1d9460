"""A figure, the count of a tab and the list behind it are one number, on random schools."""

from itertools import islice
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.boards import service as boards
from crm_plugin.boards.board import one_course, tabs
from crm_plugin.boards.models import CourseFigures
from crm_plugin.boards.stages.stage_trees import people_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import insert_many
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Course
from crm_plugin.profiles.models.streams import TouchedCourse
from crm_plugin.segments import service as segments
from tests.boards.random_school import BoardSchool
from tests.boards.test_stage_rows import EVERY, by_hand, presents
from tests.fakes.crm import make_crm
from tests.fakes.host import staff
from tests.segments.test_agreement import present_of

LONG_SCHOOLS = 20


def check(database: Database, folder: Path, number: int, instants: int, step: int) -> None:
    first = present_of(number, database.dialect)
    school = BoardSchool(number, first)
    school.write(database)
    crm = make_crm(
        database, None, first.as_of, host_timezone=first.zone.key, host_currency="GBP", instance=str(folder)
    )
    names = {row["id"]: row["host_id"] for row in school.tables[Course]}
    roots = sorted({row["root_id"] for row in school.tables[Course]})
    for present in islice(presents(number, database.dialect), instants):
        crm.clock.at = present.as_of  # type: ignore[attr-defined]
        decided = by_hand(school, present)
        shown = figures(crm, roots)
        for root in roots[1::step]:
            counts = tab_counts(crm, names[root])
            for stage in EVERY:
                people = {person for person, of in decided[stage] if of == root}
                assert getattr(shown[root], stage) == len(people), (stage, root)
                document = people_of(stage, names[root])
                assert counts[stage] == len(people)
                assert set(segments.ids(crm, document)) == {f"p{person}" for person in people}


def tab_counts(crm: Crm, host_id: str) -> dict[str, int]:
    """Return what the tabs of a board say, all in one statement."""
    with crm.db.read() as session:
        course = one_course.find(session, staff("ann"), host_id)
    return tabs.counts(crm, staff("ann"), course)


def figures(crm: Crm, roots: list[int]) -> dict[int, CourseFigures]:
    """Return the figures of all courses, after what a change of each would do."""
    touched = [{"root_id": root} for root in roots]
    crm.db.run(lambda session: insert_many(session, TouchedCourse, touched))
    assert boards.refresh(crm) == len(roots)
    with crm.db.read() as session:
        return {one.root_id: one for one in session.scalars(sa.select(CourseFigures))}


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_figure_tab_and_list_are_one_number(database: Database, tmp_path: Path) -> None:
    check(database, tmp_path, 1, instants=1, step=3)


@pytest.mark.long
@pytest.mark.parametrize("number", range(2, 2 + LONG_SCHOOLS))
def test_figure_tab_and_list_are_one_number_in_many_schools(
    database: Database, tmp_path: Path, number: int
) -> None:
    check(database, tmp_path, number, instants=3, step=1)
