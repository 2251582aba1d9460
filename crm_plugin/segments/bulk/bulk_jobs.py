"""What staff ask workers for, such as an export or tags on many people: taken by one worker at a time.

Progress is stored portion by portion. A worker that has to stop, or that has had its turn while others
wait, puts the request back. The next worker continues there, also after one that was killed.
"""

import time
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.process import stopping
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.models import Asked

SILENT = timedelta(minutes=3)
"""A worker without a sign of life for so long was killed: another one begins again."""
TRIES = 3
"""How often a worker may die over it without coming on: what kills every worker must not do so for ever."""
TURN = 60.0
"""Seconds after which others that wait come first."""
GAVE_UP = "segment.gave_up"
KEPT = timedelta(days=7)
"""How long what was asked is shown to its author."""
_UNSYNCED = {"synchronize_session": False}
Row = TypeVar("Row", bound=Asked)


class Lost(Exception):
    """Another worker has this now."""


class Paused(Exception):
    """This worker has put it back: it goes on later."""


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
    # What had its turn comes behind what has waited longer.
    longest = sa.func.coalesce(table.beat_at, table.created_at)

    def work(session: Session) -> int | None:
        over = sa.update(table).where(killed, table.tries >= TRIES)
        ended = {"state": "failed", "problem": GAVE_UP} | ({"key": None} if hasattr(table, "key") else {})
        session.execute(over.values(**ended), execution_options=_UNSYNCED)
        ident = session.scalar(sa.select(table.id).where(free).order_by(longest, table.id).limit(1))
        taken = sa.update(table).where(table.id == ident, free)
        values = {"state": "running", "token": token, "beat_at": now, "tries": table.tries + 1}
        session.execute(taken.values(**values), execution_options=_UNSYNCED)
        return ident

    ident = crm.db.run(work)
    with crm.db.read() as session:
        return session.scalar(sa.select(table).where(table.id == ident, table.token == token))


def hold(crm: Crm, row: Asked, **values: object) -> None:
    """Write about what this worker has, with a sign of life.

    :raises Lost: when it is another's now.
    """
    table = type(row)
    mine = sa.update(table).where(table.id == row.id, table.token == row.token, table.state == "running")

    def work(session: Session) -> None:
        result = session.execute(mine.values(**values, beat_at=crm.clock()), execution_options=_UNSYNCED)
        assert isinstance(result, CursorResult)
        if result.rowcount != 1:
            raise Lost

    crm.db.run(work)


class Turn:
    """One worker's turn at what was asked."""

    def __init__(self, crm: Crm, row: Asked) -> None:
        self._crm = crm
        self._row = row
        self._until = time.monotonic() + TURN

    def came_on(self, **values: object) -> None:
        """Write down how far it is; put it back when it is time to.

        :raises Lost: when it is another's now.
        :raises Paused: when it was put back.
        """
        hold(self._crm, self._row, tries=1, **values)
        if time.monotonic() >= self._until and _others_wait(self._crm, type(self._row)):
            self._put_back()
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Put it back when this worker is to stop: that costs none of its tries.

        :raises Paused: when it was put back.
        """
        if stopping():
            self._put_back()

    def _put_back(self) -> None:
        hold(self._crm, self._row, state="waiting", tries=0)
        raise Paused


def _others_wait(crm: Crm, table: type[Asked]) -> bool:
    with crm.db.read() as session:
        if session.scalar(sa.select(table.id).where(table.state == "waiting").limit(1)) is not None:
            return True
    return bool(crm.queue.length())
