"""The report of a campaign: each number, and exactly the people behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger.states import STATES, Books, books
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.queries import CampaignRow, reasons
from crm_plugin.campaigns.reporting.conversions import buyers
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.storable import is_whole
from crm_plugin.links import measures
from crm_plugin.profiles.extension import Moment, Window
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.course_scope import Scope, in_scope


@dataclass(slots=True)
class Report:
    """The numbers of a campaign."""

    campaign: CampaignRow
    books: Books
    clicks: measures.Measures
    reasons: list[tuple[str, str, int]] = field(default_factory=list)
    """(state, reason, people), beside the books' own reasons of ``excluded``."""


@dataclass(slots=True)
class Member:
    """A person behind a number of the report."""

    delivery_id: int
    person_id: int
    host_id: str
    display_name: str
    state: str
    reason: str | None
    words: str | None
    """What the carrier or mail server said of it, where that is the reason."""
    waits_until: datetime | None
    handed_at: datetime | None
    settled_at: datetime | None


WRITTEN = ("display_name", "words")
"""Texts of a member in which a telephone or an address may stand."""


def report(session: Session, campaign: CampaignRow) -> Report:
    """Return the numbers of a campaign."""
    numbers = books(session, [campaign.id])[campaign.id]
    return Report(campaign, numbers, measures.tally(session, campaign.id), reasons(session, campaign.id))


def people_of(
    session: Session, campaign: CampaignRow, what: str, after: int = 0, limit: int = 100, scope: Scope = None
) -> list[Member]:
    """Return the people behind a number, in the order of their ledger rows.

    :param what: ``considered``, a state, a state and its reason such as ``excluded:cap``, ``clicked``, or
        ``bought:`` with a number of days.
    :param after: the ``delivery_id`` of the last one seen.
    :param scope: courses that the reader is limited to: people outside them are left out.
    :raises BadInput: ``campaign.bad_value`` for another ``what``.
    """
    query = (
        sa.select(
            *(Delivery.id, Delivery.person_id, Person.host_id, Person.display_name, Delivery.state),
            *(Delivery.reason, sa.case((Delivery.reason.is_not(None), Delivery.words))),
            *(Delivery.waits_until, Delivery.handed_at, Delivery.settled_at),
        )
        .outerjoin(Person, Person.id == Delivery.person_id)
        .where(Delivery.campaign_id == campaign.id, _only(session, campaign, what), Delivery.id > after)
        .where(in_scope(Delivery.person_id, scope))
        .order_by(Delivery.id)
        .limit(limit)
    )
    return [_member(tuple(row)) for row in session.execute(query)]


def number_of(session: Session, campaign: CampaignRow, what: str, scope: Scope = None) -> int:
    """Return how many people :func:`people_of` has for a number.

    :raises BadInput: ``campaign.bad_value``.
    """
    chosen = (Delivery.campaign_id == campaign.id, _only(session, campaign, what))
    query = sa.select(sa.func.count()).where(*chosen, in_scope(Delivery.person_id, scope))
    return session.scalar(query) or 0


def outcome_of(crm: Crm, campaign_id: int, person_id: int) -> tuple[str, str | None] | None:
    """Return (state, reason) of a person's row in a campaign; None when they were not considered."""
    query = sa.select(Delivery.state, Delivery.reason).where(
        Delivery.campaign_id == campaign_id, Delivery.person_id == person_id
    )
    with crm.db.read() as session:
        row = session.execute(query).first()
    return None if row is None else (row.state, row.reason)


def delivery_facts(session: Session, ids: list[int]) -> dict[int, tuple[datetime | None, int]]:
    """Return ledger row → (when it was handed over, our id of the person), for judging clicks."""
    query = sa.select(Delivery.id, Delivery.handed_at, Delivery.person_id).where(Delivery.id.in_(ids))
    return {id: (handed_at, person_id) for id, handed_at, person_id in session.execute(query)}


def timeline(session: Session, person_id: int, window: Window) -> list[Moment]:
    """Return the messages that left for a person, the newest first, for the timeline of their archive.

    A reader with a scope sees their own campaigns only, as everywhere.
    """
    details = (Delivery.campaign_id, Delivery.channel, Delivery.state)
    query = (
        sa.select(Delivery.handed_at, Campaign.name, *details)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .where(Delivery.person_id == person_id, _readable(window))
    )
    rows = session.execute(window.newest(query, Delivery.handed_at, Delivery.id.desc()))
    return [
        Moment(at, "message", name, {"campaign_id": campaign, "channel": channel, "state": state})
        for at, name, campaign, channel, state in rows
        if at is not None
    ]


def clicks(session: Session, person_id: int, window: Window) -> list[Moment]:
    """Return a person's clicks, the newest first, for the timeline of their archive."""
    theirs = sa.select(Delivery.id).where(Delivery.person_id == person_id)
    if window.scope is not None:
        theirs = theirs.join(Campaign, Campaign.id == Delivery.campaign_id).where(_readable(window))
    click = measures.clicks_on(theirs, window.until, window.limit).subquery()
    query = (
        sa.select(click.c.at, click.c.campaign_id, Campaign.name)
        .outerjoin(Campaign, Campaign.id == click.c.campaign_id)
        .order_by(click.c.at.desc(), click.c.id.desc())
    )
    rows = session.execute(query)
    return [Moment(at, "clicked", name or "", {"campaign_id": ident}) for at, ident, name in rows]


def _readable(window: Window) -> sa.ColumnElement[bool]:
    return sa.true() if window.scope is None else Campaign.created_by == window.reader


def held_on(session: Session, person_id: int) -> list[dict[str, Any]]:
    """Return all that the ledger holds on a person, for their right of access."""
    names = ("channel", "address", "state", "reason", "handed_at", "settled_at")
    columns = [getattr(Delivery, name) for name in names]
    query = (
        sa.select(Campaign.name, *columns)
        .join(Campaign, Campaign.id == Delivery.campaign_id)
        .where(Delivery.person_id == person_id)
        .order_by(Delivery.id)
    )
    return [
        {"campaign": name} | {key: _plain(value) for key, value in zip(names, values, strict=True)}
        for name, *values in session.execute(query)
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


_WITHOUT_REASON = ("pending", "leased", "sending", "sent")


def _only(session: Session, campaign: CampaignRow, what: str) -> sa.ColumnElement[bool]:
    state, _, reason = what.partition(":")
    if what == "considered":
        return sa.true()
    if what == "clicked":
        return Delivery.id.in_(measures.clicked_deliveries())
    if state == "bought" and is_whole(reason):
        rows = buyers(session, campaign, int(reason))
        return among(session, Delivery.id, rows)
    if state not in STATES or (reason and state in _WITHOUT_REASON):
        raise BadInput("campaign.bad_value", "what", reason=Clause("unknown number {name!r}", name=what))
    return sa.and_(Delivery.state == state, Delivery.reason == reason if reason else sa.true())


def _member(row: Sequence[Any]) -> Member:
    delivery_id, person_id, host_id, name, *rest = row
    return Member(delivery_id, person_id, host_id or "", name or "", *rest)
