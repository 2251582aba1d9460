"""What becomes due: the child of a period, once, and nothing while something stands in the way.

A child is made as a campaign planned for the period's beginning, in the transaction that writes the period
down. The start of planned campaigns takes it from there, by its rules for late starts, old data and copies.
"""

from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations.recurring.models import Period, Recurrence
from crm_plugin.automations.recurring.queries import rhythm_of
from crm_plugin.campaigns import copy_guard
from crm_plugin.campaigns.composing import repeating
from crm_plugin.campaigns.composing.repeating import NOBODY, Checked
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import record

MADE_UP_FOR = timedelta(days=1)
"""So long after its beginning a period is still made up for, if no other one has begun by then."""
MISSED = "missed"


def run_due(crm: Crm) -> int:
    """Make the children of the periods that have begun; return how many periods were dealt with."""
    due = sa.select(Recurrence.campaign_id).where(Recurrence.state == "on", Recurrence.next_at <= crm.clock())
    with crm.db.read() as session:
        found = session.scalars(due.order_by(Recurrence.next_at)).all()
    return sum(crm.round("automations.recurring").each(found, partial(_run, crm)))


def _run(crm: Crm, campaign_id: int) -> int:
    checked = repeating.check(crm, campaign_id)
    return int(crm.db.run(partial(_write, crm, campaign_id, checked)))


def _write(crm: Crm, campaign_id: int, checked: Checked, session: Session) -> bool:
    row = session.get(Recurrence, campaign_id, with_for_update=True, populate_existing=True)
    now = crm.clock()
    if row is None or row.state != "on" or row.next_at is None or row.next_at > now:
        return False  # another worker has done it, or a person stopped it
    rhythm = rhythm_of(row)
    due = max(rhythm.latest(now), row.next_at)
    if not copy_guard.is_confirmed(crm, session):
        _pause(session, row, "copied", now)
        return True
    if checked.expires_at is not None and due >= checked.expires_at:
        _end(session, row, now)
        return True
    period = Period(campaign_id=campaign_id, day=rhythm.day_of(due).isoformat(), due_at=due)
    period.missed = rhythm.between(row.next_at, due)
    session.add(period)
    row.next_at = rhythm.after(now)
    if checked.fault is not None:
        period.reason = checked.fault.code[:64]
        _pause(session, row, period.reason, now)
    elif now - due > MADE_UP_FOR:
        period.reason = MISSED
    elif checked.is_empty:
        period.reason = NOBODY
    else:
        period.child_id = repeating.make_child(crm, session, campaign_id, due, period.day)
    return True


def _pause(session: Session, row: Recurrence, reason: str, at: datetime) -> None:
    row.state, row.reason, row.next_at = "paused", reason, None
    row.changed_by, row.changed_at = SYSTEM.id, at
    record(session, at, SYSTEM.id, "recurring.pause", ("campaign", row.campaign_id), reason=reason)


def _end(session: Session, row: Recurrence, at: datetime) -> None:
    repeating.end(session, row.campaign_id, at)
    row.state, row.next_at, row.changed_by, row.changed_at = "ended", None, SYSTEM.id, at
    record(session, at, SYSTEM.id, "recurring.end", ("campaign", row.campaign_id))
