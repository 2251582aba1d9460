"""Empty databases on the test servers: made, cleaned, dropped."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, MetaData, text

from crm_plugin.kernel.db.engine import is_conflict
from tests.servers.run import url_of

KINDS = ("sqlite", "postgresql", "mariadb")

_KEPT = "crm_alembic_version"
_numbers = count(1)


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """A database of this kind with nothing in it, as a SQLAlchemy URL with all it needs; dropped after."""
    name = f"crm_{os.getpid()}_{next(_numbers)}"
    if kind == "sqlite":
        yield f"sqlite:///{folder / name}.db"
        return
    server = sqlalchemy.make_url(url_of(kind))
    _administer(kind, server, f"CREATE DATABASE {name}" + _CREATE_AS[kind])
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(kind, server, f"DROP DATABASE {name}" + _DROP_AS[kind])


# The test's own connections may still be open in a pool, or in a worker that was killed.
_DROP_AS = {"postgresql": " WITH (FORCE)", "mariadb": ""}
_CREATE_AS = {"postgresql": " TEMPLATE template0", "mariadb": " CHARACTER SET utf8mb4"}


def _administer(kind: str, server: sqlalchemy.URL, statement: str) -> None:
    engine = sqlalchemy.create_engine(server, poolclass=sqlalchemy.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if kind == "mariadb":
            connection.execute(text("SET lock_wait_timeout = 20"))
        connection.execute(text(statement))


class Cleaner:
    """Puts a database back to the rows it had when this was made, faster than making it again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables = MetaData()
        self._tables.reflect(engine)
        with engine.connect() as connection:
            self._seeds = {
                table.name: [dict(row) for row in connection.execute(table.select()).mappings()]
                for table in self._tables.sorted_tables
            }

    def clean(self) -> None:
        """Delete every row and write the first ones back, foreign keys unchecked meanwhile.

        Sessions of workers that a test killed may still be about their last rows: again after a deadlock.
        """
        for left in reversed(range(5)):
            try:
                return self._clean()
            except sqlalchemy.exc.DBAPIError as error:
                if not left or not is_conflict(error):
                    raise
                time.sleep(0.5)

    def _clean(self) -> None:
        unchecked, checked = _FOREIGN_KEYS[self._engine.dialect.name]
        with self._engine.begin() as connection:
            connection.execute(text(unchecked))
            for table in self._tables.sorted_tables:
                if table.name != _KEPT:
                    connection.execute(table.delete())
                    if seeds := self._seeds[table.name]:
                        connection.execute(table.insert(), seeds)
            connection.execute(text(checked))


class Rows:
    """All rows of a database that has just been filled; written back faster than what filled it."""

    def __init__(self, engine: Engine) -> None:
        self._tables: list[tuple[sqlalchemy.Table, list[dict[str, Any]]]] = []
        metadata = MetaData()
        metadata.reflect(engine)
        with engine.connect() as connection:
            for table in metadata.sorted_tables:
                rows = [dict(row) for row in connection.execute(table.select()).mappings()]
                if rows and table.name != _KEPT:
                    self._tables.append((table, rows))

    def write(self, engine: Engine) -> None:
        """Put them into an empty database, instead of the first rows of their tables."""
        with engine.begin() as connection:
            for table, rows in self._tables:
                connection.execute(table.delete())
                connection.execute(table.insert(), rows)


_FOREIGN_KEYS = {
    "postgresql": ("SET session_replication_role = replica", "SET session_replication_role = origin"),
    "sqlite": ("PRAGMA defer_foreign_keys = on", "PRAGMA defer_foreign_keys = off"),
    "mysql": ("SET foreign_key_checks = 0", "SET foreign_key_checks = 1"),
    "mariadb": ("SET foreign_key_checks = 0", "SET foreign_key_checks = 1"),
}
