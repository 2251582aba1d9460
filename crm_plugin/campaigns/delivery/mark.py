"""Marking: the one transaction that turns leased rows into *sending* ones.

It applies the policy once more to exactly these rows, with their people locked in id order (as opt-outs lock
them), and settles the micro-batch before. Only rows that it marked may be handed to a carrier.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crm_plugin.campaigns.delivery import settle
from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.ledger.lease import Row
from crm_plugin.campaigns.ledger.states import edge, move, take
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.policy import data_freshness, exclusions, quiet_hours
from crm_plugin.campaigns.policy.campaign_policy import Rules
from crm_plugin.campaigns.policy.rules import EXPIRED
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db import numbered_list
from crm_plugin.kernel.db.sql_clock import db_now_of
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.sync import stored_events
from crm_plugin.segments.language.dates import Present

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Ask:
    """Rows that are ready to go, and what was settled with them."""

    token: str
    rows: Sequence[Row]
    broken: dict[int, str]
    """Row → reason why it could not be rendered."""
    sending_seconds: int
    """How long the rows may be *sending* before they are in doubt."""
    before: settle.Outcome | None = None
    events: int = stored_events.ANY
    """The last event of the school that has to be read before."""
    parts: Mapping[int, int] = field(default_factory=dict)
    """Row → billed parts of its SMS; empty for other channels."""


@dataclass(slots=True)
class Marked:
    """What the transaction decided."""

    state: str
    """Of the campaign; other than ``sending`` nothing was marked."""
    ids: frozenset[int] = field(default_factory=frozenset)
    settled: bool = True
    """The outcome before is written down."""
    failing: bool = False
    """The carrier's last answers were failures, whichever worker got them."""
    behind: bool = False
    """Nothing was marked: what the school reported is to be read first."""


def mark(crm: Crm, rules: Rules, ask: Ask, present: Present, until: float) -> Marked:
    """Mark what may go; return what was really marked.

    Deadlocks are tried again. When a COMMIT is lost, the token is read back: nobody is called before it
    is known which rows are marked.

    :param until: monotonic time after which nobody would be called anyway.
    """
    try:
        return crm.db.run(lambda session: _mark(crm, session, rules, ask, present))
    except DBAPIError:
        log.warning("marking of campaign %s is in doubt: reading back", rules.campaign_id, exc_info=True)
        return Marked("sending", _read_back(crm, ask, until), settled=False)


def _mark(crm: Crm, session: Session, rules: Rules, ask: Ask, present: Present) -> Marked:
    ids = [row.id for row in ask.rows]
    if crm.db.dialect != "sqlite":  # there the transaction has the write lock already
        people = sorted({row.person_id for row in ask.rows})
        dialect = crm.db.dialect
        lock = _lock(dialect, numbered_list.size(dialect, len(people)))
        session.connection().execute(lock, numbered_list.given(dialect, people))
    if ask.before is not None:
        settle.write(session, crm.settings, ask.before)
    found = exclusions.verdicts(session, rules, ids, present, ask.events)
    if found.stale and lifecycle.hold(session, rules.campaign_id, data_freshness.REASON, present.as_of):
        return Marked("held")
    if found.state != "sending":
        return Marked(found.state)
    if found.unread:
        return Marked(found.state, behind=True)
    reasons = found.reasons
    waiting = _quiet(rules, ask, reasons, present.as_of) if rules.policy.quiet else {}
    _refuse(session, ask, reasons, waiting, present.as_of)
    good = [id for id in ids if id not in reasons and id not in waiting and id not in ask.broken]
    return Marked(found.state, _mark_rows(session, ask, good, present.as_of), failing=found.failing)


def _quiet(rules: Rules, ask: Ask, reasons: dict[int, str], now: datetime) -> dict[int, datetime]:
    """Return row → end of its quiet hours; those that end too late expire instead."""
    waiting = {}
    for row in ask.rows:
        zone = quiet_hours.zone_of(row.timezone, rules.zone)
        until = quiet_hours.opens_at(now, rules.policy.quiet, zone)
        if until is None or row.id in reasons:
            continue
        if rules.policy.expires_at is not None and until >= rules.policy.expires_at:
            reasons[row.id] = EXPIRED.key
        else:
            waiting[row.id] = until
    return waiting


def _refuse(
    session: Session, ask: Ask, reasons: dict[int, str], waiting: dict[int, datetime], at: datetime
) -> None:
    free: dict[str, Any] = {"token": None, "lease_until": None}
    if reasons:
        why = sa.case(reasons, value=Delivery.id)
        gone = {"address": None, "address_key": None, "settled_at": at, **free}
        move(session, "refuse", ["leased"], "excluded", *_of(ask, reasons), reason=why, **gone)
    if waiting:
        until = sa.case(
            {id: sa.literal(end, UtcDateTime()) for id, end in waiting.items()}, value=Delivery.id
        )
        move(
            *(session, "refuse", ["leased"], "waiting", *_of(ask, waiting)),
            reason="quiet_hours",
            waits_until=until,
            **free,
        )
    broken = {id: why for id, why in ask.broken.items() if id not in reasons and id not in waiting}
    if broken:
        why = sa.case(broken, value=Delivery.id)
        move(
            *(session, "refuse", ["leased"], "failed_permanent", *_of(ask, broken)),
            reason=why,
            settled_at=at,
            **free,
        )


def _mark_rows(session: Session, ask: Ask, ids: list[int], at: datetime) -> frozenset[int]:
    if not ids:
        return frozenset()
    dialect = session.get_bind().dialect.name
    size = numbered_list.size(dialect, len(ids))
    statement = _marking(dialect, ask.sending_seconds, size, measured=bool(ask.parts))
    values = {"held": ask.token, "at": at, **numbered_list.given(dialect, ids)}
    if ask.parts:
        values |= numbered_list.given(dialect, (ask.parts[id] for id in ids), "part")
    count = take(session, statement, values)
    return frozenset(ids) if count == len(ids) else _marked(session, ask)


@lru_cache(maxsize=256)
def _lock(dialect: str, people: int) -> sa.Select[Any]:
    id = Person.__table__.c.id
    return sa.select(id).where(numbered_list.among(dialect, id, people)).order_by(id).with_for_update()


@lru_cache(maxsize=256)
def _marking(dialect: str, seconds: int, rows: int, *, measured: bool) -> sa.Update:
    held = Delivery.token == sa.bindparam("held")
    parts = (dialect, Delivery.id, Delivery.parts, "part", rows)
    more: dict[str, Any] = {"parts": numbered_list.belonging(*parts)} if measured else {}
    live = Delivery.lease_until > db_now_of(dialect)
    return edge(
        *("mark", ["leased"], "sending", numbered_list.among(dialect, Delivery.id, rows), held, live),
        lease_until=db_now_of(dialect, seconds),
        handed_at=sa.bindparam("at", type_=Delivery.handed_at.type),
        tries=Delivery.tries + 1,
        reason=None,
        **more,
    )


def _read_back(crm: Crm, ask: Ask, until: float) -> frozenset[int]:
    while time.monotonic() < until:
        try:
            with crm.db.read() as session:
                return _marked(session, ask)
        except DBAPIError:
            time.sleep(0.5)
    return frozenset()


def _marked(session: Session, ask: Ask) -> frozenset[int]:
    ids = [row.id for row in ask.rows]
    query = sa.select(Delivery.id).where(*_of(ask, ids), Delivery.state == "sending")
    return frozenset(session.scalars(query))


def _of(ask: Ask, ids: Any) -> tuple[Any, Any]:
    return Delivery.id.in_(tuple(ids)), Delivery.token == ask.token
