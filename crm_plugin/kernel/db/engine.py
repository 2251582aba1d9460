"""The three databases behind one face: connections, sessions, the clock, tries after a conflict."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from crm_plugin.kernel.db import durability
from crm_plugin.kernel.db.faults import keep_words_in, soften, unusable, words_of
from crm_plugin.kernel.db.pooler import mind_poolers
from crm_plugin.kernel.db.statement_limit import BUSY_SECONDS, busy_seconds, keep_limits, too_slow
from crm_plugin.kernel.db.turnstile import Turnstile
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.private_files import make_unopened
from crm_plugin.kernel.process import forget_after_fork

T = TypeVar("T")


class Database:
    """An engine and the sessions of our own on it.

    :param engine: made by :func:`connect`, or the host's.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = "mysql" if engine.dialect.name == "mariadb" else engine.dialect.name
        self._writer = engine.execution_options(crm_immediate=True)
        self._reader = engine.execution_options(postgresql_readonly=True)
        forget_after_fork(self, "_forget_connections")

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session in one transaction of our own; commits at the end, rolls back on an error.

        READ COMMITTED; on SQLite the write lock is taken at the start, so that a reader never
        fails half way when it becomes a writer.
        """
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading only."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session
            if self.dialect == "postgresql":
                # A rollback makes psycopg forget what it prepared, and the server plan it all again.
                session.commit()

    def run(self, work: Callable[[Session], T], tries: int = 6) -> T:
        """Call ``work`` in a transaction of our own and again after a deadlock or a busy database."""
        for attempt in range(1, tries + 1):
            try:
                with self.begin() as session:
                    return work(session)
            except Exception as error:
                if attempt == tries or not is_conflict(error):
                    raise
                time.sleep(random.uniform(0.01, 0.05) * 2**attempt)
        raise AssertionError("unreachable")

    def now(self, session: Session) -> datetime:
        """Return the database's own present (UTC): the one clock that all workers share."""
        value: datetime | str = session.execute(sa.text(_NOW[self.dialect])).scalar_one()
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _forget_connections(self) -> None:
        # A forked child must neither use nor close the connections of its parent.
        self.engine.dispose(close=False)


_NOW = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "postgresql": "SELECT clock_timestamp()",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
}


def connect(url: str | sa.URL, **options: Any) -> Database:
    """Open a database for the CRM.

    :param url: a SQLAlchemy URL; PostgreSQL as ``postgresql+psycopg://``, MariaDB as ``mariadb+pymysql://``.
    :raises Unavailable: ``database.unreachable`` when the URL or its driver cannot be used.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return Database(_sqlite(parsed, options))
        options = {"max_overflow": MORE_CONNECTIONS, **options}
        engine = sa.create_engine(parsed, isolation_level="READ COMMITTED", hide_parameters=True, **options)
        mind_poolers(engine)
        durability.keep_commits(engine)
        _ping_the_idle(engine)
        keep_limits(engine)
        keep_words_in(engine)
        return Database(engine)
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        raise unusable(error) from None


MORE_CONNECTIONS = 50
"""Connections beyond the five that are kept, while all are taken, so that no thread waits for another.

A thread holds two at most. With SQLAlchemy's ten, eight slow pages kept an opt-out waiting.
"""
IDLE_SECONDS = 1.0
"""How long a connection may lie in the pool before it is asked whether it still lives."""


def _ping_the_idle(engine: Engine) -> None:
    """Ask connections that lay idle whether they live; SQLAlchemy's own pre-ping asks at each transaction."""

    def back(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    def out(connection: Any, record: Any, _fairy: Any) -> None:
        since = record.info.pop("idle_since", None)
        if since is None or time.monotonic() - since < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            soften(error)
            raise sa.exc.InvalidatePoolError("a connection died while it was idle") from error

    event.listen(engine, "checkin", back)
    event.listen(engine, "checkout", out)


def _sqlite(url: sa.URL, options: dict[str, Any]) -> Engine:
    file = None if url.database in (None, "", ":memory:") else Path(str(url.database))
    plain = None if file is None or str(file).startswith("file:") else file
    if plain is not None:
        options = {"max_overflow": MORE_CONNECTIONS, **options}
    engine = sa.create_engine(url, hide_parameters=True, **options)
    if plain is not None:
        event.listen(engine, "do_connect", partial(_make_private, plain))
    event.listen(engine, "connect", _sqlite_connected)
    keep_limits(engine)
    keep_words_in(engine)
    event.listen(engine, "begin", partial(_sqlite_begin, Turnstile(file)))
    return engine


def _make_private(file: Path, *_places: Any) -> None:
    """Make a new database's file before SQLite does: all may read what it makes."""
    if file.parent.is_dir():
        with suppress(OSError):
            make_unopened(file)


def _sqlite_connected(connection: Any, _record: Any) -> None:
    # The driver's own transactions start too late (at the first write): we begin them ourselves.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


_LOOK = 0.001
"""Seconds between two looks at SQLite's write lock."""
_PRAGMAS = (
    *("journal_mode=WAL", durability.SQLITE, f"busy_timeout={1000 * BUSY_SECONDS}", "foreign_keys=ON"),
    # 64 MB a connection instead of 2: a set of a million people does not fit into the latter.
    *("cache_size=-65536", "temp_store=MEMORY"),
)


def _sqlite_begin(turnstile: Turnstile, connection: Connection) -> None:
    # On the driver's own connection, where the other drivers begin theirs: no event counts it.
    driver: Any = connection.connection.driver_connection
    if not connection.get_execution_options().get("crm_immediate"):
        _execute(driver, "BEGIN")
        return
    with turnstile.waiting():
        _begin_as_writer(driver)


def _begin_as_writer(driver: Any) -> None:
    """Take the write lock: only one process waits for it at a time, so it may look often."""
    until = time.monotonic() + busy_seconds()
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not is_conflict(error) or time.monotonic() >= until:
                    raise _not_begun("BEGIN IMMEDIATE", error) from error
            time.sleep(_LOOK)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {1000 * busy_seconds():.0f}")


def _execute(driver: Any, statement: str) -> None:
    try:
        driver.execute(statement)
    except sqlite3.OperationalError as error:
        raise _not_begun(statement, error) from error


def _not_begun(statement: str, error: sqlite3.OperationalError) -> Exception:
    soften(error)
    return too_slow() or sa.exc.OperationalError(statement, None, error)


_CONFLICTS = ("40001", "40P01", "55P03")
_MYSQL_CONFLICTS = (1205, 1213, 1020)


def is_conflict(error: Exception) -> bool:
    """Return whether a transaction may simply be tried again (deadlock, serialisation, lock time-out).

    :param error: SQLAlchemy's, or the driver's own where COPY goes past SQLAlchemy.
    """
    origin = getattr(error, "orig", error)
    if getattr(origin, "sqlstate", None) in _CONFLICTS:
        return True
    args = getattr(origin, "args", ())
    if args and args[0] in _MYSQL_CONFLICTS:
        return True
    name: str = getattr(origin, "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or "database is locked" in str(origin)


def is_outage(error: Exception) -> bool:
    """Return whether the database failed and not the question: it was away, too busy, or took the connection.

    A statement that is wrong fails again however often it is tried.
    """
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or is_conflict(error):
        return True
    return isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated


def outage_of(error: Exception) -> Unavailable | None:
    """Return ``database.unreachable`` for what :func:`is_outage` calls so, None for any other error."""
    return Unavailable("database.unreachable", reason=words_of(error)) if is_outage(error) else None
