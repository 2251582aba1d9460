"""Time inside a statement: the database's own clock, by which leases of all workers are measured; spans."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.types import UtcDateTime

_FORMS = {
    # Six digits of fraction, so that SQLite's text compares with what SQLAlchemy stored.
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '{seconds:+d} seconds')",
    "postgresql": "(clock_timestamp() + interval '{seconds:d} seconds')",
    "mysql": "(UTC_TIMESTAMP(6) + INTERVAL {seconds:d} SECOND)",
    "mariadb": "(UTC_TIMESTAMP(6) + INTERVAL {seconds:d} SECOND)",
}


def db_now(session: Session, seconds: int = 0) -> sa.ColumnElement[datetime]:
    """Return an expression for the database's present, moved by whole seconds."""
    return db_now_of(session.get_bind().dialect.name, seconds)


def db_now_of(dialect: str, seconds: int = 0) -> sa.ColumnElement[datetime]:
    """Return the same for a kind of database."""
    form = _FORMS[dialect]
    return sa.literal_column(form.format(seconds=seconds), UtcDateTime())


def seconds_between(dialect: str, begin: Any, end: Any) -> Any:
    """Return the seconds from one instant to another, as an expression with a fraction."""
    if dialect == "postgresql":
        return sa.cast(sa.extract("epoch", sa.type_coerce(end, sa.DateTime) - begin), sa.Double)
    if dialect == "mysql":
        return sa.func.timestampdiff(sa.literal_column("MICROSECOND"), begin, end) / sa.literal_column("1e6")
    return (sa.func.julianday(end) - sa.func.julianday(begin)) * sa.literal_column("86400.0")
