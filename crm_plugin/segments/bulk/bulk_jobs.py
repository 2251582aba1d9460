"""What staff ask workers for, such as an export or tags on many people: taken by one worker at a time."""

from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.models import Asked

SILENT = timedelta(minutes=3)
"""A worker without a sign of life for so long was killed: another one begins again."""
TRIES = 3
"""How often a worker may die over it: a request that kills every worker must not do so for ever."""
GAVE_UP = "segment.gave_up"
KEPT = timedelta(days=7)
"""How long what was asked is shown to its author."""
_UNSYNCED = {"synchronize_session": False}
Row = TypeVar("Row", bound=Asked)


class Lost(Exception):
    """Another worker has this now."""


def begun(crm: Crm, actor: Actor, part: Part, total: int) -> dict[str, Any]:
    """Return the columns that every request has: its author, their rights, its people."""
    return {
        "author": actor.id,
        "permissions": sorted(actor.permissions),
        "scope": None if actor.scope is None else sorted(actor.scope),
        "document": part.document,
        "narrowing": dict(part.narrowing) if part.narrowing else None,
        "state": "waiting",
        "total": total,
        "created_at": crm.clock(),
    }


def author_of(row: Asked, name: str = "") -> Actor:
    """Return the author, with the rights and the courses that they had then."""
    scope = None if row.scope is None else frozenset(row.scope)
    return Actor(row.author, name, frozenset(row.permissions), scope=scope)


def part_of(row: Asked) -> Part:
    """Return the people it is about."""
    return Part(row.document, row.narrowing)


def claim(crm: Crm, table: type[Row]) -> Row | None:
    """Take the oldest that waits, or that a killed worker left; None when there is none."""
    now, token = crm.clock(), str(uuid4())
    killed = sa.and_(table.state == "running", table.beat_at < now - SILENT)
    free = sa.or_(table.state == "waiting", killed)
    with crm.db.begin() as session:
        over = sa.update(table).where(killed, table.tries >= TRIES)
        ended = {"state": "failed", "problem": GAVE_UP} | ({"key": None} if hasattr(table, "key") else {})
        session.execute(over.values(**ended), execution_options=_UNSYNCED)
        ident = session.scalar(sa.select(table.id).where(free).order_by(table.id).limit(1))
        taken = sa.update(table).where(table.id == ident, free)
        values = {"state": "running", "token": token, "beat_at": now, "done": 0, "tries": table.tries + 1}
        session.execute(taken.values(**values), execution_options=_UNSYNCED)
    with crm.db.read() as session:
        return session.scalar(sa.select(table).where(table.id == ident, table.token == token))


def hold(crm: Crm, row: Asked, **values: object) -> None:
    """Write about what this worker has, with a sign of life.

    :raises Lost: when it is another's now.
    """
    table = type(row)
    mine = sa.update(table).where(table.id == row.id, table.token == row.token, table.state == "running")
    with crm.db.begin() as session:
        result = session.execute(mine.values(**values, beat_at=crm.clock()), execution_options=_UNSYNCED)
        assert isinstance(result, CursorResult)
        if result.rowcount != 1:
            raise Lost
