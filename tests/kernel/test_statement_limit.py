"""A statement that takes longer than pages may wait is stopped by the database itself; no other is."""

import threading
import time

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.db.statement_limit import statements_within
from crm_plugin.kernel.errors import TooSlow
from crm_plugin.profiles.models.topics import Topic

ENDLESS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
SELECT COUNT(*) AS endless FROM n AS a, n AS b, n AS c, n AS d WHERE a.i + b.i + c.i + d.i < 0
"""
"""656 thousand million rows to look at, wherever it is asked."""
RUNNING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%AS endless%'"
    " AND pid <> pg_backend_pid()",
    "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%AS endless%'"
    " AND id <> CONNECTION_ID()",
}
"""How many of them the server is at."""
LIMITS = {
    "postgresql": "SHOW statement_timeout",
    "mysql": "SELECT @@max_statement_time",
    "sqlite": "PRAGMA busy_timeout",
}


SECONDS = 0.4
LONGER = range(45, 145, 10)
"""Sizes of which one takes longer, on a fast machine too."""


def running(database: Database) -> int:
    with database.read() as session:
        return int(session.scalar(sa.text(RUNNING[database.dialect])) or 0)


def limit_of(session: Session, dialect: str) -> str:
    return str(session.scalar(sa.text(LIMITS[dialect])))


def test_the_database_stops_what_takes_too_long(database: Database) -> None:
    seen: list[int] = []
    watch = threading.Timer(SECONDS / 2, lambda: seen.append(running(database)))
    served = database.dialect != "sqlite"
    if served:
        watch.start()
    started = time.monotonic()
    with statements_within(SECONDS), pytest.raises(TooSlow) as raised, database.read() as session:
        session.execute(sa.text(ENDLESS))
    assert 0.9 * SECONDS < time.monotonic() - started < SECONDS + 3
    assert str(raised.value).startswith("stopped after 0.4 s")
    if served:
        watch.join()
        assert seen == [1]
        assert running(database) == 0
    with database.read() as session:
        assert session.scalar(sa.text("SELECT 7")) == 7  # the connection is as good as before


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_each_statement_has_the_whole_time(database: Database) -> None:
    with statements_within(SECONDS), database.read() as session:
        for _ in range(2):
            time.sleep(0.3)
            assert session.scalar(sa.text(ENDLESS.replace("900", "25"))) == 0


def test_a_change_that_waits_for_another_is_stopped_once(database: Database) -> None:
    """Waiting counts: a page does not try a change again that has waited its whole time."""
    row = {"id": 1, "name": "Offers", "name_zh": "", "folded": "offers"}
    with database.begin() as session:
        session.add(Topic(**row, position=1))
    change = sa.update(Topic).values(position=2)
    with database.begin() as holder:
        holder.execute(change)
        started = time.monotonic()
        with statements_within(SECONDS), pytest.raises(TooSlow):
            database.run(lambda session: session.execute(change))
        assert time.monotonic() - started < SECONDS + 3


def test_nothing_else_is_limited(database: Database) -> None:
    """A connection that served a page serves a worker without a limit."""
    with statements_within(SECONDS), database.read() as session:
        assert limit_of(session, database.dialect) in ("400ms", "0.4", "400")
    with database.read() as session:
        assert limit_of(session, database.dialect) in ("0", "0.0", "30000")
        if database.dialect == "sqlite":
            assert any(seconds_of(session, ENDLESS.replace("900", f"{rows}")) > SECONDS for rows in LONGER)


def seconds_of(session: Session, statement: str) -> float:
    started = time.monotonic()
    session.execute(sa.text(statement))
    return time.monotonic() - started
