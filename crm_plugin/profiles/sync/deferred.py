"""Rows that name a person or course which is not here yet: they wait, they are not dropped."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.bulk import among, chunks
from crm_plugin.kernel.db.writes import upsert
from crm_plugin.profiles.models.streams import Parked
from crm_plugin.profiles.store.batch import Target, WriteBatch
from crm_plugin.profiles.sync.record_json import decode, encode

log = logging.getLogger(__name__)


def park(batch: WriteBatch, stream: str, rows: Sequence[tuple[Any, Target, str]]) -> None:
    """Let rows wait; the school is asked for what they wait for at the end of the round.

    :param rows: (record, ``persons`` or ``courses``, the host id that is missing).
    """
    columns = [
        {
            "stream": stream,
            "host_id": row.id,
            "waits_for": target,
            "waits_for_id": host_id,
            "row": encode(row),
            "since": batch.at,
        }
        for row, target, host_id in rows
    ]
    upsert(batch.session, Parked, columns, key=["stream", "host_id"])
    batch.parked.update((stream, row.id) for row, _, _ in rows)


def unpark(batch: WriteBatch, stream: str, host_ids: Iterable[str]) -> None:
    """Forget waiting rows that were not parked just now: they were written, or are gone at the school."""
    if not batch.session.scalar(sa.select(sa.exists().where(Parked.stream == stream))):
        return
    for part in chunks([id for id in host_ids if (stream, id) not in batch.parked]):
        these = among(batch.session, Parked.host_id, part)
        batch.session.execute(sa.delete(Parked).where(Parked.stream == stream, these))


def take(batch: WriteBatch) -> dict[str, list[Any]]:
    """Take out the rows that waited for what has arrived in this transaction, by stream."""
    taken: dict[str, list[Any]] = {}
    for target, host_ids in batch.arrived.items():
        if not host_ids or not batch.session.scalar(sa.select(sa.exists().where(Parked.waits_for == target))):
            continue
        for part in chunks(host_ids):
            waiting = (Parked.waits_for == target, among(batch.session, Parked.waits_for_id, part))
            rows = batch.session.execute(sa.select(Parked.stream, Parked.row).where(*waiting))
            for stream, row in rows.all():
                taken.setdefault(stream, []).extend(_decoded(stream, row))
            batch.session.execute(sa.delete(Parked).where(*waiting))
    batch.arrived.clear()
    return taken


def _decoded(stream: str, row: Any) -> list[Any]:
    """Return a waiting row as a record; nothing when it cannot be read: a scan of its stream brings it."""
    try:
        return [decode(stream, row)]
    except Exception:
        log.warning("a waiting row of %s cannot be read", stream, exc_info=True)
        return []


def to_ask(session: Session, limit: int = 500) -> tuple[Target, list[str]] | None:
    """Return what waiting rows name and the school was not asked for yet; None when there is nothing."""
    targets: tuple[Target, Target] = ("persons", "courses")
    for target in targets:
        waiting = sa.select(Parked.waits_for_id).where(Parked.waits_for == target, Parked.asked.is_(False))
        ids = list(session.scalars(waiting.distinct().limit(limit)))
        if ids:
            return target, ids
    return None


def note_asked(session: Session, target: Target, host_ids: Sequence[str]) -> None:
    """Note that the school was asked for these."""
    asked = sa.update(Parked).where(Parked.waits_for == target, Parked.waits_for_id.in_(host_ids))
    session.execute(asked.values(asked=True))


def ask_again(session: Session) -> None:
    """Let the school be asked again for everything that rows wait for (once a day)."""
    session.execute(sa.update(Parked).values(asked=False))
