"""The stages of one course are found by indexes, however large the school is."""

import re
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.boards.stages import stage_rows
from crm_plugin.boards.stages.questions import Asked
from crm_plugin.boards.stages.stage_trees import AUDIENCES, STAGES, STALLED
from crm_plugin.kernel.db.engine import Database
from crm_plugin.segments.language.course_sources import root_ids
from tests.boards.random_school import BoardSchool
from tests.segments.test_agreement import present_of

LARGE = "crm_(signal|enrolment|order|order_line|person)"
READ_WHOLE = {"sqlite": rf"SCAN {LARGE}", "postgresql": rf"Seq Scan on {LARGE}"}
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}


@pytest.mark.parametrize("db_kind", ["sqlite", "postgresql"], indirect=True)
def test_no_table_is_read_whole_for_one_course(database: Database) -> None:
    present = present_of(0, database.dialect)
    BoardSchool(0, present).write(database)
    for stage in (*STAGES, *AUDIENCES, STALLED):
        asked = stage_rows.pairs(stage, Asked(present, root_ids(["1"]).limit(1).scalar_subquery()))
        plan = explained(database, asked)
        assert "ix_crm_" in plan
        assert not re.findall(READ_WHOLE[database.dialect] + r"(_\d+)?\b.*", plan), stage


def explained(database: Database, asked: sa.Select[Any]) -> str:
    def explain(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> tuple[str, Any]:
        return EXPLAIN[database.dialect] + statement, parameters

    if database.dialect == "sqlite":
        # Statistics of the small schools of other tests: by them, a whole table is read sooner.
        with database.begin() as session:
            session.execute(sa.text("DROP TABLE IF EXISTS sqlite_stat1"))
            session.execute(sa.text("ANALYZE sqlite_schema"))
    with database.read() as session:
        if database.dialect == "postgresql":
            # The school is small: it would be read whole unless that is dear.
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        connection = session.connection()
        sa.event.listen(connection, "before_cursor_execute", explain, retval=True)
        return "\n".join(map(str, connection.execute(asked).cursor.fetchall()))
