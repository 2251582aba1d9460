"""The life of a campaign: each change of state is one guarded UPDATE whose row count is checked."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from crm_plugin.campaigns import copy_guard
from crm_plugin.campaigns.launch import staging
from crm_plugin.campaigns.ledger.states import OPEN, move
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.policy import data_freshness
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import Clause, Conflict, NotFound

STATES = ("draft", "scheduled", "freezing", "sending", "paused", "finished", "cancelled", "held")
"""Every state of a campaign."""

ACTIVE = ("freezing", "sending")

EDGES: dict[str, dict[str, str]] = {
    "schedule": {"draft": "scheduled"},
    "plan": {"paused": "scheduled", "held": "scheduled"},
    "start": {"draft": "freezing", "scheduled": "freezing"},
    "hold": dict.fromkeys(("draft", "scheduled", "freezing", "sending", "paused"), "held"),
    "pause": {"scheduled": "paused", "freezing": "paused", "sending": "paused"},
    "cancel": dict.fromkeys(("draft", "scheduled", "freezing", "sending", "paused", "held"), "cancelled"),
    "freeze": {"paused": "freezing", "held": "freezing"},
    "resume": {"paused": "sending", "held": "sending"},
    "finish": {"sending": "finished"},
    "reopen": {"finished": "sending"},
}
"""Verb → from → to. What stands in no verb never happens (``plan`` and ``freeze``: resumed before its
time, and before its freeze is done)."""


def change(session: Session, campaign_id: int, verb: str, *where: Any, **values: Any) -> bool:
    """Take an edge if the campaign is in one of its states; return whether it was."""
    edges = EDGES[verb]
    (target,) = set(edges.values())
    statement = (
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.state.in_(tuple(edges)), *where)
        .values(state=target, **values)
        .execution_options(synchronize_session=False)
    )
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def lock(session: Session, campaign_id: int) -> str:
    """Lock a campaign's row and return its state; reopening rows and finishing do this first.

    :raises NotFound: ``object.missing``.
    """
    query = sa.select(Campaign.state).where(Campaign.id == campaign_id).with_for_update()
    state = session.scalar(query)
    if state is None:
        raise NotFound("object.missing", kind=Clause("campaign"), id=campaign_id)
    return state


def check_state(state: str, states: Collection[str], verb: Clause) -> None:
    """Refuse what a campaign's state does not allow.

    :param verb: what it cannot be, such as ``launched``.
    :raises Conflict: ``campaign.bad_state``.
    """
    if state not in states:
        raise Conflict("campaign.bad_state", state=state, verb=verb)


def demand(session: Session, campaign_id: int, verb: str, word: Clause, **values: Any) -> None:
    """Take an edge.

    :raises Conflict: ``campaign.bad_state`` when the campaign is in another state.
    """
    state = lock(session, campaign_id)
    if not change(session, campaign_id, verb, **values):
        raise Conflict("campaign.bad_state", state=state, verb=word)


def begin_anew(session: Session, campaign_id: int, **values: Any) -> None:
    """Forget the failures so far: a person looked at them, and lets the campaign go on."""
    forgotten = {"failed_in_row": 0, "lately_answered": 0, "lately_failed": 0}
    statement = sa.update(Campaign).where(Campaign.id == campaign_id).values(**forgotten, **values)
    session.execute(statement.execution_options(synchronize_session=False))


def start(session: Session, campaign_id: int, actor: str, at: datetime, **values: Any) -> bool:
    """Let the freeze begin."""
    started = change(
        *(session, campaign_id, "start"), reason=None, freeze_step="staging", launched_at=at, **values
    )
    if started:
        record(session, at, actor, "campaign.start", ("campaign", campaign_id))
    return started


def cancel_rows(session: Session, campaign_id: int, at: datetime) -> int:
    """Cancel what has not left, in the transaction that cancels the campaign; return how many rows."""
    staging.forget(session, campaign_id)
    return move(
        *(session, "cancel", ["pending", "waiting", "leased"], "cancelled"),
        Delivery.campaign_id == campaign_id,
        token=None,
        lease_until=None,
        waits_until=None,
        settled_at=at,
    )


def finish(crm: Crm, campaign_id: int) -> bool:
    """Finish a campaign in which nothing is pending, waiting, leased or sending any more."""

    def work(session: Session) -> bool:
        # First the lock, then the count in a statement of its own, which sees all that committed before.
        if lock(session, campaign_id) != "sending" or is_open(session, campaign_id):
            return False
        now = crm.clock()
        record(session, now, SYSTEM.id, "campaign.finish", ("campaign", campaign_id))
        return change(session, campaign_id, "finish", finished_at=now)

    with crm.db.read() as session:
        if is_open(session, campaign_id):
            return False
    return crm.db.run(work)


def is_open(session: Session, campaign_id: int) -> bool:
    """Return whether a row can still send; by the index, so at the same cost for every size."""
    query = sa.select(Delivery.id).where(Delivery.campaign_id == campaign_id, Delivery.state.in_(OPEN))
    return session.scalar(query.limit(1)) is not None


def pause_itself(crm: Crm, campaign_id: int, reason: str) -> bool:
    """Pause without a person: the pages show the reason."""

    def work(session: Session) -> bool:
        paused = change(session, campaign_id, "pause", Campaign.state.in_(ACTIVE), reason=reason)
        if paused:
            record(
                session, crm.clock(), SYSTEM.id, "campaign.pause", ("campaign", campaign_id), reason=reason
            )
        return paused

    return crm.db.run(work)


def hold_copies(crm: Crm) -> int:
    """Hold every campaign under way when this installation looks like a copy; return how many."""

    def work(session: Session) -> int:
        if copy_guard.is_confirmed(crm, session):
            return 0
        return sum(hold(session, id, "copied", crm.clock()) for id in _in(session, ACTIVE))

    with crm.db.read() as session:
        if copy_guard.is_confirmed(crm, session) or not _in(session, ACTIVE):
            return 0
    return crm.db.run(work)


def start_due(crm: Crm) -> list[int]:
    """Start planned campaigns whose time has come; return them. One that is too late is held instead."""
    now = crm.clock()
    late = now - timedelta(minutes=crm.settings.late_start_minutes)
    with crm.db.read() as session:
        due = _in(session, ["scheduled"], Campaign.planned_at <= now)
    return [id for id in due if crm.db.run(partial(_start_one, crm, id, now, late))]


def _start_one(crm: Crm, id: int, now: datetime, late: datetime, session: Session) -> bool:
    if not copy_guard.is_confirmed(crm, session):
        hold(session, id, "copied", now)
        return False
    if data_freshness.is_too_old(crm, session, id):
        hold(session, id, data_freshness.REASON, now)
        return False
    if change(session, id, "hold", Campaign.state == "scheduled", Campaign.planned_at < late, reason="late"):
        record(session, now, SYSTEM.id, "campaign.hold", ("campaign", id), reason="late")
        return False
    return start(session, id, SYSTEM.id, now)


def hold(session: Session, campaign_id: int, reason: str, at: datetime) -> bool:
    """Stop a campaign until a person confirms it; return whether it was one that could be stopped."""
    held = change(session, campaign_id, "hold", reason=reason)
    if held:
        record(session, at, SYSTEM.id, "campaign.hold", ("campaign", campaign_id), reason=reason)
    return held


def _in(session: Session, states: Collection[str], *where: Any) -> list[int]:
    query = sa.select(Campaign.id).where(Campaign.state.in_(tuple(states)), *where).order_by(Campaign.id)
    return list(session.scalars(query))
