"""Rows written over earlier ones, or only where they are missing, in one statement on every database."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.types import Base


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
