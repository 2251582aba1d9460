"""Connections on which a school's database can only be read, whatever its account may do."""

from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event

from crm_plugin.kernel.errors import Unavailable

STATEMENT_SECONDS = 25
"""A statement is cut after this long: inside the gateway's budget, so that the database stops too."""


def read_only_engine(url: str, seconds: int = STATEMENT_SECONDS) -> sa.Engine:
    """Open a school's database for reading.

    Writes are refused by the database itself on each connection: PostgreSQL by
    ``default_transaction_read_only``, MariaDB by ``SESSION TRANSACTION READ ONLY``, SQLite by opening
    the file read-only. An account that holds SELECT alone is still the one to use.

    :param url: SQLAlchemy URL; PostgreSQL as ``postgresql+psycopg://``, MariaDB as ``mariadb+pymysql://``.
    :param seconds: time limit of one statement (not on SQLite).
    :raises Unavailable: ``database.unreachable`` when the URL or its driver cannot be used.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        engine = sa.create_engine(parsed, pool_pre_ping=True, pool_size=2, isolation_level="READ COMMITTED")
    except (sa.exc.ArgumentError, ImportError) as error:
        raise Unavailable("database.unreachable", reason=str(error).splitlines()[0]) from error
    statements = _POSTGRESQL if engine.dialect.name == "postgresql" else _MARIADB
    event.listen(engine, "connect", lambda raw, _record: _run(raw, statements, seconds))
    return engine


_POSTGRESQL = ("SET default_transaction_read_only = on", "SET statement_timeout = {milliseconds}")
_MARIADB = ("SET SESSION TRANSACTION READ ONLY", "SET SESSION max_statement_time = {seconds}")


def _run(raw: Any, statements: tuple[str, ...], seconds: int) -> None:
    with raw.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(seconds=seconds, milliseconds=seconds * 1000))
    # PostgreSQL forgets a SET whose transaction is rolled back.
    raw.commit()


def _sqlite(url: sa.URL) -> sa.Engine:
    file = url.set(database=f"file:{quote(url.database or '')}")
    return sa.create_engine(file.update_query_dict({"mode": "ro", "uri": "true"}))
