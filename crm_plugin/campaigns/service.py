"""Verbs of campaigns: make, launch, steer; each writes who did it."""

from collections.abc import Collection
from typing import Any

from sqlalchemy.orm import Session

from crm_plugin.campaigns import copy_guard, queries
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.preflight import preflight as _preflight
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.delivery import retry
from crm_plugin.campaigns.delivery.retry import reopen
from crm_plugin.campaigns.delivery.wakeups import wake
from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.policy import data_freshness
from crm_plugin.campaigns.prepared import searches_of
from crm_plugin.channels import service as channel_service
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import BadInput, Clause

create = drafts.create
create_single = drafts.create_single
copy = drafts.copy
update = drafts.update
remove = drafts.remove
restore = drafts.restore
get = queries.get
listing = queries.listing
status = queries.status
preflight = _preflight
retry_failed = retry.retry_failed

__all__ = [
    "cancel",
    "copy",
    "create",
    "create_single",
    "get",
    "launch",
    "listing",
    "pause",
    "preflight",
    "remove",
    "resolve",
    "restore",
    "resume",
    "retry_failed",
    "send_test",
    "status",
    "update",
]


def launch(crm: Crm, campaign_id: int, actor_id: str) -> str:
    """Freeze the audience and send, or wait for the planned time; return the new state.

    :raises BadInput: the first error of the pre-flight.
    :raises Conflict: ``campaign.bad_state`` unless it is a draft: a second launch changes nothing.
    """
    with crm.db.read() as session:
        lifecycle.check_state(queries.one(session, campaign_id).state, ("draft",), Clause("sent"))
    for problem in preflight(crm, campaign_id).errors:
        raise BadInput(problem.code, problem.place, **problem.params)
    state = crm.db.run(lambda session: _launch(crm, session, campaign_id, actor_id))
    if state == "freezing":
        wake(crm, campaign_id, state)
    return state


def _launch(crm: Crm, session: Session, campaign_id: int, actor: str) -> str:
    lifecycle.check_state(lifecycle.lock(session, campaign_id), ("draft",), Clause("sent"))
    now = crm.clock()
    campaign = queries.one(session, campaign_id)
    campaign.content = channel_service.pinned(crm, session, campaign.content)
    campaign.searches = searches_of(crm, campaign)
    planned = campaign.planned_at
    record(session, now, actor, "campaign.launch", ("campaign", campaign_id))
    if not copy_guard.is_confirmed(crm, session):
        lifecycle.change(session, campaign_id, "hold", reason="copied", launched_by=actor)
        return "held"
    copy_guard.confirm(crm, session)
    if planned is None and data_freshness.is_too_old(crm, session, campaign_id):
        lifecycle.change(session, campaign_id, "hold", reason=data_freshness.REASON, launched_by=actor)
        return "held"
    if planned is not None:
        lifecycle.change(session, campaign_id, "schedule", launched_by=actor)
        return "scheduled"
    lifecycle.start(session, campaign_id, actor, now, launched_by=actor)
    return "freezing"


def pause(crm: Crm, campaign_id: int, actor_id: str) -> None:
    """Stop sending; what is at the carrier now is settled, nothing more is handed over."""

    def work(session: Session) -> None:
        lifecycle.demand(session, campaign_id, "pause", Clause("paused"), reason="by_hand")
        record(session, crm.clock(), actor_id, "campaign.pause", ("campaign", campaign_id))

    crm.db.run(work)


def resume(crm: Crm, campaign_id: int, actor_id: str) -> str:
    """Go on exactly where it stopped; for a held campaign this is the confirmation. Return the new state."""
    state = crm.db.run(lambda session: _resume(crm, session, campaign_id, actor_id))
    if state in lifecycle.ACTIVE:
        wake(crm, campaign_id, state)
    return state


def _resume(crm: Crm, session: Session, campaign_id: int, actor: str) -> str:
    state = lifecycle.lock(session, campaign_id)
    lifecycle.check_state(state, ("paused", "held"), Clause("resumed"))
    campaign = queries.one(session, campaign_id)
    now = crm.clock()
    if state == "paused" and not copy_guard.is_confirmed(crm, session):
        # Going on after a pause is no word about a copied database: that question is put first.
        lifecycle.hold(session, campaign_id, "copied", now)
        return "held"
    copy_guard.confirm(crm, session)
    lifecycle.begin_anew(session, campaign_id, confirmed_at=now if state == "held" else campaign.confirmed_at)
    record(session, now, actor, "campaign.resume", ("campaign", campaign_id), reason=campaign.reason)
    if campaign.freeze_step == "done":
        lifecycle.change(session, campaign_id, "resume", reason=None)
        return "sending"
    # The process that froze it has let go, or notices by its token: nobody has to wait for its lease.
    values: dict[str, Any] = {"reason": None, "freeze_lease_until": None}
    if campaign.freeze_step is None:  # held or paused before its planned time
        values |= {"freeze_step": "staging", "launched_at": now}
        if campaign.planned_at is not None and campaign.planned_at > now:
            lifecycle.change(session, campaign_id, "plan", reason=None)
            return "scheduled"
    lifecycle.change(session, campaign_id, "freeze", **values)
    return "freezing"


def cancel(crm: Crm, campaign_id: int, actor_id: str) -> int:
    """Send nothing more, for good; return how many rows were cancelled."""

    def work(session: Session) -> int:
        now = crm.clock()
        lifecycle.demand(session, campaign_id, "cancel", Clause("cancelled"), finished_at=now)
        count = lifecycle.cancel_rows(session, campaign_id, now)
        record(session, now, actor_id, "campaign.cancel", ("campaign", campaign_id), count=count)
        return count

    return crm.db.run(work)


def resolve(
    crm: Crm, campaign_id: int, actor_id: str, decision: str, ids: Collection[int] | None = None
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
        now = crm.clock()
        lifecycle.lock(session, campaign_id)
        free: dict[str, Any] = {"token": None, "lease_until": None}
        if decision == "sent":
            values = {"settled_at": now, **free}
            count = move(session, "resolve", ["unknown"], "sent", *where, **values)
        else:
            reopen(session, campaign_id, Clause("sent again"))
            values = {"tries": 0, "handed_at": None, "reason": None, **free}
            count = move(session, "resolve", ["unknown"], "pending", *where, **values)
        of = ("campaign", campaign_id)
        record(session, now, actor_id, "campaign.resolve", of, count=count, decision=decision)
        return count

    return _reopened(crm, campaign_id, crm.db.run(work))


def _reopened(crm: Crm, campaign_id: int, count: int) -> int:
    if count:
        wake(crm, campaign_id, "sending")
    return count
