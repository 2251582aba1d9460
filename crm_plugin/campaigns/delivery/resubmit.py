"""Messages in doubt at carriers that take a key once: submitted again under the same key, they come out.

Such a carrier hands a key's message over once, however often it is submitted; so its answer says what became
of it. The row stays *unknown* until the answer is there, and after any answer that says nothing. Everywhere
else only a person decides.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.delivery import settle
from crm_plugin.campaigns.document import personalisation
from crm_plugin.campaigns.ledger.lease import Row, rows_of
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.policy import exclusions, quiet_hours
from crm_plugin.campaigns.policy.campaign_policy import Rules
from crm_plugin.campaigns.prepared_campaign import Running, load
from crm_plugin.campaigns.rates.grants import Grants
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.handing_over import hand_over
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.sql_clock import db_now
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.process import stopping
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.recompute_queue import touch

log = logging.getLogger(__name__)

WITHIN = timedelta(hours=24)
"""Since a message was handed over; carriers do not remember keys for ever."""
STATES = ("sending", "finished")
"""Of campaigns: a paused, held or cancelled one calls nobody."""


def clear(crm: Crm) -> int:
    """Submit some of what is in doubt again, a micro-batch of each campaign; return what came out."""
    with crm.db.read() as session:
        campaigns = _campaigns(session, crm)
    return sum(crm.round("campaigns.doubt").each(campaigns, lambda id: _clear(crm, id)))


def _campaigns(session: Session, crm: Crm) -> Sequence[int]:
    since = crm.clock() - WITHIN
    lately = sa.or_(Campaign.finished_at.is_(None), Campaign.finished_at > since)
    rows = sa.exists().where(Delivery.campaign_id == Campaign.id, *_in_doubt(session, crm))
    query = sa.select(Campaign.id).where(Campaign.state.in_(STATES), lately, rows).order_by(Campaign.id)
    return session.scalars(query).all()


def _in_doubt(session: Session, crm: Crm) -> list[sa.ColumnElement[bool]]:
    free = sa.or_(Delivery.lease_until.is_(None), Delivery.lease_until < db_now(session))
    return [Delivery.state == "unknown", Delivery.handed_at > crm.clock() - WITHIN, free]


def _clear(crm: Crm, campaign_id: int) -> int:
    try:
        running = load(crm, campaign_id)
    except CrmError:  # what it needs is gone or does not answer: a person decides
        return 0
    if running is None or not running.carrier.idempotent:
        return 0
    grants = Grants(crm, running)
    if grants.reserve(grants.size()) > 0:
        return 0
    rows = crm.db.run(lambda session: _claim(crm, session, running, grants.size()))
    grants.slot.wait()
    return _submit(crm, running, rows[0], rows[1]) if rows[1] else 0


def _claim(crm: Crm, session: Session, running: Running, count: int) -> tuple[str, list[Row]]:
    """Take rows for this process, and leave out those that must not be written to any more.

    The state does not change: the process that took them may die, and then they are as before.
    """
    mine = (Delivery.campaign_id == running.id, *_in_doubt(session, crm))
    query = sa.select(Delivery.id).where(*mine).order_by(Delivery.id).limit(count)
    ids = session.scalars(query.with_for_update(skip_locked=True)).all()
    token = str(uuid4())
    if not ids:
        return token, []
    seconds = crm.settings.lease_seconds + int(running.carrier.call_seconds) + 1
    values = {"token": token, "lease_until": db_now(session, seconds)}
    statement = sa.update(Delivery).where(Delivery.id.in_(ids)).values(**values)
    session.execute(statement.execution_options(synchronize_session=False))
    rows = rows_of(session, token, "unknown")
    people = sorted(row.person_id for row in rows)
    session.execute(sa.select(Person.id).where(Person.id.in_(people)).order_by(Person.id).with_for_update())
    present = running.present_at(crm.clock())
    found = exclusions.verdicts(session, running.rules, ids, present)
    if found.state not in STATES or found.stale or found.unread:
        return token, []
    rules = running.rules
    awake = [row for row in rows if not _is_quiet(row, rules, present.as_of)]
    return token, [row for row in awake if row.id not in found.reasons]


def _is_quiet(row: Row, rules: Rules, now: datetime) -> bool:
    return (
        quiet_hours.opens_at(now, rules.policy.quiet, quiet_hours.zone_of(row.timezone, rules.zone))
        is not None
    )


def _submit(crm: Crm, running: Running, token: str, rows: Sequence[Row]) -> int:
    until = time.monotonic() + crm.settings.lease_seconds
    if running.personal:
        personalisation.fill(crm, running.personal, rows, running.rules.course)
    going = [(row, message) for row in rows if (message := _rendered(running, row)) is not None]
    messages = [message for _, message in going]
    receipts = hand_over(running.carrier, messages, lambda: not stopping() and time.monotonic() < until)
    known = [(row, one) for (row, _), one in zip(going, receipts, strict=True) if _tells(one)]
    if known:
        rows, told = [row for row, _ in known], [one for _, one in known]
        outcome = settle.Outcome(running.id, token, running.carrier.name, rows, told, crm.clock())
        crm.db.run(lambda session: settle.write(session, crm.settings, outcome))
        crm.db.run(lambda session: touch(session, {row.person_id for row in rows}))
    return len(known)


def _rendered(running: Running, row: Row) -> Message | None:
    try:
        return running.render(row)
    except Exception:  # it was rendered before; what is missing by now is for a person to see
        log.warning("row %s cannot be rendered any more", row.id, exc_info=True)
        return None


def _tells(receipt: Receipt) -> bool:
    return receipt.status == "accepted" or (receipt.status == "rejected" and receipt.permanent)
