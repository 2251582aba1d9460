"""Reads of campaigns for pages and commands; everything comes back as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger.states import Books, books
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.channels.service import PINNED
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.links.measures import Measures, tallies

UNFINISHED = ("draft", "scheduled", "freezing", "sending", "paused", "held", "repeating")
"""States of a campaign that may still ask who its people are, or whether the goal is reached."""

EXPLAINED = ("waiting", "failed_transient", "failed_permanent", "unknown")
"""States whose reasons are counted apart, beside ``excluded``."""


@dataclass(slots=True)
class CampaignRow:
    """A campaign as pages show it."""

    id: int
    name: str
    kind: str
    parent_id: int | None
    channel: str
    purpose: str
    topic_id: int | None
    state: str
    reason: str | None
    audience: dict[str, Any]
    content: dict[str, Any]
    policy: dict[str, Any]
    holdout: float
    planned_at: datetime | None
    zone: str | None
    revision: int
    removed_at: datetime | None
    scope: list[str] | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    launched_by: str | None
    launched_at: datetime | None
    as_of: datetime | None
    finished_at: datetime | None
    last_words: str | None

    def document(self) -> dict[str, Any]:
        """Return it as a campaign file, to edit or to copy."""
        document: dict[str, Any] = {"name": self.name, "channel": self.channel, "purpose": self.purpose}
        document |= {"topic": self.topic_id} if self.topic_id else {}
        document |= {"audience": self.audience, **self.content, "policy": self.policy}
        document = {key: value for key, value in document.items() if key not in PINNED}
        document |= {"holdout": self.holdout} if self.holdout else {}
        document |= {"zone": self.zone} if self.zone else {}
        return document | ({"at": self.planned_at.isoformat()} if self.planned_at else {})


@dataclass(slots=True)
class Listed:
    """A line of the list: a campaign with its books and clicks."""

    campaign: CampaignRow
    books: Books
    clicks: Measures


def one(session: Session, campaign_id: int) -> Campaign:
    """Return a campaign as it is in the database now.

    :raises NotFound: ``object.missing``, also for a deleted draft.
    """
    campaign = session.get(Campaign, campaign_id, populate_existing=True)
    if campaign is None or campaign.removed_at is not None:
        raise NotFound("object.missing", kind=Clause("campaign"), id=campaign_id)
    return campaign


def rows(session: Session, query: sa.Select[Any]) -> list[CampaignRow]:
    """Return the campaigns that a query finds."""
    return [row_of(campaign) for campaign in session.scalars(query)]


def by_ids(session: Session, ids: Sequence[int]) -> list[CampaignRow]:
    """Return campaigns by their ids, without drafts that were deleted."""
    return rows(session, sa.select(Campaign).where(Campaign.id.in_(ids), Campaign.removed_at.is_(None)))


def get(crm: Crm, campaign_id: int) -> CampaignRow:
    """Return a campaign.

    :raises NotFound: ``object.missing``.
    """
    with crm.db.read() as session:
        return row_of(one(session, campaign_id))


def listing(
    crm: Crm,
    *,
    states: Sequence[str] = (),
    before: int | None = None,
    limit: int = 50,
    author: str | None = None,
    parent: int | None = None,
) -> list[Listed]:
    """Return campaigns with their numbers, newest first; one-to-one messages are not among them.

    :param states: only these; empty = all.
    :param before: the id of the last one seen.
    :param author: only what this actor made; None = everybody's.
    :param parent: the children of this campaign; None = those that are nobody's children.
    """
    query = sa.select(Campaign).where(Campaign.kind == "campaign", Campaign.removed_at.is_(None))
    query = query.where(Campaign.parent_id.is_(None) if parent is None else Campaign.parent_id == parent)
    query = query.order_by(Campaign.id.desc()).limit(limit)
    if author is not None:
        query = query.where(Campaign.created_by == author)
    if states:
        query = query.where(Campaign.state.in_(tuple(states)))
    if before is not None:
        query = query.where(Campaign.id < before)
    with crm.db.read() as session:
        rows = [row_of(campaign) for campaign in session.scalars(query)]
        ids = [row.id for row in rows]
        numbers, clicks = books(session, ids), tallies(session, ids)
    return [Listed(row, numbers[row.id], clicks[row.id]) for row in rows]


@dataclass(frozen=True)
class Named:
    """A campaign in a menu."""

    id: int
    name: str
    scope: list[str] | None
    """The courses that its author was limited to."""


def named(crm: Crm, limit: int, author: str | None = None) -> list[Named]:
    """Return the newest campaigns by their names, for menus: one statement.

    :param author: only what this actor made; None = everybody's.
    """
    chosen = sa.select(Campaign.id, Campaign.name, Campaign.scope)
    alone = (Campaign.kind == "campaign", Campaign.parent_id.is_(None), Campaign.removed_at.is_(None))
    chosen = chosen.where(*alone)
    if author is not None:
        chosen = chosen.where(Campaign.created_by == author)
    with crm.db.read() as session:
        return [Named(*row) for row in session.execute(chosen.order_by(Campaign.id.desc()).limit(limit))]


def status(session: Session, campaign: Campaign | CampaignRow) -> dict[str, Any]:
    """Return what ``crm campaign status --json`` prints."""
    clicks = tallies(session, [campaign.id])[campaign.id]
    return {
        "id": campaign.id,
        "state": campaign.state,
        "reason": campaign.reason,
        "last_words": campaign.last_words,
        "books": books(session, [campaign.id])[campaign.id].document(),
        "reasons": [
            {"state": state, "reason": reason, "people": people}
            for state, reason, people in reasons(session, campaign.id)
        ],
        "hits": clicks.hits,
        "human_hits": clicks.human_hits,
        "people_clicked": clicks.people_clicked,
    }


def reasons(session: Session, campaign_id: int) -> list[tuple[str, str, int]]:
    """Return (state, reason, people) of who waits, failed or is in doubt, the most frequent first."""
    number = sa.func.count()
    query = (
        sa.select(Delivery.state, Delivery.reason, number)
        .where(Delivery.campaign_id == campaign_id, Delivery.state.in_(EXPLAINED))
        .where(Delivery.reason.is_not(None))
        .group_by(Delivery.state, Delivery.reason)
        .order_by(number.desc(), Delivery.state, Delivery.reason)
        .limit(50)
    )
    return [(state, reason or "", count) for state, reason, count in session.execute(query)]


def row_of(campaign: Campaign) -> CampaignRow:
    """Return a campaign as plain values, which may leave its session."""
    return CampaignRow(**{name: getattr(campaign, name) for name in CampaignRow.__slots__})


def topic_of(session: Session, delivery_id: int) -> int | None:
    """Return the topic of the campaign that a message was of; None without one."""
    query = sa.select(Campaign.topic_id).join(Delivery, Delivery.campaign_id == Campaign.id)
    return session.scalar(query.where(Delivery.id == delivery_id))


def last_topic(session: Session, author: str) -> int | None:
    """Return the topic of the newest marketing that somebody launched; None when it had none."""
    query = sa.select(Campaign.topic_id).where(
        Campaign.launched_by == author, Campaign.purpose == "marketing", Campaign.kind == "campaign"
    )
    return session.scalar(query.order_by(Campaign.id.desc()).limit(1))


@dataclass(slots=True)
class Sums:
    """The numbers of all children of a campaign together."""

    children: int = 0
    considered: int = 0
    sent: int = 0
    """Sent, the delivered ones among them."""
    people_clicked: int = 0
    """Of each child: somebody who clicked in two of them counts twice, as they got two messages."""


def sums_of_children(session: Session, parents: Sequence[int]) -> dict[int, Sums]:
    """Return the sums of each campaign that has children; zeros where it has none yet."""
    found = {parent: Sums() for parent in parents}
    theirs = sa.select(Campaign.id, Campaign.parent_id).where(Campaign.parent_id.in_(parents))
    theirs = theirs.where(Campaign.kind == "campaign")
    family = {ident: parent for ident, parent in session.execute(theirs) if parent is not None}
    numbers, clicks = books(session, list(family)), tallies(session, list(family))
    for ident, parent in family.items():
        sums, states = found[parent], numbers[ident].states
        sums.children += 1
        sums.considered += numbers[ident].considered
        sums.sent += states["sent"] + states["delivered"]
        sums.people_clicked += clicks[ident].people_clicked
    return found
