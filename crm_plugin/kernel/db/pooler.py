"""A pooler before PostgreSQL, such as PgBouncer in transaction mode: nothing may outlive a transaction.

Each transaction may meet another session of the server, which was somebody else's a moment ago. What the
driver prepared is not there, and what was set there goes on to other programs. Locks, temporary tables and
settings of ours are therefore those of a transaction.
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

POOLED = "crm_pooled"
"""In the notes of a connection: what is set on it goes on to other programs."""


def _is_pooled(connection: Any) -> bool:
    """Return whether a new connection of psycopg leads to a pooler: it is another process that answers."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        (answering,) = cursor.execute("SELECT pg_backend_pid()").fetchone()
    connection.autocommit = False
    return bool(answering != connection.info.backend_pid)


def mind_poolers(engine: Engine) -> None:
    """Have no statement prepared where a pooler stands before PostgreSQL."""
    if (engine.dialect.name, engine.dialect.driver) == ("postgresql", "psycopg"):
        event.listen(engine, "connect", _never_prepare)


def _never_prepare(connection: Any, record: Any) -> None:
    record.info[POOLED] = _is_pooled(connection)
    if record.info[POOLED]:
        connection.prepare_threshold = None
