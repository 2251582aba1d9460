"""Data initialisation and the rounds after it: each stream is scanned once, then its changes are followed.

A stream that fails waits and does not hold up the others; nothing is lost, because every position is
written in the transaction of the rows that it stands behind.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from crm_plugin.host.context import Crm
from crm_plugin.host.records import STREAMS, MarkExpired
from crm_plugin.kernel.errors import Conflict, Unavailable
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models.streams import Stream
from crm_plugin.profiles.store import host_info_cache
from crm_plugin.profiles.store.batch import Target, WriteBatch
from crm_plugin.profiles.sync import changes, deferred, full_scan, lease, named_rows, respelling, row_counts
from crm_plugin.profiles.sync.stream_visit import Progress, Stopped, StreamVisit
from crm_plugin.profiles.sync.write_page import write

__all__ = ["Progress", "SyncResult", "confirm_gone", "sync"]

log = logging.getLogger(__name__)

RESCAN_SECONDS = 3_600
"""How often a stream without changes is scanned, or 20 times as long as its last scan took."""
DOUBTFUL = 8
"""Failures in a row, about half an hour, after which the mark itself is suspected."""
SPELLING_SECONDS = 10.0
"""So much of a round at most goes to stored rows after an upgrade: the school's changes want their turn."""
REQUIRED = ("courses", "persons", "enrolments")


