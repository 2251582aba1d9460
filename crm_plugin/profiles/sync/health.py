"""How the streams are, for the health page, ``crm doctor`` and the data initialisation page."""

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.profiles.models.streams import Parked, Quarantined, Stream
from crm_plugin.profiles.sync.row_counts import held
from crm_plugin.profiles.sync.streams import KINDS


@dataclass(frozen=True)
class StreamHealth:
    """One stream as it stands."""

    stream: str
    state: str
    """``new scanning current failing stopped``."""
    ok_at: datetime | None
    """As of when our copy is right; None = it was never whole."""
    age: float | None
    """Seconds since then."""
    rows: int | None
    """Rows that we hold and the school has, counted a while ago where they are many
    (:mod:`crm_plugin.profiles.sync.row_counts`); like all numbers here None for
    staff limited to some courses."""
    scanned: int | None
    """Rows that the running or last scan read."""
    estimate: int | None
    """Rows that the school had when that scan began; None = it does not say."""
    parked: int | None
    """Rows that wait for a person or course."""
    quarantined: int | None
    """Rows that broke the contract."""
    error_code: str | None
    error: str | None
    retry_at: datetime | None
    scan_started_at: datetime | None
    scan_finished_at: datetime | None


@dataclass(frozen=True)
class BadRow:
    """A row that was set aside."""

    stream: str
    host_id: str
    reason: str
    """Which rule it broke: names of fields, never their values."""
    at: datetime


def streams(session: Session, now: datetime) -> list[StreamHealth]:
    """Return every stream in referential order; one that was never read is ``new``."""
    known = {row.stream: row for row in session.scalars(sa.select(Stream))}
    parked, bad, rows = _by_stream(session, Parked), _by_stream(session, Quarantined), held(session)
    return [
        _health(known.get(name) or _new(name), now, rows.get(name), parked.get(name, 0), bad.get(name, 0))
        for name in KINDS
        if name in known or not known
    ]


def streams_for(session: Session, now: datetime, actor: Actor) -> list[StreamHealth]:
    """Return the streams as an actor may see them: the number of people elsewhere stays hidden."""
    found = streams(session, now)
    if actor.scope is None:
        return found
    hidden: dict[str, None] = dict.fromkeys(("rows", "scanned", "estimate", "parked", "quarantined", "error"))
    return [replace(row, **hidden) for row in found]  # type: ignore[arg-type]


def unread(session: Session) -> list[tuple[str, int, int | None]]:
    """Return the streams that were never read to their end: (name, rows read so far, rows at the school)."""
    known = {row.stream: row for row in session.scalars(sa.select(Stream))}
    found = [known.get(name) or _new(name) for name in KINDS if name in known or not known]
    return [(row.stream, row.scanned, row.estimate) for row in found if row.ok_at is None]


MATTER = ("persons", "enrolments", "orders")
"""Streams that show whether a message still concerns a person."""


def oldest() -> sa.ScalarSelect[datetime | None]:
    """Return, as a part of a statement, as of when our copy of what matters is right; NULL = never read."""
    return sa.select(sa.func.min(Stream.ok_at)).where(Stream.stream.in_(MATTER)).scalar_subquery()


def bad_rows(session: Session, stream: str | None = None, limit: int = 50) -> list[BadRow]:
    """Return rows that were set aside, with the reasons, the newest first.

    It is about the whole school: callers with an actor refuse one who is limited to some courses.

    :param stream: only those of this stream; None = of all.
    :raises BadInput: ``input.bad`` for a stream that does not exist.
    """
    if stream is not None and stream not in KINDS:
        raise BadInput("input.bad", "stream", reason=one_of(KINDS))
    rows = sa.select(Quarantined)
    if stream is not None:
        rows = rows.where(Quarantined.stream == stream)
    newest = rows.order_by(Quarantined.at.desc(), Quarantined.stream, Quarantined.host_id).limit(limit)
    return [BadRow(row.stream, row.host_id, row.reason, row.at) for row in session.scalars(newest)]


def _new(name: str) -> Stream:
    return Stream(stream=name, state="new", scanned=0)


def _by_stream(session: Session, model: type[Parked] | type[Quarantined]) -> dict[str, int]:
    counts = session.execute(sa.select(model.stream, sa.func.count()).group_by(model.stream))
    return {stream: count for stream, count in counts}  # noqa: C416 - rows are no pairs to mypy


def _health(row: Stream, now: datetime, rows: int | None, parked: int, bad: int) -> StreamHealth:
    # While a stream is read for the first time, what was read is what we hold.
    if rows is None or row.ok_at is None:
        rows = row.scanned
    return StreamHealth(
        stream=row.stream,
        state=row.state,
        ok_at=row.ok_at,
        age=None if row.ok_at is None else max(0.0, (now - row.ok_at).total_seconds()),
        rows=rows,
        scanned=row.scanned,
        estimate=row.estimate,
        parked=parked,
        quarantined=bad,
        error_code=row.error_code,
        error=row.error,
        retry_at=row.retry_at,
        scan_started_at=row.scan_started_at,
        scan_finished_at=row.scan_finished_at,
    )
