"""The states of a campaign: each change of one is a guarded UPDATE whose row count is checked."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from crm_plugin.campaigns.models import Campaign
from crm_plugin.kernel.errors import Clause, Conflict, NotFound

STATES = ("draft", "scheduled", "freezing", "sending", "paused", "finished", "cancelled", "held", "repeating")
"""Every state of a campaign; one that is *repeating* is never sent itself, but a child of it each period."""

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
    "repeat": {"draft": "repeating"},
    "rewrite": {"repeating": "draft"},
    "end": {"repeating": "finished"},
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
    forgotten = {"failed_in_row": 0, "refused_in_row": 0, "lately_answered": 0, "lately_failed": 0}
    statement = sa.update(Campaign).where(Campaign.id == campaign_id).values(**forgotten, **values)
    session.execute(statement.execution_options(synchronize_session=False))
