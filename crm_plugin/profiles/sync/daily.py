"""Once a business day: which streams are to be scanned again, and which missing rows are fetched again."""

from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.profiles.models.streams import Parked, Quarantined, Stream
from crm_plugin.profiles.sync import deferred
from crm_plugin.profiles.sync.service import let_scan
from crm_plugin.profiles.sync.streams import KINDS

WEEK = timedelta(days=7)
OFF_SHARE = 0.005
"""How far the school's estimate may be from what we hold before everything is compared."""


def run(crm: Crm) -> list[str]:
    """Let streams be scanned that are due for it, and have the school asked again for what rows wait for.

    Doing it twice a day does no harm. Returns the streams that will be scanned.
    """
    with crm.db.read() as session:
        known = session.scalars(sa.select(Stream)).all()
    looked_at = crm.round("profiles.streams").each(known, partial(_look, crm), lambda row: row.stream)
    due = [stream for stream in looked_at if stream]
    let_scan(crm, due)
    crm.db.run(deferred.ask_again)
    return due


def _look(crm: Crm, row: Stream) -> str:
    """Return a stream that is due for a scan; empty when it is not."""
    return row.stream if _is_old(crm, row) or _is_off(crm, row) else ""


def _is_old(crm: Crm, row: Stream) -> bool:
    return row.scan_started_at is not None and crm.clock() - row.scan_started_at >= WEEK


def _is_off(crm: Crm, row: Stream) -> bool:
    """Return whether the school has clearly more or fewer rows than we hold, waiting and bad ones too."""
    try:
        estimate = crm.host.estimate(row.stream)
    except Unavailable:
        return False
    if estimate is None or row.state != "current":
        return False
    held = _held(crm, row.stream)
    return abs(held - estimate) > OFF_SHARE * max(held, estimate)


def _held(crm: Crm, stream: str) -> int:
    model: Any = KINDS[stream].model
    # What the school does not have any more lost its hash; ended seats may still be rows of it.
    rows = sa.select(sa.func.count()).select_from(model).where(model.row_hash != "")
    with crm.db.read() as session:
        held = session.scalar(rows) or 0
        for beside in (Parked, Quarantined):
            count = sa.select(sa.func.count()).select_from(beside).where(beside.stream == stream)
            held += session.scalar(count) or 0
    return held
