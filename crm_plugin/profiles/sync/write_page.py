"""Write a page of rows: the stream's own, what had waited for them, and what is noted beside them."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from crm_plugin.host.row_checks import Bad
from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.kernel.db.writes import upsert
from crm_plugin.kernel.errors import CrmError
from crm_plugin.profiles.models.streams import Quarantined, Seen, Stream
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.profiles.store.mapping import Ready
from crm_plugin.profiles.store.recompute_queue import touch
from crm_plugin.profiles.store.touched_courses import touch_courses
from crm_plugin.profiles.sync import deferred
from crm_plugin.profiles.sync.lease import LeaseLost
from crm_plugin.profiles.sync.stream_visit import StreamVisit
from crm_plugin.profiles.sync.streams import KINDS

log = logging.getLogger(__name__)


def apply(
    batch: WriteBatch,
    stream: str,
    rows: Sequence[Any],
    removed: Collection[str] = (),
    bad: Sequence[Bad] = (),
    *,
    ready: Ready | None = None,
) -> None:
    """Write rows of a stream as they are at the school now, in the transaction of ``work``.

    :param rows: records; of several with one id the last counts.
    :param removed: host ids that are gone.
    :param bad: rows that broke the contract; they are set aside with their reasons.
    :param ready: what was made of the rows in advance.
    """
    rows = list({row.id: row for row in rows}.values())
    batch.ready = ready
    KINDS[stream].save(batch, rows)
    batch.ready = None
    if removed:
        KINDS[stream].remove(batch, list(removed))
    handled = [*(row.id for row in rows), *removed]
    deferred.unpark(batch, stream, handled)
    _quarantine(batch, stream, handled, bad)
    _release(batch)
    first = _note_seen(batch, stream, [*(row.id for row in rows), *(one.id for one in bad)])
    # The first scan of a stream touches everybody and all courses at its end, by one statement each.
    if not first:
        touch(batch.session, batch.touched)
        touch_courses(batch.session, batch.roots)


def write(
    visit: StreamVisit,
    rows: Sequence[Any],
    removed: Collection[str] = (),
    bad: Sequence[Bad] = (),
    *,
    ready: Ready | None = None,
    before: Callable[[WriteBatch], None] = lambda _batch: None,
    **values: Any,
) -> set[int]:
    """Write rows in one transaction; one that cannot be written is set aside, and the others are written.

    :param before: is called in the transaction, before the rows are written.
    :param values: columns of the stream's row that are written with them.
    :return: the people whose facts are to be computed.
    :raises LeaseLost: nothing was written.
    """

    def work(batch: WriteBatch, rows: Sequence[Any], bad: Sequence[Bad], ready: Ready | None) -> set[int]:
        before(batch)
        apply(batch, visit.stream, rows, removed, bad, ready=ready)
        return set(batch.touched)

    try:
        return visit.write(lambda batch: work(batch, rows, bad, ready), **values)
    except (CrmError, LeaseLost):
        raise
    except Exception:
        log.warning("%d rows of %s are written apart", len(rows), visit.stream, exc_info=True)
        touched, unwritten = _write_apart(visit, rows)
        # While the database is away this fails too, and the rows are read once more.
        return touched | visit.write(lambda batch: work(batch, [], [*bad, *unwritten], None), **values)


def _write_apart(visit: StreamVisit, rows: Sequence[Any]) -> tuple[set[int], list[Bad]]:
    """Write each half of the rows, down to one; return the people concerned, and what cannot be written."""

    def work(batch: WriteBatch) -> set[int]:
        apply(batch, visit.stream, rows)
        return set(batch.touched)

    try:
        return visit.write(work), []
    except (CrmError, LeaseLost):
        raise
    except Exception as error:
        if len(rows) < 2:
            return set(), [Bad(row.id, f"cannot be written: {type(error).__name__}") for row in rows]
    half = len(rows) // 2
    first, second = _write_apart(visit, rows[:half]), _write_apart(visit, rows[half:])
    return first[0] | second[0], [*first[1], *second[1]]


def _release(batch: WriteBatch) -> None:
    """Write what had waited for rows of this transaction; that may set free more."""
    while taken := deferred.take(batch):
        for stream in KINDS:
            if stream in taken:
                KINDS[stream].save(batch, taken[stream])


def _quarantine(batch: WriteBatch, stream: str, good: Iterable[str], bad: Sequence[Bad]) -> None:
    if batch.session.scalar(sa.select(sa.exists().where(Quarantined.stream == stream))):
        for part in chunks(list(good)):
            repaired = sa.delete(Quarantined).where(
                Quarantined.stream == stream, Quarantined.host_id.in_(part)
            )
            batch.session.execute(repaired)
    rows = {
        one.id: {"stream": stream, "host_id": one.id, "reason": one.reason, "at": batch.at} for one in bad
    }
    upsert(batch.session, Quarantined, list(rows.values()), ["stream", "host_id"])


def _note_seen(batch: WriteBatch, stream: str, host_ids: Iterable[str]) -> bool:
    """Note for a running scan that these rows are there; return whether it is the stream's first.

    A first scan notes nothing: before it there was nothing that could be gone.
    """
    columns = sa.select(Stream.scan_number, Stream.scan_started_at, Stream.scan_finished_at)
    found = batch.session.execute(columns.where(Stream.stream == stream)).first()
    if found is None or found[1] is None or found[2] is not None:
        return False
    if found[0] > 1:
        rows = [{"stream": stream, "host_id": id, "scan_number": found[0]} for id in sorted(set(host_ids))]
        upsert(batch.session, Seen, rows, ["stream", "host_id"])
    return bool(found[0] == 1)
