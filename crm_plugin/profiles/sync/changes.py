"""Follow a stream's changes from its mark; fetch what is only hinted at."""

from collections.abc import Sequence
from typing import Any

from crm_plugin.host import records as r
from crm_plugin.profiles.sync import stored_events
from crm_plugin.profiles.sync.full_scan import too_bad
from crm_plugin.profiles.sync.named_rows import fetch
from crm_plugin.profiles.sync.stream_visit import HEALTHY, StreamVisit
from crm_plugin.profiles.sync.write_page import write

PAGE = 5_000
"""Changes asked for at once."""


def follow(visit: StreamVisit, *, beside_scan: bool = False) -> None:
    """Write all changes since the stream's mark.

    :param beside_scan: a scan is running: its state stays.
    :raises MarkExpired: the school does not remember that far back.
    :raises Unavailable: the school failed; the next round goes on from the same mark.
    :raises Stopped: too many bad rows.
    """
    while not visit.is_over():
        mark, at = visit.state().mark, visit.crm.clock()
        if mark is None:
            return
        page = visit.crm.host.changes(visit.stream, mark, PAGE)
        rows, removed, hinted = _sorted_out(page.changes)
        fetched, missing, bad = fetch(visit, hinted)
        bad = [*page.bad, *bad]
        total = len(page.changes) + len(page.bad)
        more = page.more and page.next_mark != mark
        values: dict[str, Any] = {"mark": page.next_mark, **HEALTHY}
        if not beside_scan:
            values |= {"state": "current"} | ({} if more else {"ok_at": at})
        write(visit, [*rows, *fetched], [*removed, *missing], bad, **values)
        if too_bad(len(bad), total):
            visit.stop("sync.too_many_bad", bad=len(bad), total=total)
        if not more:
            return
        stored_events.read_beside(visit)


def _sorted_out(changes: Sequence[Any]) -> tuple[list[Any], list[str], list[str]]:
    """Return (rows, ids that are gone, ids to fetch); of several changes of a row the last counts."""
    last: dict[str, Any] = {}
    for change in changes:
        last[change.row.id if isinstance(change, r.Upsert) else change.id] = change
    rows = [change.row for change in last.values() if isinstance(change, r.Upsert)]
    removed = [change.id for change in last.values() if isinstance(change, r.Delete)]
    hinted = [change.id for change in last.values() if isinstance(change, r.Touch)]
    return rows, removed, hinted
