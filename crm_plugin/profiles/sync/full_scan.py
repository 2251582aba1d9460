"""The full scan of a stream: resumable at any page, and what it did not see is gone at the school."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa

from crm_plugin.host.gateway import Page
from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.profiles.models.streams import Parked, Quarantined, Seen, Stream
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.profiles.store.mapping import Ready, make_ready
from crm_plugin.profiles.store.recompute_queue import touch, touch_all
from crm_plugin.profiles.store.touched_courses import touch_all_courses, touch_courses
from crm_plugin.profiles.sync import stored_events
from crm_plugin.profiles.sync.analyze import analyse
from crm_plugin.profiles.sync.read_ahead import Ahead
from crm_plugin.profiles.sync.stream_visit import HEALTHY, StreamVisit
from crm_plugin.profiles.sync.streams import KINDS
from crm_plugin.profiles.sync.write_page import write

PAGE = 5_000
"""Rows asked for at once."""
BAD_ROWS, BAD_SHARE = 20, 0.01
"""A stream stops when more rows than this, and a greater share, break the contract."""
GONE_ROWS, GONE_SHARE = 20, 0.2
"""A scan that would end more rows than this, and a greater share, waits for a person."""
BESIDE_SECONDS = 30
"""How often changes are followed beside a long scan."""


def is_running(row: Stream) -> bool:
    """Return whether a scan was begun and did not reach its end."""
    return row.scan_started_at is not None and row.scan_finished_at is None


def begin(visit: StreamVisit, row: Stream) -> None:
    """Start a scan from the first page; the mark is taken first, so that nothing falls between."""
    at = visit.crm.clock()
    mark = visit.crm.host.mark(visit.stream)
    visit.note(
        state="scanning",
        scan_mark=mark,
        scan_after=None,
        scan_number=row.scan_number + 1,
        scanned=0,
        quarantined=0,
        estimate=_estimate(visit),
        scan_started_at=at,
        scan_finished_at=None,
        rescan=False,
        **HEALTHY,
    )


def _estimate(visit: StreamVisit) -> int | None:
    try:
        return visit.crm.host.estimate(visit.stream)
    except Unavailable:
        return None


class _Page(NamedTuple):
    """A page as it was read, and what was made of it beside the writing of the page before."""

    read: Page
    ready: Ready


def proceed(visit: StreamVisit, beside: Callable[[StreamVisit], None]) -> bool:
    """Read pages from where the scan stands; return True when it reached its end.

    :param beside: follows the stream's changes; called from time to time, so that an opt-out at the
        school does not wait for the end of a long scan.
    :raises Unavailable: the school failed; the scan goes on from there later.
    :raises Stopped: too many bad rows, or too many rows gone.
    """
    last = time.monotonic()
    is_first, region = visit.state().scan_number == 1, visit.region()

    def read(after: str | None) -> _Page:
        page = visit.crm.host.scan(visit.stream, after, PAGE)
        return _Page(page, make_ready(page.rows, region, columns=is_first))

    with Ahead(read) as pages:
        while not visit.is_over():
            # What was read ahead may be older than what is read now.
            if stored_events.are_waiting_for(visit):
                pages.drop()
                stored_events.read_beside(visit)
            if time.monotonic() - last > BESIDE_SECONDS:
                pages.drop()
                beside(visit)
                last = time.monotonic()
            if _next_page(visit, pages):
                end(visit)
                return True
    return False


def _next_page(visit: StreamVisit, pages: Ahead[_Page]) -> bool:
    """Read and write one page; return whether it was the last."""
    row = visit.state()
    page, ready = pages.page(row.scan_after)
    if page.next is not None and not visit.is_over():
        pages.start(page.next)
    scanned = row.scanned + len(page.rows) + len(page.bad)
    bad = row.quarantined + len(page.bad)
    position: dict[str, Any] = {
        "scan_after": page.next,
        "scanned": scanned,
        "quarantined": bad,
        "state": "scanning",
    }
    # Behind the last page comes the end of the scan: a crash in between reads that page once more.
    if page.next is None:
        del position["scan_after"]

    def hurry(batch: WriteBatch) -> None:
        if visit.crm.db.dialect == "postgresql":
            # Rows and position are written together: should the server fall, they are read once more.
            batch.session.execute(sa.text("SET LOCAL synchronous_commit TO off"))

    write(visit, page.rows, bad=page.bad, ready=ready, before=hurry, **position, **HEALTHY)
    visit.tell(scanned, row.estimate, "scanning")
    if too_bad(bad, scanned):
        visit.stop("sync.too_many_bad", bad=bad, total=scanned)
    return page.next is None


def too_bad(bad: int, total: int) -> bool:
    """Return whether so many rows of so many broke the contract that the stream must stop."""
    return bad > BAD_ROWS and bad > total * BAD_SHARE


def end(visit: StreamVisit, *, confirmed: bool = False) -> None:
    """End a scan: what it did not see is gone at the school.

    :param confirmed: a person agreed that many rows are gone.
    :raises Stopped: many rows are gone, and nobody confirmed it.
    """
    row = visit.state()
    analyse(visit.crm.db, visit.stream)
    if row.scan_number > 1:
        _check_gone(visit, row, confirmed)
        _remove_unseen(visit, row)
    else:
        visit.write(_touch_all)
    visit.write(
        lambda batch: _forget_seen(batch, visit.stream),
        state="current",
        mark=row.scan_mark,
        scan_mark=None,
        scan_after=None,
        scan_finished_at=visit.crm.clock(),
        ok_at=row.scan_started_at,
        **HEALTHY,
    )


def _touch_all(batch: WriteBatch) -> None:
    touch_all(batch.session)
    touch_all_courses(batch.session)


def _unseen(stream: str, number: int) -> sa.ColumnElement[bool]:
    kind = KINDS[stream]
    seen = sa.exists().where(
        Seen.stream == stream, Seen.host_id == kind.model.host_id, Seen.scan_number == number
    )
    return sa.and_(kind.present, sa.not_(seen.correlate(kind.model)))


def _check_gone(visit: StreamVisit, row: Stream, confirmed: bool) -> None:
    model = KINDS[visit.stream].model
    with visit.crm.db.read() as session:
        count = sa.select(sa.func.count()).select_from(model)
        total = session.scalar(count.where(KINDS[visit.stream].present)) or 0
        gone = session.scalar(count.where(_unseen(visit.stream, row.scan_number))) or 0
    if not confirmed and gone > GONE_ROWS and gone > total * GONE_SHARE:
        visit.stop("sync.too_many_gone", gone=gone, total=total)


def _remove_unseen(visit: StreamVisit, row: Stream) -> None:
    model = KINDS[visit.stream].model
    after = 0
    while True:
        with visit.crm.db.read() as session:
            unseen = sa.select(model.id, model.host_id).where(_unseen(visit.stream, row.scan_number))
            found = session.execute(unseen.where(model.id > after).order_by(model.id).limit(PAGE)).all()
        if not found:
            return
        after = found[-1][0]
        gone = [host_id for _, host_id in found]
        visit.write(lambda batch, gone=gone: _remove(batch, visit.stream, gone))  # type: ignore[misc]


def _remove(batch: WriteBatch, stream: str, gone: list[str]) -> None:
    for part in chunks(gone):
        KINDS[stream].remove(batch, part)
    touch(batch.session, batch.touched)
    touch_courses(batch.session, batch.roots)


def _forget_seen(batch: WriteBatch, stream: str) -> None:
    """Forget what waited or was set aside and is gone, then what the scan saw."""
    if batch.session.scalar(sa.select(sa.exists().where(Seen.stream == stream))):
        for model in (Parked, Quarantined):
            seen = sa.exists().where(Seen.stream == stream, Seen.host_id == model.host_id)
            gone = sa.delete(model).where(model.stream == stream, sa.not_(seen.correlate(model)))
            batch.session.execute(gone, execution_options={"synchronize_session": False})
    batch.session.execute(sa.delete(Seen).where(Seen.stream == stream))
