"""Delivery reports of carriers: they may come twice, in any order, and before the row is settled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger import move
from crm_plugin.campaigns.models import Delivery, EarlyReport
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db import insert_missing

KEEP_BATCH = 1000


def receive(
    crm: Crm, carrier: str, ref: str, state: str, reason: str | None = None, at: datetime | None = None
) -> bool:
    """Take a report that a carrier's message was delivered or has failed for good.

    States only move forward; a report that changes nothing is no error.

    :param state: ``delivered`` or ``failed_permanent``.
    :return: False when no row has that reference yet: the report is kept until one has.
    """
    now = at or crm.clock()

    def work(session: Session) -> bool:
        row = EarlyReport(carrier=carrier, carrier_ref=ref, state=state, reason=reason, at=now)
        if _apply(session, row):
            return True
        if session.scalar(sa.select(Delivery.id).where(*_of(carrier, ref)).limit(1)) is not None:
            return True
        values = {"carrier": carrier, "carrier_ref": ref, "state": state, "reason": reason, "at": now}
        insert_missing(session, EarlyReport, [values], key=["carrier", "carrier_ref", "state"])
        return False

    return crm.db.run(work)


def match_early(session: Session, carrier: str, refs: Sequence[str | None]) -> int:
    """Apply kept reports for references that have a row by now; return how many rows changed."""
    known = tuple(ref for ref in refs if ref is not None)
    early = session.scalars(
        sa.select(EarlyReport).where(EarlyReport.carrier == carrier, EarlyReport.carrier_ref.in_(known))
    ).all()
    changed = 0
    for report in early:
        changed += _apply(session, report)
        session.delete(report)
    return changed


def match_kept(crm: Crm) -> int:
    """Apply kept reports whose rows were settled while they came in; return how many rows changed."""
    with crm.db.read() as session:
        if session.scalar(sa.select(EarlyReport.id).limit(1)) is None:
            return 0

    def work(session: Session) -> int:
        there = sa.exists().where(
            Delivery.carrier == EarlyReport.carrier, Delivery.carrier_ref == EarlyReport.carrier_ref
        )
        kept = session.execute(
            sa.select(EarlyReport.carrier, EarlyReport.carrier_ref).where(there).limit(KEEP_BATCH)
        )
        return sum(match_early(session, *one) for one in sorted({(row[0], (row[1],)) for row in kept}))

    return crm.db.run(work)


def purge(session: Session, before: datetime) -> int:
    """Delete kept reports that never found a row; return how many."""
    result = session.execute(sa.delete(EarlyReport).where(EarlyReport.at < before))
    assert isinstance(result, CursorResult)
    return result.rowcount


def _apply(session: Session, report: EarlyReport) -> int:
    return move(
        *(session, "report", ["sent", "unknown"], report.state),
        *_of(report.carrier, report.carrier_ref),
        reason=(report.reason or "")[:64] or None,
        settled_at=report.at,
        token=None,
    )


def _of(carrier: str, ref: str) -> tuple[Any, Any]:
    return Delivery.carrier == carrier, Delivery.carrier_ref == ref
