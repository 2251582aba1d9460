"""Write a page of rows: the stream's own, what had waited for them, and what is noted beside them."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from crm_plugin.host.row_checks import Bad
from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.kernel.db.writes import upsert
from crm_plugin.profiles.models.streams import Quarantined, Seen, Stream
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.profiles.store.mapping import Ready
from crm_plugin.profiles.store.recompute_queue import touch
from crm_plugin.profiles.sync import deferred
from crm_plugin.profiles.sync.streams import KINDS


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
    # The first scan of a stream touches everybody at its end, by one statement.
    if not first:
        touch(batch.session, batch.touched)


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
