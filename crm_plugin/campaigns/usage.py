"""Campaigns that use a quick query, a topic or an SMS template, as an actor may see them."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.access import is_visible
from crm_plugin.campaigns.models import Campaign
from crm_plugin.campaigns.queries import UNFINISHED
from crm_plugin.host.in_use import Users
from crm_plugin.host.records import Actor
from crm_plugin.segments.language.mentions import mentions


def of_query(session: Session, query_id: int, actor: Actor) -> Users:
    """Return the campaigns that still need a quick query, for their audience or their goal."""
    return [
        _name(one, actor)
        for one in _campaigns(session, Campaign.state.in_(UNFINISHED))
        if mentions(one.audience, query_id) or mentions(one.policy.get("goal"), query_id)
    ]


def of_topic(session: Session, topic_id: int, actor: Actor) -> Users:
    """Return the campaigns about a topic that have not ended."""
    theirs = (Campaign.topic_id == topic_id, Campaign.state.in_(UNFINISHED))
    return [_name(one, actor) for one in _campaigns(session, *theirs)]


def of_template(session: Session, key: str, ended: bool, actor: Actor) -> Users:
    """Return the campaigns that send an SMS template, or are to.

    :param ended: also those that have finished or were cancelled.
    """
    theirs = [Campaign.channel == "sms", *([] if ended else [Campaign.state.in_(UNFINISHED)])]
    return [_name(one, actor) for one in _campaigns(session, *theirs) if one.content.get("template") == key]


def _campaigns(session: Session, *where: sa.ColumnElement[bool]) -> Any:
    query = sa.select(Campaign).where(Campaign.removed_at.is_(None), *where)
    return session.scalars(query.order_by(Campaign.id))


def _name(campaign: Campaign, actor: Actor) -> str | None:
    return campaign.name if is_visible(campaign, actor) else None
