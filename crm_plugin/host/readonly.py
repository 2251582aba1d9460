"""Connections on which a school's database can only be read, whatever its account may do."""

from functools import partial
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event

from crm_plugin.kernel.db.faults import keep_words_in, unusable
from crm_plugin.kernel.db.pooler import mind_poolers

STATEMENT_SECONDS = 25
"""A statement is cut after this long: inside the gateway's budget, so that the database stops too."""


def read_only_engine(url: str, seconds: int = STATEMENT_SECONDS) -> sa.Engine:
    """Open a school's database for reading.

    Writes are refused by the database itself: PostgreSQL does so in each transaction, as a pooler may stand
    before it; MariaDB on each connection (``SESSION TRANSACTION READ ONLY``), SQLite by opening the file
    read-only. An account that holds SELECT alone is still the one to use.

    :param url: SQLAlchemy URL; PostgreSQL as ``postgresql+psycopg://``, MariaDB as ``mariadb+pymysql://``.
    :param seconds: time limit of one statement (not on SQLite).
    :raises Unavailable: ``database.unreachable`` when the URL or its driver cannot be used.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        usual: Any = {"isolation_level": "READ COMMITTED", "hide_parameters": True}
        engine = sa.create_engine(parsed, pool_pre_ping=True, pool_size=2, **usual)
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        raise unusable(error) from None
    keep_words_in(engine)
    if engine.dialect.name == "postgresql":
        mind_poolers(engine)
        event.listen(engine, "begin", partial(_begin, seconds=seconds))
    else:
        event.listen(engine, "connect", partial(_connected, seconds=seconds))
    return engine


def _begin(connection: sa.Connection, *, seconds: int) -> None:
    # What a session were set to, a pooler would hand on to the school's own programs.
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute(f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {1000 * seconds}")


def _connected(raw: Any, _record: Any, *, seconds: int) -> None:
    with raw.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
        cursor.execute(f"SET SESSION max_statement_time = {seconds}")
    raw.commit()


def _sqlite(url: sa.URL) -> sa.Engine:
    file = url.set(database=f"file:{quote(url.database or '')}")
    engine = sa.create_engine(file.update_query_dict({"mode": "ro", "uri": "true"}), hide_parameters=True)
    keep_words_in(engine)
    return engine
