"""Verbs that steer a campaign: launch, pause, go on, cancel, decide about what is in doubt.

Each takes the actor, checks their rights (:mod:`crm_plugin.campaigns.access`) and records the change. Verbs
on drafts stand in :mod:`crm_plugin.campaigns.composing.drafts`, reads in
:mod:`crm_plugin.campaigns.reporting`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from crm_plugin.campaigns import access, copy_guard
from crm_plugin.campaigns.composing.preflight import Preflight, preflight
from crm_plugin.campaigns.delivery.retry import reopen
from crm_plugin.campaigns.delivery.wakeups import wake
from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.policy import data_freshness
from crm_plugin.campaigns.prepared_campaign import confirmed_instant, searches_of
from crm_plugin.channels import service as channel_service
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need_whole
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import BadInput, Clause, Conflict

LAUNCHED = Clause("sent")


def launch(
    crm: Crm, actor: Actor, campaign_id: int, typed: str | None = None, as_of: datetime | None = None
) -> str:
    """Freeze the audience and send, or wait for the planned time; return the new state.

    :param typed: how many people it reaches, as a person confirmed it; None = nobody is asked.
    :param as_of: the instant of the check that showed this number; for an hour it may be sent as of then.
    :raises BadInput: the first error of the pre-flight; ``campaign.not_confirmed`` for another number.
    :raises Conflict: ``campaign.bad_state`` unless it is a draft: a second launch changes nothing;
        ``campaign.changed`` when somebody wrote over it meanwhile; ``campaign.repeats`` for one that repeats.
    """
    with crm.db.read() as session:
        campaign = access.one(session, actor, campaign_id, "crm.send")
        campaign_states.check_state(campaign.state, ("draft",), LAUNCHED)
        if campaign.kind == "recurring":
            raise Conflict("campaign.repeats")
        found = preflight(crm, session, campaign, at=confirmed_instant(crm, as_of))
    if typed is not None and typed != str(found.reach.reached):
        raise BadInput("campaign.not_confirmed", count=found.reach.reached)
    for problem in found.errors:
        raise BadInput(problem.code, problem.place, **problem.params)
    state = crm.db.run(lambda session: _launch(crm, session, actor, campaign_id, found))
    if state == "freezing":
        wake(crm, campaign_id, state)
    return state


def _launch(crm: Crm, session: Session, actor: Actor, campaign_id: int, found: Preflight) -> str:
    campaign = _locked(session, actor, campaign_id)
    campaign_states.check_state(campaign.state, ("draft",), LAUNCHED)
    if campaign.revision != found.revision:  # another text, another audience: nobody has checked that
        raise Conflict("campaign.changed")
    now = crm.clock()
    campaign.content = channel_service.pinned(crm, session, campaign.content)
    campaign.searches = searches_of(crm, found.references)
    planned = campaign.planned_at
    record(session, now, actor.id, "campaign.launch", ("campaign", campaign_id))
    if not copy_guard.is_confirmed(crm, session):
        campaign_states.change(session, campaign_id, "hold", reason="copied", launched_by=actor.id)
        return "held"
    copy_guard.confirm(crm, session)
    if planned is None and data_freshness.is_too_old(crm, session, campaign_id):
        campaign_states.change(
            session, campaign_id, "hold", reason=data_freshness.REASON, launched_by=actor.id
        )
        return "held"
    if planned is not None:
        campaign_states.change(session, campaign_id, "schedule", launched_by=actor.id)
        return "scheduled"
    lifecycle.start(session, campaign_id, actor.id, now, launched_by=actor.id, as_of=found.as_of)
    return "freezing"


def _locked(session: Session, actor: Actor, campaign_id: int) -> Campaign:
    campaign_states.lock(session, campaign_id)
    return access.one(session, actor, campaign_id, "crm.send")


def pause(crm: Crm, actor: Actor, campaign_id: int) -> None:
    """Stop sending; what is at the carrier now is settled, nothing more is handed over."""

    def work(session: Session) -> None:
        _locked(session, actor, campaign_id)
        campaign_states.demand(session, campaign_id, "pause", Clause("paused"), reason="by_hand")
        record(session, crm.clock(), actor.id, "campaign.pause", ("campaign", campaign_id))

    crm.db.run(work)


def resume(crm: Crm, actor: Actor, campaign_id: int) -> str:
    """Go on exactly where it stopped; for a held campaign this is the confirmation. Return the new state."""
    state = crm.db.run(lambda session: _resume(crm, session, actor, campaign_id))
    if state in campaign_states.ACTIVE:
        wake(crm, campaign_id, state)
    return state


def _resume(crm: Crm, session: Session, actor: Actor, campaign_id: int) -> str:
    campaign, now = _locked(session, actor, campaign_id), crm.clock()
    state = campaign.state
    campaign_states.check_state(state, ("paused", "held"), Clause("resumed"))
    if state == "paused" and not copy_guard.is_confirmed(crm, session):
        # Going on after a pause is no word about a copied database: that question is put first.
        lifecycle.hold(session, campaign_id, "copied", now)
        return "held"
    if not copy_guard.is_confirmed(crm, session):
        need_whole(actor)  # that word is about every campaign of the installation
    copy_guard.confirm(crm, session)
    campaign_states.begin_anew(
        session, campaign_id, confirmed_at=now if state == "held" else campaign.confirmed_at
    )
    record(session, now, actor.id, "campaign.resume", ("campaign", campaign_id), reason=campaign.reason)
    if campaign.freeze_step == "done":
        campaign_states.change(session, campaign_id, "resume", reason=None)
        return "sending"
    # The process that froze it has let go, or notices by its token: nobody has to wait for its lease.
    values: dict[str, Any] = {"reason": None, "freeze_lease_until": None}
    if campaign.freeze_step is None:  # held or paused before its planned time
        values |= {"freeze_step": "staging", "launched_at": now}
        if campaign.planned_at is not None and campaign.planned_at > now:
            campaign_states.change(session, campaign_id, "plan", reason=None)
            return "scheduled"
    campaign_states.change(session, campaign_id, "freeze", **values)
    return "freezing"


def cancel(crm: Crm, actor: Actor, campaign_id: int) -> int:
    """Send nothing more, for good; return how many rows were cancelled."""

    def work(session: Session) -> int:
        _locked(session, actor, campaign_id)
        now = crm.clock()
        campaign_states.demand(session, campaign_id, "cancel", Clause("cancelled"), finished_at=now)
        count = lifecycle.cancel_rows(session, campaign_id, now)
        record(session, now, actor.id, "campaign.cancel", ("campaign", campaign_id), count=count)
        return count

    return crm.db.run(work)


def resolve(
    crm: Crm, actor: Actor, campaign_id: int, decision: str, ids: Collection[int] | None = None
) -> int:
    """Decide about messages of which nobody knows whether they left; return how many.

    :param decision: ``sent`` = treat as sent; ``again`` = send again, which may double some.
    :param ids: only these rows; None = all unknown ones of the campaign.
    :raises Conflict: ``campaign.bad_state`` when they are to be sent again in a cancelled campaign.
    """
    if decision not in ("sent", "again"):
        raise BadInput("campaign.needs_person")
    where = [Delivery.campaign_id == campaign_id]
    if ids is not None:
        where.append(Delivery.id.in_(tuple(ids)))

    def work(session: Session) -> int:
        _locked(session, actor, campaign_id)
        now = crm.clock()
        free: dict[str, Any] = {"token": None, "lease_until": None}
        if decision == "sent":
            values = {"settled_at": now, **free}
            count = move(session, "resolve", ["unknown"], "sent", *where, **values)
        else:
            reopen(session, campaign_id, Clause("sent again"))
            values = {"tries": 0, "handed_at": None, "reason": None, **free}
            count = move(session, "resolve", ["unknown"], "pending", *where, **values)
        of = ("campaign", campaign_id)
        record(session, now, actor.id, "campaign.resolve", of, count=count, decision=decision)
        return count

    return _reopened(crm, campaign_id, crm.db.run(work))


def _reopened(crm: Crm, campaign_id: int, count: int) -> int:
    if count:
        wake(crm, campaign_id, "sending")
    return count
