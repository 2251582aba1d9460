"""Events of the school that wait in the database: their rows are read again, and then their people's facts.

The process with the lease on a stream reads its events: the upkeep, a worker that is about to send, or a long
read of that stream between two pages.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.records import STREAMS
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.types import Id
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.models.streams import HostEventRow, Touched
from crm_plugin.profiles.sync import lease, named_rows
from crm_plugin.profiles.sync.stream_visit import StreamVisit
from crm_plugin.profiles.sync.streams import KINDS

log = logging.getLogger(__name__)

BATCH = 500
"""Events that are read at once."""
KEPT = timedelta(minutes=15)
"""An event that cannot be read for so long is given up: the changes of its stream bring the same."""


ANY = 2**62
"""In place of an event: behind all of them."""
ELSEWHERE = -1
"""In place of an event: one that matters cannot even be stored."""


def wait(upto: Any) -> sa.ColumnElement[bool]:
    """Return the condition that an event up to this one waits."""
    return sa.or_(upto == ELSEWHERE, sa.exists(sa.select(HostEventRow.id).where(HostEventRow.id <= upto)))


def newest(crm: Crm) -> int:
    """Return the id of the newest event that waits; 0 = none does."""
    with crm.db.read() as session:
        return session.scalar(sa.select(sa.func.max(HostEventRow.id))) or 0


def read(crm: Crm) -> int:
    """Read the rows again that events name; return how many events were done.

    While the school fails, or another process reads the stream, its events wait. They are forgotten once
    the facts of the people concerned are computed.
    """
    count = 0
    while rows := _waiting(crm):
        done = [id for stream in STREAMS for id in _read_stream(crm, stream, rows)]
        over = _given_up(crm, rows, done)
        _forget(crm, over)
        count += len(done) + len(over)
        if len(done) + len(over) < len(rows) or len(rows) < BATCH:
            break
    return count


def read_beside(visit: StreamVisit) -> int:
    """Read the events of a stream whose lease is held already; return how many events were done.

    A school that fails here fails at the next page too, which notes it.
    """
    rows = _waiting(visit.crm, visit.stream)
    if not rows:
        return 0
    try:
        _read_or_part(visit, rows)
    except Unavailable as error:
        log.warning("events wait: %s", error)
        return 0
    return len(rows)


def are_waiting(crm: Crm, upto: int) -> bool:
    """Return whether an event up to this one waits."""
    with crm.db.read() as session:
        return bool(session.scalar(sa.select(wait(sa.literal(upto, Id())))))


def are_waiting_for(visit: StreamVisit) -> bool:
    """Return whether an event of the stream of a visit waits."""
    with visit.crm.db.read() as session:
        return bool(session.scalar(sa.select(sa.exists().where(HostEventRow.stream == visit.stream))))


def _waiting(crm: Crm, stream: str | None = None) -> list[Any]:
    columns = sa.select(HostEventRow.id, HostEventRow.stream, HostEventRow.ids, HostEventRow.at)
    chosen = columns if stream is None else columns.where(HostEventRow.stream == stream)
    with crm.db.read() as session:
        return list(session.execute(chosen.order_by(HostEventRow.id).limit(BATCH)))


def _read_stream(crm: Crm, stream: str, rows: Sequence[Any]) -> list[int]:
    """Read what these events name of a stream; return the events that are done."""
    mine = [row for row in rows if row.stream == stream]
    if not mine:
        return []
    token = lease.take(crm.db, stream)
    if token is None:
        return []
    try:
        # The lease is given back with the rows; facts need none.
        _read_or_part(StreamVisit(crm, stream, token), mine, token=None, lease_until=None)
    except (Unavailable, lease.LeaseLost) as error:
        log.warning("events wait: %s", error)
        lease.release(crm.db, stream, token)
        return []
    except BaseException:
        lease.release(crm.db, stream, token)
        raise
    return [row.id for row in mine]


def _read_or_part(visit: StreamVisit, rows: Sequence[Any], **values: Any) -> None:
    """Read what these events name; where that fails, part them: one that fails is left to the changes."""
    try:
        _read_named(visit, rows, **values)
    except (Unavailable, lease.LeaseLost):
        raise
    except Exception:
        log.warning("%d events of %s are read one by one", len(rows), visit.stream, exc_info=True)
        if values and not lease.take_again(visit.crm.db, visit.stream, visit.token):
            raise
        round_ = visit.crm.round("profiles.events", Unavailable, lease.LeaseLost)
        round_.together(rows, partial(_read_named, visit), lambda row: row.id)
        _forget(visit.crm, [row.id for row in rows])
        if values:
            lease.release(visit.crm.db, visit.stream, visit.token)


def _read_named(visit: StreamVisit, rows: Sequence[Any], **values: Any) -> None:
    """Read what these events name, compute the facts of its people, and forget the events."""
    ids = list(dict.fromkeys(id for row in rows for id in row.ids))
    people = named_rows.read_again(visit, ids, **values)
    done = [row.id for row in rows]
    everybody = people | _untold(visit.crm, visit.stream, ids)
    compute.facts_now(visit.crm, everybody, lambda session: _forget_in(session, done))


def _untold(crm: Crm, stream: str, host_ids: Collection[str]) -> set[int]:
    """Return the people of these rows whose facts are not computed yet; others may have written the rows."""
    model: Any = KINDS[stream].model
    owner = model.id if model is Person else getattr(model, "person_id", None)
    if owner is None:
        return set()
    with crm.db.read() as session:
        mine = among(session, model.host_id, host_ids)
        owners = sa.select(owner).where(mine, sa.exists().where(Touched.person_id == owner))
        return set(session.scalars(owners))


def _given_up(crm: Crm, rows: Sequence[Any], done: Collection[int]) -> list[int]:
    """Return the events that could not be read for so long that they hold up campaigns for nothing."""
    before = crm.clock() - KEPT
    found = [row.id for row in rows if row.at < before and row.id not in done]
    if found:
        log.warning("%d events that could not be read for long are left to the changes", len(found))
    return found


def _forget(crm: Crm, ids: list[int]) -> None:
    if ids:
        crm.db.run(lambda session: _forget_in(session, ids))


def _forget_in(session: Session, ids: list[int]) -> None:
    session.execute(sa.delete(HostEventRow).where(HostEventRow.id.in_(ids)))
