"""How old the school's data may be: on older ones a campaign waits until a person lets it go on."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.models import Campaign
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.types import Id
from crm_plugin.profiles.sync import stored_events
from crm_plugin.profiles.sync.health import oldest

REASON = "stale_data"
UNREAD = "events_waiting"
"""Why a campaign is held while what the school reported could not be read."""
GRACE = timedelta(hours=1)
"""So long a person's word holds that a campaign goes on without it."""


def too_old(hours: int, at: datetime) -> sa.ColumnElement[bool]:
    """Return the condition, over :class:`Campaign`, that it must wait for fresher data or for a person.

    A person who let it go on decides for as long as the data, or that word, are fresh. A stream that was
    never read says nothing: the check warns of it.

    :param hours: the setting ``stale_data_hours``; 0 = never.
    """
    if not hours:
        return sa.false()
    before = at - timedelta(hours=hours)
    unconfirmed = sa.or_(Campaign.confirmed_at.is_(None), Campaign.confirmed_at < before)
    return sa.and_(sa.func.coalesce(oldest(), at) < before, unconfirmed)


def unread(at: datetime) -> sa.ColumnElement[bool]:
    """Return the condition, over :class:`Campaign`, that it must wait until the school's events are read.

    The parameter ``events`` names the last of the events that matter.
    """
    unconfirmed = sa.or_(Campaign.confirmed_at.is_(None), Campaign.confirmed_at < at - GRACE)
    return sa.and_(stored_events.wait(sa.bindparam("events", type_=Id())), unconfirmed)


def age(session: Session, at: datetime) -> timedelta | None:
    """Return how old the oldest of the school's data that matter are; None = none was ever read."""
    read = session.scalar(sa.select(oldest()))
    return None if read is None else max(at - read, timedelta())


def is_too_old(crm: Crm, session: Session, campaign_id: int) -> bool:
    """Return the same of one campaign now."""
    condition = too_old(crm.settings.stale_data_hours, crm.clock())
    return bool(session.scalar(sa.select(condition).where(Campaign.id == campaign_id)))
