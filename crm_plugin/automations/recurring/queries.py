"""Reads of campaigns that repeat; everything comes back as plain values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations.recurring.models import Period, Recurrence
from crm_plugin.automations.recurring.rhythm import Rhythm
from crm_plugin.campaigns import access
from crm_plugin.campaigns.queries import CampaignRow, Listed, Sums, sums_of_children
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause, NotFound

MOST = 500
"""Campaigns that repeat which a list shows."""


@dataclass(frozen=True, slots=True)
class Recurring:
    """A campaign that repeats, with the numbers of all its children together."""

    id: int
    state: str
    reason: str | None
    rhythm: Rhythm
    next_at: datetime | None
    changed_by: str
    changed_at: datetime
    campaign: CampaignRow
    sums: Sums


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A period, with its child if it has one that the reader may see."""

    day: str
    due_at: datetime
    reason: str | None
    missed: int
    child_id: int | None
    child: Listed | None = None


def listing(crm: Crm, actor: Actor) -> list[Recurring]:
    """Return the campaigns that repeat and that the actor may see, the newest first."""
    need(actor, "crm.view")
    with crm.db.read() as session:
        return _rows(session, actor, sa.select(Recurrence).order_by(Recurrence.campaign_id.desc()))


def get(crm: Crm, actor: Actor, campaign_id: int) -> Recurring:
    """Return one of them.

    :raises NotFound: ``object.missing``.
    """
    need(actor, "crm.view")
    with crm.db.read() as session:
        found = _rows(session, actor, sa.select(Recurrence).where(Recurrence.campaign_id == campaign_id))
    if not found:
        raise NotFound("object.missing", kind=Clause("campaign"), id=campaign_id)
    return found[0]


def history(
    crm: Crm, actor: Actor, campaign_id: int, *, before: str | None = None, limit: int = 50
) -> list[PeriodRow]:
    """Return the periods of a campaign, the last one first.

    :param before: the day of the last one seen.
    """
    access.get(crm, actor, campaign_id)
    query = sa.select(Period).where(Period.campaign_id == campaign_id)
    query = query.where(Period.day < before) if before else query
    with crm.db.read() as session:
        found = [_period(row) for row in session.scalars(query.order_by(Period.day.desc()).limit(limit))]
    ids = [one.child_id for one in found if one.child_id is not None]
    if not ids:
        return found
    children = access.listing(crm, actor, parent=campaign_id, before=max(ids) + 1, limit=len(ids))
    known = {one.campaign.id: one for one in children}
    return [
        PeriodRow(one.day, one.due_at, one.reason, one.missed, one.child_id, known.get(one.child_id or 0))
        for one in found
    ]


def rhythm_of(row: Recurrence) -> Rhythm:
    """Return when its periods are."""
    return Rhythm(row.every, tuple(row.days), row.clock, row.zone)


def _period(row: Period) -> PeriodRow:
    return PeriodRow(row.day, row.due_at, row.reason, row.missed, row.child_id)


def _rows(session: Session, actor: Actor, query: sa.Select[Any]) -> list[Recurring]:
    rows: list[Recurrence] = list(session.scalars(query.limit(MOST)))
    if not rows:
        return []
    ids = [row.campaign_id for row in rows]
    campaigns, sums = access.several(session, actor, ids), sums_of_children(session, ids)
    return [
        Recurring(
            *(row.campaign_id, row.state, row.reason, rhythm_of(row), row.next_at),
            *(row.changed_by, row.changed_at, campaigns[row.campaign_id], sums[row.campaign_id]),
        )
        for row in rows
        if row.campaign_id in campaigns
    ]
