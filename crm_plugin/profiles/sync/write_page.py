"""Write a page of rows: the stream's own, what had waited for them, and what is noted beside them."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from crm_plugin.host.row_checks import Bad
from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.kernel.db.writes import upsert
from crm_plugin.profiles.models.streams import Quarantined, Seen, Stream
from crm_plugin.profiles.store.batch import Work
from crm_plugin.profiles.store.mapping import Ready
from crm_plugin.profiles.store.recompute_queue import touch
from crm_plugin.profiles.sync import deferred
from crm_plugin.profiles.sync.streams import KINDS


def apply(
    work: Work,
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
    work.ready = ready
    KINDS[stream].save(work, rows)
    work.ready = None
    if removed:
        KINDS[stream].remove(work, list(removed))
    handled = [*(row.id for row in rows), *removed]
    deferred.unpark(work, stream, handled)
    _quarantine(work, stream, handled, bad)
    _release(work)
    first = _note_seen(work, stream, [*(row.id for row in rows), *(one.id for one in bad)])
    # The first scan of a stream touches everybody at its end, by one statement.
    if not first:
        touch(work.session, work.touched)


def _release(work: Work) -> None:
    """Write what had waited for rows of this transaction; that may set free more."""
    while taken := deferred.take(work):
        for stream in KINDS:
            if stream in taken:
                KINDS[stream].save(work, taken[stream])


def _quarantine(work: Work, stream: str, good: Iterable[str], bad: Sequence[Bad]) -> None:
    if work.session.scalar(sa.select(sa.exists().where(Quarantined.stream == stream))):
        for part in chunks(list(good)):
            mended = sa.delete(Quarantined).where(Quarantined.stream == stream, Quarantined.host_id.in_(part))
            work.session.execute(mended)
    rows = {one.id: {"stream": stream, "host_id": one.id, "reason": one.reason, "at": work.at} for one in bad}
    upsert(work.session, Quarantined, list(rows.values()), ["stream", "host_id"])


def _note_seen(work: Work, stream: str, host_ids: Iterable[str]) -> bool:
    """Note for a running scan that these rows are there; return whether it is the stream's first.

    A first scan notes nothing: before it there was nothing that could be gone.
    """
    columns = sa.select(Stream.scan_number, Stream.scan_started_at, Stream.scan_finished_at)
    found = work.session.execute(columns.where(Stream.stream == stream)).first()
    if found is None or found[1] is None or found[2] is not None:
        return False
    if found[0] > 1:
        rows = [{"stream": stream, "host_id": id, "scan_number": found[0]} for id in sorted(set(host_ids))]
        upsert(work.session, Seen, rows, ["stream", "host_id"])
    return bool(found[0] == 1)
