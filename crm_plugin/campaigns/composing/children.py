"""Campaigns that another thing makes and starts: a step of an automation, a period of a recurring one.

They are made in the transaction of whatever makes them, so that they are there once,
wherever a worker dies.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import copy_guard
from crm_plugin.campaigns.composing.drafts import columns_of
from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.policy import data_freshness
from crm_plugin.channels import service as channel_service
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM

WITH_PARENT = "parent"
"""Why it is paused: what made it is."""


@dataclass(frozen=True, slots=True)
class Child:
    """A campaign to be made.

    :param file: its campaign file.
    :param created_by: in whose name, with what they may see: ``scope`` and ``contacts``.
    :param searches: quick queries that its conditions stand on, by their ids.
    """

    kind: str
    parent_id: int
    file: dict[str, Any]
    created_by: str
    scope: list[str] | None
    contacts: bool
    searches: dict[str, Any] | None = None
    step: int | None = None


def start(crm: Crm, session: Session, child: Child) -> int:
    """Make a campaign and start it, or hold it where a launch would be held; return its id.

    Wake it (:func:`crm_plugin.campaigns.delivery.wakeups.wake`) once the transaction is through.

    :raises BadInput: ``campaign.*``, ``segment.*``.
    """
    now = crm.clock()
    columns = columns_of(crm, child.file)
    columns["content"] = channel_service.pinned(crm, session, columns["content"])
    campaign = Campaign(
        **columns,
        **{"kind": child.kind, "parent_id": child.parent_id, "step": child.step},
        **{"scope": child.scope, "contacts": child.contacts, "searches": child.searches},
        **{"created_by": child.created_by, "created_at": now, "updated_at": now},
    )
    session.add(campaign)
    session.flush()
    held = partial(lifecycle.hold, session, campaign.id, at=now)
    if not copy_guard.is_confirmed(crm, session):
        held(reason="copied")
    elif data_freshness.is_too_old(crm, session, campaign.id):
        held(reason=data_freshness.REASON)
    else:
        copy_guard.confirm(crm, session)
        lifecycle.start(session, campaign.id, SYSTEM.id, now, launched_by=child.created_by)
    return campaign.id


def pause_all(session: Session, kind: str, parent_id: int) -> None:
    """Pause the campaigns under way of what is paused."""
    for ident, _ in _of(session, kind, parent_id, ("freezing", "sending")):
        campaign_states.change(session, ident, "pause", reason=WITH_PARENT)


def resume_all(session: Session, kind: str, parent_id: int) -> list[tuple[int, str]]:
    """Let them go on; return (id, state) of those to wake."""
    resumed = []
    for ident, step in _of(session, kind, parent_id, ("paused",), Campaign.reason == WITH_PARENT):
        verb, state = ("resume", "sending") if step == "done" else ("freeze", "freezing")
        values = {} if step == "done" else {"freeze_lease_until": None}
        if campaign_states.change(session, ident, verb, reason=None, **values):
            resumed.append((ident, state))
    return resumed


def cancel_all(crm: Crm, session: Session, kind: str, parent_id: int) -> int:
    """Cancel what has not left; return how many messages."""
    now, states = crm.clock(), tuple(campaign_states.EDGES["cancel"])
    count = 0
    for ident, _ in _of(session, kind, parent_id, states):
        if campaign_states.change(session, ident, "cancel", finished_at=now):
            count += lifecycle.cancel_rows(session, ident, now)
    return count


def _of(
    session: Session, kind: str, parent_id: int, states: tuple[str, ...], *where: Any
) -> list[tuple[int, str | None]]:
    """Return (id, step of the freeze) of the children in one of these states, locked."""
    query = sa.select(Campaign.id, Campaign.freeze_step).where(
        *(Campaign.parent_id == parent_id, Campaign.kind == kind, Campaign.state.in_(states)), *where
    )
    rows = session.execute(query.order_by(Campaign.id).with_for_update())
    return [(ident, step) for ident, step in rows]
