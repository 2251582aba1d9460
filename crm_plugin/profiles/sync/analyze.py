"""Refresh the database planner's statistics of tables that a scan has just filled."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import CourseLabel, Interest, OrderLine, PersonTag
from crm_plugin.profiles.models.streams import Seen
from crm_plugin.profiles.sync.streams import KINDS

_BESIDE = {"persons": (PersonTag,), "courses": (CourseLabel,), "orders": (OrderLine,), "signals": (Interest,)}


def analyse(db: Database, stream: str) -> None:
    """Refresh the planner's statistics of a stream's tables on PostgreSQL and SQLite.

    Its own daemon comes a minute later at best; until then it takes a filled table for an empty one and
    compares rows one by one: reading 147,000 rows again took 80 s instead of 8. MariaDB keeps its statistics
    up by itself; SQLite never does, and starts a query from the wrong side of a join.
    """
    if db.dialect == "mysql":
        return
    tables = [KINDS[stream].model, Seen, *_BESIDE.get(stream, ())]

    def work(session: Session) -> None:
        if db.dialect == "sqlite":
            # A thousand rows of each index are enough; all of them would be read otherwise.
            session.execute(sa.text("PRAGMA analysis_limit = 1000"))
        for model in tables:
            session.execute(sa.text(f"ANALYZE {model.__tablename__}"))

    db.run(work)
