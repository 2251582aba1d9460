"""The SQL of the stages means the definitions: random schools, at several instants, on each database."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.boards.stages import stage_rows
from crm_plugin.boards.stages.questions import Asked
from crm_plugin.boards.stages.stage_trees import AUDIENCES, STAGES, STALLED
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Course
from crm_plugin.segments.language.dates import Present
from tests.boards.by_hand import ByHand, Pairs
from tests.boards.random_school import PEOPLE, BoardSchool
from tests.segments.test_agreement import present_of

EVERY = (*STAGES, *AUDIENCES)
SCHOOLS, LONG_SCHOOLS = (0, 30), range(1, 61)
LATER = (timedelta(0), timedelta(minutes=-90), timedelta(days=1), timedelta(days=31))
"""The same school at other instants."""
APART = (
    *(("potential", one) for one in ("learners", "upcoming", "pending")),
    *((one, seat) for one in ("left", "expired", "closed_unpaid") for seat in ("learners", "upcoming")),
    *(("upcoming", "learners"), ("closed_unpaid", "pending")),
)
"""Stages that exclude each other."""


def presents(number: int, dialect: str) -> Iterator[Present]:
    """Yield the instants at which a school is looked at."""
    first = present_of(number, dialect)
    return (replace(first, as_of=first.as_of + step) for step in LATER)


def found(database: Database, stage: str, asked: Asked) -> Pairs:
    with database.read() as session:
        rows: Any = session.execute(stage_rows.pairs(stage, asked)).all()
    assert len(set(rows)) == len(rows), "a pair comes once"
    return {(person, root) for person, root in rows}


def by_hand(school: BoardSchool, present: Present) -> dict[str, Pairs]:
    decided = ByHand(school.tables, present.as_of, present.zone, present.interest_days)
    stages = decided.stages()
    return {STALLED: decided.stalled(), **{stage: stages.get(stage, set()) for stage in EVERY}}


def check(database: Database, number: int) -> None:
    """Compare a school's stages with those by hand."""
    school = BoardSchool(number, present_of(number, database.dialect))
    school.write(database)
    for present in presents(number, database.dialect):
        by_sql = {stage: found(database, stage, Asked(present)) for stage in (*EVERY, STALLED)}
        assert by_sql == by_hand(school, present)
        assert [(one, other) for one, other in APART if by_sql[one] & by_sql[other]] == []


def test_each_stage_is_what_its_definition_says(database: Database) -> None:
    check(database, SCHOOLS[0])


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_so_is_each_stage_of_another_school(database: Database) -> None:
    check(database, SCHOOLS[1])


def test_those_schools_have_people_in_every_stage() -> None:
    seen: Counter[str] = Counter()
    for number in SCHOOLS:
        for present in presents(number, "sqlite"):
            stages = by_hand(BoardSchool(number, present_of(number, "sqlite")), present)
            seen.update({stage: len(pairs) for stage, pairs in stages.items()})
            seen["back"] += len(stages["potential"] & stages["left"])
    assert [stage for stage in (*EVERY, STALLED, "back") if seen[stage] < 3] == []


@pytest.mark.long
@pytest.mark.parametrize("number", LONG_SCHOOLS)
def test_each_stage_of_many_schools_is_what_its_definition_says(database: Database, number: int) -> None:
    check(database, number)


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_some_courses_and_some_people_are_a_part_of_all(database: Database) -> None:
    present = present_of(0, database.dialect)
    BoardSchool(0, present).write(database)
    some, people = {1, 5}, range(1, PEOPLE // 2)
    roots = sa.select(Course.root_id).where(Course.root_id.in_(some))
    for stage in (*EVERY, STALLED):
        whole = found(database, stage, Asked(present))
        of = {pair for pair in whole if pair[1] in some}
        assert found(database, stage, Asked(present, roots)) == of
        assert found(database, stage, Asked(present, 5)) == {pair for pair in whole if pair[1] == 5}
        assert found(database, stage, Asked(present, roots, people)) == {p for p in of if p[0] in people}