@dataclass
class SyncResult:
    """What a round did."""

    states: dict[str, str] = field(default_factory=dict)
    """Stream → ``current scanning failing stopped``, or ``busy``: another process reads it."""
    streams: dict[str, int] = field(default_factory=dict)
    """Stream → rows that its running or last scan read."""
    failed: dict[str, str] = field(default_factory=dict)
    """Stream → why it is failing or stopped."""
    changed: int = 0
    """Rows that were written."""
    facts: int = 0
    """People whose facts were computed."""
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Every stream is current."""
        return all(state == "current" for state in self.states.values())


def sync(
    crm: Crm,
    *,
    full: bool = False,
    progress: Callable[[Progress], None] | None = None,
    seconds: float | None = None,
) -> SyncResult:
    """Do one round: read every stream as far as it goes, ask for what rows wait for, compute facts.

    Call it again at any time, after a crash too: it goes on where it stands.

    :param full: scan all streams again, stopped ones too; a scan that is running is gone on with.
    :param progress: called after each page of a scan.
    :param seconds: after this long the round ends between two pages; None = when all is read.
    """
    started = time.monotonic()
    until = None if seconds is None else started + seconds
    result = SyncResult()
    round_ = crm.round("profiles.streams")
    spelling_until = until if seconds is None else started + SPELLING_SECONDS
    round_.one("spelling", partial(respelling.proceed, crm, spelling_until))
    for stream in _streams(crm):
        visit = partial(_visit, crm, stream, full, until, progress, result)
        (result.states[stream],) = round_.one(stream, visit) or ["failing"]
    _ask_for_missing(crm, until, result)
    result.facts = compute.recompute(crm, until)
    row_counts.recount(crm, result.changed > 0)
    result.seconds = time.monotonic() - started
    return result


def _streams(crm: Crm) -> list[str]:
    try:
        host_info_cache.store(crm)
        offered = crm.host.info.streams
    except Unavailable:
        # Their visits find out the same, and write it down for the health page.
        offered = REQUIRED
    return [stream for stream in STREAMS if stream in offered]


def _visit(
    crm: Crm,
    stream: str,
    full: bool,
    until: float | None,
    progress: Callable[[Progress], None] | None,
    result: SyncResult,
) -> str:
    token = lease.take(crm.db, stream)
    if token is None:
        return "busy"
    visit = StreamVisit(crm, stream, token, until, progress)
    try:
        _advance(visit, full)
    except lease.LeaseLost:
        return "busy"
    finally:
        lease.release(crm.db, stream, token)
        result.changed += visit.changed
    row = visit.state()
    visit.tell(row.scanned, row.estimate, row.state)
    result.streams[stream] = row.scanned
    if row.state in ("failing", "stopped"):
        result.failed[stream] = row.error or row.state
    return row.state


def _advance(visit: StreamVisit, full: bool) -> None:
    row, at = visit.state(), visit.crm.clock()
    if not full and (row.state == "stopped" or (row.retry_at is not None and row.retry_at > at)):
        return
    try:
        if full and (row.state == "stopped" or not full_scan.is_running(row)):
            full_scan.begin(visit, row)
        _read(visit)
    except Unavailable as error:
        log.warning("%s: %s", visit.stream, error)
        visit.fail(error, row.failures, at)
        _doubt_mark(visit)
    except Stopped:
        log.error("%s is stopped: %s", visit.stream, visit.state().error)


def _doubt_mark(visit: StreamVisit) -> None:
    """Have a stream scanned whose changes fail again and again though the school answers: its mark is bad."""
    row = visit.state()
    if row.failures < DOUBTFUL or row.rescan or row.mark is None or full_scan.is_running(row):
        return
    try:
        visit.crm.host.mark(visit.stream)
    except Unavailable:
        return
    visit.note(rescan=True)


def _read(visit: StreamVisit) -> None:
    row = visit.state()
    if not full_scan.is_running(row) and is_scan_due(visit.crm, row):
        full_scan.begin(visit, row)
    if full_scan.is_running(visit.state()) and not full_scan.proceed(visit, _beside):
        return
    try:
        changes.follow(visit)
    except MarkExpired:
        full_scan.begin(visit, visit.state())
        if full_scan.proceed(visit, _beside):
            changes.follow(visit)


def _beside(visit: StreamVisit) -> None:
    try:
        changes.follow(visit, beside_scan=True)
    except MarkExpired:
        visit.note(mark=None)


def is_scan_due(crm: Crm, row: Stream) -> bool:
    """Return whether a stream needs a full scan now."""
    if row.rescan or row.scan_finished_at is None or row.scan_started_at is None:
        return True
    if crm.host.can(f"changes.{row.stream}"):
        return row.mark is None
    took = (row.scan_finished_at - row.scan_started_at).total_seconds()
    return crm.clock() >= row.scan_started_at + timedelta(seconds=max(RESCAN_SECONDS, 20 * took))


def _ask_for_missing(crm: Crm, until: float | None, result: SyncResult) -> None:
    """Fetch the persons and courses that rows wait for; missing ones are asked for daily."""
    while until is None or time.monotonic() < until:
        with crm.db.read() as session:
            wanted = deferred.to_ask(session)
        if wanted is None:
            return
        target, ids = wanted
        token = lease.take(crm.db, target)
        if token is None:
            return
        visit = StreamVisit(crm, target, token, until)
        try:
            _fetch_missing(visit, target, ids)
        except (Unavailable, lease.LeaseLost) as error:
            log.warning("%s that rows wait for could not be fetched: %s", target, error)
            return
        finally:
            lease.release(crm.db, target, token)
            result.changed += visit.changed


def _fetch_missing(visit: StreamVisit, target: Target, ids: list[str]) -> None:
    rows, _, bad = named_rows.fetch(visit, ids)

    def note_asked(batch: WriteBatch) -> None:
        deferred.note_asked(batch.session, target, ids)
        # Another process may have written them while a row was parked, and each saw nothing of the other.
        batch.arrived[target].update(row.id for row in rows)

    write(visit, rows, bad=bad, before=note_asked)


def confirm_gone(crm: Crm, stream: str) -> None:
    """Let a stream go on that stopped because many rows are gone: a person agreed that they are.

    :raises Conflict: ``sync.not_waiting`` when it did not stop for that, or another process has it.
    """
    token = lease.take(crm.db, stream) if stream in STREAMS else None
    if token is None:
        raise Conflict("sync.not_waiting", stream=stream)
    visit = StreamVisit(crm, stream, token)
    try:
        if visit.state().error_code != "sync.too_many_gone":
            raise Conflict("sync.not_waiting", stream=stream)
        full_scan.end(visit, confirmed=True)
    finally:
        lease.release(crm.db, stream, token)
    compute.recompute(crm)
    row_counts.recount(crm, changed=True)


def let_scan(crm: Crm, streams: list[str]) -> None:
    """Let these streams be scanned again at the next round."""
    again = sa.update(Stream).where(Stream.stream.in_(streams)).values(rescan=True)
    crm.db.run(lambda session: session.execute(again))
