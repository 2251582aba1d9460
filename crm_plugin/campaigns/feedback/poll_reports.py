"""Asks a carrier what became of messages that it has not reported on.

Carriers send a report a few times and then never again: after an outage we have to ask. Carriers that answer
such questions have ``ask(ref, sent_at)``. It costs a call for each message, so we ask about a few at a time.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns.feedback.delivery_reports import receive
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.channels.registry import carrier_for
from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput

AFTER = timedelta(minutes=20)
"""Since a message was handed over; by then the carrier's own reports have come or been given up."""
UNTIL = timedelta(days=3)
MOST = 50
SECONDS = 20.0


@dataclass
class Cursor:
    """The last ledger row that this process polled; 0 = it begins with the first."""

    after: int = 0


def ask(crm: Crm) -> int:
    """Ask about the next messages in turn; return of how many the end is known now."""
    asked = _asked(crm)
    if asked is None:
        return 0
    name, question = asked
    until, learnt, round_ = time.monotonic() + SECONDS, 0, crm.round("campaigns.reports")
    rows = _next(crm, name)
    cursor = crm.state(Cursor)
    cursor.after = rows[-1][0] if len(rows) == MOST else 0
    for id, ref, handed_at in rows:
        if time.monotonic() >= until:
            cursor.after = id - 1
            break
        learnt += sum(round_.one(id, partial(_learn, crm, name, ref, partial(question, ref, handed_at))))
    return learnt


def _learn(crm: Crm, carrier: str, ref: str, question: Callable[[], Report | None]) -> bool:
    report = question()
    if report is None:
        return False
    at = min(report.at or crm.clock(), crm.clock())
    return receive(crm, carrier, ref, report.state, report.reason, at)


def _asked(crm: Crm) -> tuple[str, Callable[[str, datetime], Report | None]] | None:
    try:
        carrier = carrier_for(crm, "sms")
    except BadInput:  # pre-flight and every drain say it
        return None
    question = getattr(carrier, "ask", None)
    return None if question is None else (carrier.name, question)


def _next(crm: Crm, carrier: str) -> Sequence[Any]:
    """Return (id, reference, handed over) of messages without an end; after the last from the start again."""
    now = crm.clock()
    after = crm.state(Cursor).after
    lately = sa.or_(Campaign.finished_at.is_(None), Campaign.finished_at > now - UNTIL)
    query = (
        sa.select(Delivery.id, Delivery.carrier_ref, Delivery.handed_at)
        .where(Delivery.campaign_id.in_(sa.select(Campaign.id).where(Campaign.channel == "sms", lately)))
        .where(Delivery.state == "sent", Delivery.carrier == carrier, Delivery.carrier_ref.is_not(None))
        .where(Delivery.handed_at.between(now - UNTIL, now - AFTER), Delivery.id > after)
        .order_by(Delivery.id)
        .limit(MOST)
    )
    with crm.db.read() as session:
        return session.execute(query).all()
