"""A campaign over time: messages handed over and people's clicks, by the hour or by the day."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.links import measures

HOURS, DAYS = 48, 30
"""Points of a curve: by the hour for two days, then by the day for thirty."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What happened in each hour or day since the launch."""

    hourly: bool
    starts: list[datetime]
    sent: list[int]
    clicks: list[int]
    """Human hits."""


def curve(session: Session, campaign: CampaignRow, now: datetime, zone: ZoneInfo) -> Curve | None:
    """Return the curve of a campaign since its launch; None before it.

    :param zone: in which days begin.
    """
    if campaign.launched_at is None:
        return None
    hourly = now - campaign.launched_at <= timedelta(hours=HOURS)
    edges = _edges(campaign.launched_at.astimezone(zone), now, hourly)
    clicks = measures.between(session, campaign.id, edges)
    return Curve(hourly, edges[:-1], _sent(session, campaign.id, edges), clicks)


def _edges(first: datetime, now: datetime, hourly: bool) -> list[datetime]:
    """Return the beginnings of the hours or days until now, and the end of the last.

    The first is the one before the launch: curves begin with nothing.
    """
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    at = first.replace(minute=0, second=0, microsecond=0)
    edges = [(at if hourly else at.replace(hour=0)) - step]
    while edges[-1] <= now and len(edges) <= (HOURS + 1 if hourly else DAYS):
        edges.append(edges[-1] + step)
    return edges


def _sent(session: Session, campaign_id: int, edges: list[datetime]) -> list[int]:
    at = Delivery.handed_at
    columns = [
        sa.func.sum(sa.case((sa.and_(at >= since, at < until), 1), else_=0))
        for since, until in pairwise(edges)
    ]
    query = sa.select(*columns).where(Delivery.campaign_id == campaign_id, Delivery.state.in_(COUNTED))
    return [int(count or 0) for count in session.execute(query).one()]
