"""The life of a campaign: starting, holding, pausing and finishing it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import copy_guard
from crm_plugin.campaigns.launch import staging
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.ledger.states import OPEN, move
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.policy import data_freshness
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel.audit import record


def start(session: Session, campaign_id: int, actor: str, at: datetime, **values: Any) -> bool:
    """Let the freeze begin."""
    started = campaign_states.change(
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
        if campaign_states.lock(session, campaign_id) != "sending" or is_open(session, campaign_id):
            return False
        now = crm.clock()
        record(session, now, SYSTEM.id, "campaign.finish", ("campaign", campaign_id))
        return campaign_states.change(session, campaign_id, "finish", finished_at=now)

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
        paused = campaign_states.change(
            session, campaign_id, "pause", Campaign.state.in_(campaign_states.ACTIVE), reason=reason
        )
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
        return sum(hold(session, id, "copied", crm.clock()) for id in _in(session, campaign_states.ACTIVE))

    with crm.db.read() as session:
        if copy_guard.is_confirmed(crm, session) or not _in(session, campaign_states.ACTIVE):
            return 0
    return crm.db.run(work)


def start_due(crm: Crm) -> list[int]:
    """Start planned campaigns whose time has come; return them. One that is too late is held instead."""
    now = crm.clock()
    late = now - timedelta(minutes=crm.settings.late_start_minutes)
    with crm.db.read() as session:
        due = _in(session, ["scheduled"], Campaign.planned_at <= now)
    began = crm.round("campaigns.start").each(
        due, lambda id: id if crm.db.run(partial(_start_one, crm, id, now, late)) else 0
    )
    return [id for id in began if id]


def _start_one(crm: Crm, id: int, now: datetime, late: datetime, session: Session) -> bool:
    if not copy_guard.is_confirmed(crm, session):
        hold(session, id, "copied", now)
        return False
    if data_freshness.is_too_old(crm, session, id):
        hold(session, id, data_freshness.REASON, now)
        return False
    if campaign_states.change(
        session, id, "hold", Campaign.state == "scheduled", Campaign.planned_at < late, reason="late"
    ):
        record(session, now, SYSTEM.id, "campaign.hold", ("campaign", id), reason="late")
        return False
    return start(session, id, SYSTEM.id, now)


def hold(session: Session, campaign_id: int, reason: str, at: datetime) -> bool:
    """Stop a campaign until a person confirms it; return whether it was one that could be stopped."""
    held = campaign_states.change(session, campaign_id, "hold", reason=reason)
    if held:
        record(session, at, SYSTEM.id, "campaign.hold", ("campaign", campaign_id), reason=reason)
    return held


def _in(session: Session, states: Collection[str], *where: Any) -> list[int]:
    query = sa.select(Campaign.id).where(Campaign.state.in_(tuple(states)), *where).order_by(Campaign.id)
    return list(session.scalars(query))
