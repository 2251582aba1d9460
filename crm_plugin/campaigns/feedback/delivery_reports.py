"""Delivery reports of carriers: they may come twice, in any order, and before the row is settled."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from crm_plugin.campaigns.feedback import mass_reports
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Delivery, EarlyReport
from crm_plugin.channels.handing_over import kept_ref
from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db import numbered_list
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.storable import cleaned

KEEP_BATCH = 1000
REPORT_BATCH = 500
"""Reports of one push that are written in one transaction."""


def receive_all(crm: Crm, carrier: str, reports: Sequence[Report]) -> int:
    """Take the reports of one push, a batch a transaction; return how many rows changed.

    Of several reports about one message in a push the first counts, as if they had come one by one.
    """
    first: dict[str, Report] = {}
    for report in reports:
        kept = replace(report, ref=kept_ref(report.ref), reason=report.reason and cleaned(report.reason))
        first.setdefault(kept.ref, kept)
    every, changed = list(first.values()), 0
    for start in range(0, len(every), REPORT_BATCH):
        batch = every[start : start + REPORT_BATCH]
        changed += crm.db.run(lambda session, batch=batch: _receive(crm, session, carrier, batch))  # type: ignore[misc]
    mass_reports.look(crm, carrier, [report.ref for report in every if report.state == "failed_permanent"])
    return changed


def _receive(crm: Crm, session: Session, carrier: str, batch: Sequence[Report]) -> int:
    refs = [report.ref for report in batch]
    query = sa.select(Delivery.id, Delivery.carrier_ref, Delivery.state)
    rows = session.execute(
        query.where(Delivery.carrier == carrier, among(session, Delivery.carrier_ref, refs))
    ).all()
    known = {row.carrier_ref for row in rows}
    _keep(crm, session, carrier, (report for report in batch if report.ref not in known))
    reports = {report.ref: report for report in batch}
    changed = 0
    for state in ("delivered", "failed_permanent"):
        chosen = {row.id: reports[row.carrier_ref] for row in rows if reports[row.carrier_ref].state == state}
        changed += _move_all(crm, session, state, dict(sorted(chosen.items())))
    return changed


def _move_all(crm: Crm, session: Session, state: str, chosen: dict[int, Report]) -> int:
    """Move rows to one end in one statement, each with the time and the reason of its report."""
    if not chosen:
        return 0
    times = {id: _at(crm, report) for id, report in chosen.items()}
    reasons = {id: (report.reason or "")[:64] or None for id, report in chosen.items()}
    return move(
        *(session, "report", ["sent", "unknown"], state),
        among(session, Delivery.id, list(chosen)),
        reason=_each(Delivery.reason, reasons),
        settled_at=_each(Delivery.settled_at, times),
        token=None,
    )


def _each(column: Any, values: dict[int, Any]) -> Any:
    """Return the expression that gives each row its own value; the value itself where all have the same."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    known = {id: sa.literal(value, column.type) for id, value in values.items() if value is not None}
    return sa.case(known, value=Delivery.id)


def _at(crm: Crm, report: Report) -> datetime:
    # A clock that is ahead must not date our rows into the future.
    now = crm.clock()
    return min(report.at, now) if report.at is not None else now


def _keep(crm: Crm, session: Session, carrier: str, reports: Iterable[Report]) -> None:
    """Keep reports whose message is not settled yet."""
    values = [
        {
            "carrier": carrier,
            "carrier_ref": report.ref,
            "state": report.state,
            "reason": report.reason,
            "at": _at(crm, report),
        }
        for report in reports
    ]
    insert_missing(session, EarlyReport, values, key=["carrier", "carrier_ref", "state"])


def receive(
    crm: Crm, carrier: str, ref: str, state: str, reason: str | None = None, at: datetime | None = None
) -> bool:
    """Take a report that a carrier's message was delivered or has failed for good.

    States only move forward; a report that changes nothing is no error.

    :param state: ``delivered`` or ``failed_permanent``.
    :return: False when no row has that reference yet: the report is kept until one has.
    """
    now, ref, reason = at or crm.clock(), kept_ref(ref), reason and cleaned(reason)

    def work(session: Session) -> bool:
        row = EarlyReport(carrier=carrier, carrier_ref=ref, state=state, reason=reason, at=now)
        if _apply(session, row):
            return True
        if session.scalar(sa.select(Delivery.id).where(*_of(carrier, ref)).limit(1)) is not None:
            return True
        values = {"carrier": carrier, "carrier_ref": ref, "state": state, "reason": reason, "at": now}
        insert_missing(session, EarlyReport, [values], key=["carrier", "carrier_ref", "state"])
        return False

    found = crm.db.run(work)
    if found and state == "failed_permanent":
        mass_reports.look(crm, carrier, [ref])
    return found


def match_early(session: Session, carrier: str, refs: Sequence[str | None]) -> int:
    """Apply kept reports for references that have a row by now; return how many rows changed."""
    dialect = session.get_bind().dialect.name
    known = [ref for ref in refs if ref is not None]
    query = _early(dialect, numbered_list.size(dialect, len(known)))
    values = {"by": carrier, **numbered_list.given(dialect, known)}
    ids = [row.id for row in session.connection().execute(query, values)]
    changed = 0
    for report in map(partial(session.get_one, EarlyReport), ids):
        changed += _apply(session, report)
        session.delete(report)
    return changed


@lru_cache(maxsize=256)
def _early(dialect: str, refs: int) -> sa.Select[Any]:
    ours = EarlyReport.carrier == sa.bindparam("by")
    return sa.select(EarlyReport.id).where(ours, numbered_list.among(dialect, EarlyReport.carrier_ref, refs))


def match_kept(crm: Crm) -> int:
    """Apply kept reports whose rows were settled while they came in; return how many rows changed."""
    with crm.db.read() as session:
        if session.scalar(sa.select(EarlyReport.id).limit(1)) is None:
            return 0
        there = sa.exists().where(
            Delivery.carrier == EarlyReport.carrier, Delivery.carrier_ref == EarlyReport.carrier_ref
        )
        query = sa.select(EarlyReport.carrier, EarlyReport.carrier_ref).where(there)
        kept = sorted({(carrier, ref) for carrier, ref in session.execute(query.limit(KEEP_BATCH))})

    def work(some: Sequence[tuple[str, str]]) -> int:
        return crm.db.run(lambda session: sum(match_early(session, by, [ref]) for by, ref in some))

    return sum(crm.round("campaigns.early_reports").together(kept, work, " ".join))


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
