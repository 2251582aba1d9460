"""The database's own clock inside a statement: leases of all workers are measured by this one clock."""

from datetime import datetime

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
