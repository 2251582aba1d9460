"""The three databases behind one face: column types, sessions, the database's clock, upserts.

PostgreSQL, MariaDB and SQLite store the same values and compare them alike: text is binary (``C``,
``utf8mb4_nopad_bin``), instants are UTC with microseconds, money is a whole number of 1/10,000.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator, TypeEngine

from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.process import forget_after_fork

T = TypeVar("T")
MONEY_UNIT = 10_000
"""Money is stored as whole 1/10,000 of the major unit, so that sums are exact on SQLite too."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every CRM table; a declarative base of our own, so that a host keeps its own."""

    metadata = sa.MetaData(naming_convention=NAMING)


class Key(TypeDecorator[str]):
    """Short text compared byte by byte on every database: ids, keys, names of states, folded text.

    :param length: in characters; 191 by default, so that three of them fit into one MariaDB index.
    """

    impl = sa.String
    cache_ok = True

    def __init__(self, length: int = 191) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.String(self.length, collation="C"))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.VARCHAR(self.length, **_BINARY))
        return dialect.type_descriptor(sa.String(self.length))


class Text(TypeDecorator[str]):
    """Text of any length, compared byte by byte."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.LONGTEXT(**_BINARY))
        return dialect.type_descriptor(sa.Text())


_BINARY = {"charset": "utf8mb4", "collation": "utf8mb4_nopad_bin"}
# MariaDB's default collation takes josé@ for jose@, and its PAD SPACE ones take "a" for "a ".


class Json(TypeDecorator[Any]):
    """A JSON document, never searched by SQL; None is SQL's NULL."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True


class Id(TypeDecorator[int]):
    """A dense number of our own."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # SQLite numbers only a column declared INTEGER PRIMARY KEY by itself.
        kind: TypeEngine[Any] = sa.Integer() if dialect.name == "sqlite" else sa.BigInteger()
        return dialect.type_descriptor(kind)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant with microseconds; naive values are refused."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sqlite.DATETIME())  # type: ignore[no-untyped-call]

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """A ``Decimal`` in major units, stored as a whole number of 1/10,000; sums and min/max stay exact."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int((Decimal(value) * MONEY_UNIT).to_integral_value())

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value) / MONEY_UNIT


class Database:
    """An engine and the sessions of our own on it.

    :param engine: made by :func:`connect`, or the host's.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = "mysql" if engine.dialect.name == "mariadb" else engine.dialect.name
        self._writer = engine.execution_options(crm_immediate=True)
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
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

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
        engine = sa.create_engine(parsed, isolation_level="READ COMMITTED", **options)
        _ping_the_idle(engine)
        return Database(engine)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise Unavailable("database.unreachable", reason=str(error).splitlines()[0]) from error


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
            raise sa.exc.InvalidatePoolError("a connection died while it was idle") from error

    event.listen(engine, "checkin", back)
    event.listen(engine, "checkout", out)


def _sqlite(url: sa.URL, options: dict[str, Any]) -> Engine:
    engine = sa.create_engine(url, **options)
    event.listen(engine, "connect", _sqlite_connected)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connected(connection: Any, _record: Any) -> None:
    # The driver's own transactions start too late (at the first write): we begin them ourselves.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


_PRAGMAS = (
    *("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"),
    # 64 MB a connection instead of 2: a set of a million people does not fit into the latter.
    *("cache_size=-65536", "temp_store=MEMORY"),
)


def _sqlite_begin(connection: Connection) -> None:
    # On the driver's own connection, where the other drivers begin theirs: no event counts it.
    statement = "BEGIN IMMEDIATE" if connection.get_execution_options().get("crm_immediate") else "BEGIN"
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement)
    except sqlite3.OperationalError as error:
        raise sa.exc.OperationalError(statement, None, error) from error


_CONFLICTS = ("40001", "40P01", "55P03")
_MYSQL_CONFLICTS = (1205, 1213, 1020)


def is_conflict(error: Exception) -> bool:
    """Tell whether a transaction may simply be tried again (deadlock, serialisation, lock time-out).

    :param error: SQLAlchemy's, or the driver's own where COPY goes past SQLAlchemy.
    """
    origin = getattr(error, "orig", error)
    if getattr(origin, "sqlstate", None) in _CONFLICTS:
        return True
    args = getattr(origin, "args", ())
    if args and args[0] in _MYSQL_CONFLICTS:
        return True
    return "database is locked" in str(origin)


def is_outage(error: Exception) -> bool:
    """Tell whether the database failed and not the question: it was away, too busy, or took the connection.

    A statement that is wrong fails again however often it is tried.
    """
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or is_conflict(error):
        return True
    return isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated


def upsert(session: Session, model: type[Base], rows: Sequence[dict[str, Any]], key: Sequence[str]) -> None:
    """Insert rows, and overwrite all other named columns of those whose ``key`` is there already."""
    if not rows:
        return
    names = [name for name in rows[0] if name not in key]
    session.execute(_upsert(session, model, key, names), list(rows))


def insert_missing(
    session: Session, model: type[Base], rows: Sequence[dict[str, Any]], key: Sequence[str]
) -> None:
    """Insert the rows whose ``key`` is not there yet; any other fault is still an error."""
    if rows:
        session.execute(_upsert(session, model, key, []), list(rows))


def insert_selected(
    session: Session, model: type[Base], names: Sequence[str], rows: sa.Select[Any], key: Sequence[str]
) -> None:
    """Insert what a query returns, except rows whose ``key`` is there; the query must have a WHERE."""
    session.execute(_upsert(session, model, key, []).from_select(list(names), rows))


def _upsert(session: Session, model: type[Base], key: Sequence[str], names: Sequence[str]) -> Any:
    table: Any = model.__table__
    dialect = session.get_bind().dialect.name
    if dialect in ("mysql", "mariadb"):
        insert = mysql.insert(table)
        # Setting a key column to itself: INSERT IGNORE would swallow every other fault too.
        changes = {name: insert.inserted[name] for name in names} or {key[0]: table.c[key[0]]}
        return insert.on_duplicate_key_update(changes)
    maker = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement: Any = maker(table)
    if not names:
        return statement.on_conflict_do_nothing(index_elements=list(key))
    return statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in names}
    )
