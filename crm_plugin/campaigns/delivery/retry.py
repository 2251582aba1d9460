"""Trying again what failed for a passing reason: in chunks, so that the first ones leave at once."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import access
from crm_plugin.campaigns.delivery.wakeups import wake
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.ledger.states import move
from crm_plugin.campaigns.models import Delivery
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import record
from crm_plugin.kernel.errors import Clause, Conflict

CHUNK = 5000
"""Rows that one transaction takes up again: a fraction of a second on every database."""

FROM = ("sending", "paused", "held", "finished")
"""States of a campaign in which rows may be taken up again."""


def retry_failed(crm: Crm, actor: Actor, campaign_id: int) -> int:
    """Send again what failed for a passing reason; return how many rows.

    A process that dies half way leaves the rest as failed as before.

    :raises Conflict: ``campaign.bad_state`` in a campaign that was never launched or is cancelled.
    """
    count, last = crm.db.run(lambda session: _first(crm, session, actor, campaign_id))
    total = count
    while count:
        wake(crm, campaign_id, "sending")
        try:
            count, last = crm.db.run(lambda session, last=last: _next(session, campaign_id, last))  # type: ignore[misc]
        except Conflict:  # somebody cancelled it meanwhile
            break
        total += count
    return total


def reopen(session: Session, campaign_id: int, verb: Clause) -> None:
    """Let a campaign send again, in the transaction that makes rows of it pending.

    :raises Conflict: ``campaign.bad_state``.
    """
    state = campaign_states.lock(session, campaign_id)
    campaign_states.check_state(state, FROM, verb)
    if state == "finished":
        campaign_states.change(session, campaign_id, "reopen", finished_at=None)


def _first(crm: Crm, session: Session, actor: Actor, campaign_id: int) -> tuple[int, int]:
    campaign_states.lock(session, campaign_id)
    access.one(session, actor, campaign_id, "crm.send")
    reopen(session, campaign_id, Clause("sent again"))
    failed = sa.select(sa.func.count()).where(*_failed(campaign_id, 0))
    of = ("campaign", campaign_id)
    record(session, crm.clock(), actor.id, "campaign.retry", of, count=session.scalar(failed) or 0)
    return _take_up(session, campaign_id, 0)


def _next(session: Session, campaign_id: int, after: int) -> tuple[int, int]:
    if session.scalar(sa.select(Delivery.id).where(*_failed(campaign_id, after)).limit(1)) is None:
        return 0, after
    # The first ones may be done already, and the campaign with them.
    reopen(session, campaign_id, Clause("sent again"))
    return _take_up(session, campaign_id, after)


def _take_up(session: Session, campaign_id: int, after: int) -> tuple[int, int]:
    """Take up rows behind ``after``; return (how many, the last one). Each row is met once."""
    chunk = sa.select(Delivery.id).where(*_failed(campaign_id, after)).order_by(Delivery.id).limit(CHUNK)
    last = session.scalar(sa.select(sa.func.max(chunk.subquery().c.id))) or after
    values = {"tries": 0, "handed_at": None, "reason": None, "settled_at": None}
    mine = (*_failed(campaign_id, after), Delivery.id <= last)
    return move(session, "retry", ["failed_transient"], "pending", *mine, **values), last


def _failed(campaign_id: int, after: int) -> tuple[sa.ColumnElement[bool], ...]:
    failed = Delivery.state == "failed_transient"
    return Delivery.campaign_id == campaign_id, failed, Delivery.id > after
