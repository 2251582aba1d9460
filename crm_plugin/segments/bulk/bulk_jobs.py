"""What staff ask workers for, such as an export or tags on many people: taken by one worker at a time.

Progress is stored portion by portion. A worker that has to stop, or that has had its turn while others
wait, puts the request back. The next worker continues there, also after one that was killed.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.db.engine import is_outage
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.process import stopping
from crm_plugin.kernel.queue.queue import LONG_SECONDS
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.models import Asked

log = logging.getLogger(__name__)

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
        ended = {"state": "failed", "problem": GAVE_UP, **_free(table)}
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


@dataclass(frozen=True)
class Job:
    """How a kind of request is called.

    :param name: on the health page.
    :param path: of the job, for a wake-up.
    """

    name: str
    path: str


def do_due(crm: Crm, table: type[Row], work: Callable[[Row], None], job: Job) -> int:
    """Do what waits, one after the other; return how many were taken."""
    taken, round_ = 0, crm.round(job.name, Paused)
    while not stopping() and (row := claim(crm, table)) is not None:
        taken += 1
        try:
            round_.one(row.id, partial(_do, crm, row, work))
        except Paused:
            crm.queue.wake(job.path, seconds=LONG_SECONDS)
            break
    return taken


def _do(crm: Crm, row: Row, work: Callable[[Row], None]) -> None:
    try:
        work(row)
    except CrmError as error:
        _end(crm, row, error.code)
    except Lost:
        log.warning("%s %s was taken over by another worker", type(row).__name__, row.id)
    except Exception as error:
        # While the database is away nothing is known of it: another worker begins again.
        if not isinstance(error, Paused) and not is_outage(error):
            _end(crm, row, GAVE_UP)
        raise


def _end(crm: Crm, row: Asked, problem: str) -> None:
    hold(crm, row, state="failed", problem=problem, **_free(type(row)))


def _free(table: type[Asked]) -> dict[str, None]:
    """Return the columns by which the same may be asked for once more."""
    return {"key": None} if hasattr(table, "key") else {}


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
