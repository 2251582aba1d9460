"""What was sent in some days, and the last campaigns: read from what is kept of each campaign's days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.access import is_visible
from crm_plugin.campaigns.models import Campaign, SentDay
from crm_plugin.host.records import Actor
from crm_plugin.links.measures import tallies

Days = tuple[date, date]
"""The first and the last of some days."""
BULK = "campaign"
"""The kind of a campaign to many; a one-to-one message is no bulk send."""


@dataclass(frozen=True, slots=True)
class DayVolume:
    """Messages of one channel that were handed over on a day."""

    day: date
    channel: str
    messages: int
    parts: int
    """Billed parts of SMS; 0 for other channels."""
    measured: int
    """Messages whose parts are known."""


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """A campaign that was sent, with its measures; ``messages`` and ``received`` as kept with their age.

    :param received: sent or delivered: the rate is people who clicked ÷ received.
    """

    id: int
    name: str
    channel: str
    state: str
    at: datetime | None
    messages: int
    received: int
    people_clicked: int

    @property
    def rate(self) -> float | None:
        """People who clicked ÷ (sent + delivered); None when nobody received it."""
        return self.people_clicked / self.received if self.received else None


def volume(session: Session, days: Days) -> list[DayVolume]:
    """Return what was handed over in a span, by day and channel."""
    numbers = (SentDay.messages, SentDay.parts, SentDay.measured)
    query = sa.select(SentDay.day, Campaign.channel, *(sa.func.sum(one) for one in numbers))
    query = query.join(Campaign, Campaign.id == SentDay.campaign_id).where(_in(days))
    rows = session.execute(query.group_by(SentDay.day, Campaign.channel).order_by(SentDay.day))
    return [DayVolume(day, channel, *map(int, some)) for day, channel, *some in rows]


def bulk_sends(session: Session, days: Days) -> int:
    """Return how many campaigns to many handed anything over in a span."""
    query = sa.select(sa.func.count(sa.distinct(SentDay.campaign_id)))
    query = query.join(Campaign, Campaign.id == SentDay.campaign_id)
    return session.scalar(query.where(_in(days), Campaign.kind == BULK)) or 0


def last_finished(session: Session) -> CampaignLine | None:
    """Return the campaign to many that finished last, among those that reached anybody."""
    sent = sa.exists().where(SentDay.campaign_id == Campaign.id, SentDay.received > 0)
    query = sa.select(Campaign).where(Campaign.kind == BULK, Campaign.state == "finished", sent)
    found = session.scalars(query.order_by(Campaign.finished_at.desc(), Campaign.id.desc()).limit(1)).all()
    return next(iter(_lines(session, found)), None)


def recent(session: Session, actor: Actor, limit: int) -> list[CampaignLine]:
    """Return the campaigns to many that were launched last, as far as the actor may see them."""
    query = sa.select(Campaign).where(Campaign.kind == BULK, Campaign.launched_at.is_not(None))
    return _lines(session, _seen(session, actor, query.order_by(Campaign.launched_at.desc()), limit))


def under_way(session: Session, actor: Actor, until: datetime, limit: int) -> list[CampaignLine]:
    """Return the campaigns that are being sent, and those planned until an instant."""
    planned = sa.and_(Campaign.state == "scheduled", Campaign.planned_at < until)
    query = sa.select(Campaign).where(
        Campaign.kind == BULK, sa.or_(Campaign.state.in_(("freezing", "sending")), planned)
    )
    return _lines(session, _seen(session, actor, query.order_by(Campaign.id), limit))


def _seen(session: Session, actor: Actor, query: sa.Select[Any], limit: int) -> list[Campaign]:
    query = query.where(Campaign.removed_at.is_(None))
    if actor.scope is None:
        return list(session.scalars(query.limit(limit)))
    mine = session.scalars(query.where(Campaign.created_by == actor.id).limit(10 * limit))
    return [one for one in mine if is_visible(one, actor)][:limit]


def _lines(session: Session, campaigns: Sequence[Campaign]) -> list[CampaignLine]:
    ids = [one.id for one in campaigns]
    if not ids:
        return []
    sums = sa.select(SentDay.campaign_id, sa.func.sum(SentDay.messages), sa.func.sum(SentDay.received))
    sums = sums.where(SentDay.campaign_id.in_(ids)).group_by(SentDay.campaign_id)
    sent = {ident: (int(messages), int(received)) for ident, messages, received in session.execute(sums)}
    clicks = tallies(session, ids)
    return [
        CampaignLine(
            *(one.id, one.name, one.channel, one.state),
            one.finished_at or one.launched_at or one.planned_at,
            *sent.get(one.id, (0, 0)),
            clicks[one.id].people_clicked,
        )
        for one in campaigns
    ]


def _in(days: Days) -> sa.ColumnElement[bool]:
    found: sa.ColumnElement[bool] = SentDay.day.between(*days)
    return found
