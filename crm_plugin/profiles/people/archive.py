"""One person's archive: profile, consents, courses, orders, interests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.consent.channels import address_columns, channels
from crm_plugin.profiles.consent.topic_consent import TopicAnswer, TopicChoice, chosen, history
from crm_plugin.profiles.models.school import (
    Consent,
    ConsentRecord,
    Course,
    Enrolment,
    Interest,
    Order,
    OrderLine,
    Person,
    PersonAttribute,
    PersonTag,
    Suppression,
)
from crm_plugin.profiles.people.queries import PersonRow, people
from crm_plugin.profiles.staff.tags import TagRow
from crm_plugin.profiles.staff.tags import of_person as tags_of
from crm_plugin.profiles.store.course_scope import Scope, of_courses

LIMIT = 200
"""Rows of one kind that an archive shows."""


@dataclass(frozen=True)
class Channel:
    """How a person can be reached by one channel."""

    channel: str
    has_address: bool
    consent: str
    """``granted``, ``denied`` or ``unknown``."""
    consent_origin: str | None
    consent_at: datetime | None
    suppressions: list[tuple[str, str, datetime]]
    """(scope, reason, since)."""
    ledger: list[tuple[datetime, str, str, str]]
    """(when, state, origin, source), the newest first."""


@dataclass(frozen=True)
class Seat:
    """An enrolment."""

    course: str
    course_host_id: str
    kind: str
    role: str
    source: str
    state: str
    enrolled_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    end_kind: str | None
    progress: float | None
    completed_at: datetime | None
    last_learned_at: datetime | None


@dataclass(frozen=True)
class Purchase:
    """An order."""

    host_id: str
    state: str
    amount: Decimal | None
    """None where amounts are not shown to the reader (``crm.money``)."""
    currency: str
    refunded: Decimal | None
    created_at: datetime | None
    paid_at: datetime | None
    source: str | None
    titles: list[str]


@dataclass(frozen=True)
class Archive:
    """Everything that a person's page shows of the profiles."""

    person: PersonRow
    tags: list[str]
    """The school's."""
    crm_tags: list[TagRow]
    """Those of the CRM's staff."""
    roles: list[str]
    attributes: dict[str, str]
    interests: list[tuple[str, float, dict[str, int]]]
    """(tag, weight, reason → how many), the weightiest first; its weight is 1."""
    channels: list[Channel]
    topics: list[TopicChoice]
    """What they chose of the topics of marketing."""
    said: list[TopicAnswer]
    """What they said about topics, the newest first."""
    seats: list[Seat]
    purchases: list[Purchase]


def archive(
    session: Session, person_id: int, *, contacts: bool = False, scope: Scope = None, currency: str = ""
) -> Archive:
    """Return a person's archive.

    :param person_id: our id.
    :param contacts: whether telephones and addresses come in clear (``crm.contacts``).
    :param scope: courses (host ids) that the reader is limited to: seats and orders of others are left out,
        and so are interests, which come from all courses. Whether the person is in scope is asked before.
    :param currency: the school's own, which totals over those courses are in.
    :raises NotFound: ``object.missing``.
    """
    found = people(session, [person_id], contacts=contacts, scope=scope, currency=currency)
    if not found:
        raise NotFound("object.missing", kind=Clause("person"), id=person_id)
    labels = session.execute(
        sa.select(PersonTag.kind, PersonTag.value)
        .where(PersonTag.person_id == person_id)
        .order_by(PersonTag.value)
    ).all()
    attributes = session.execute(
        sa.select(PersonAttribute.name, PersonAttribute.value)
        .where(PersonAttribute.person_id == person_id)
        .order_by(PersonAttribute.name)
    )
    interests = session.execute(
        sa.select(Interest.tag, Interest.strength, Interest.reasons)
        .where(Interest.person_id == person_id)
        .order_by(Interest.strength.desc(), Interest.folded)
    ).all()
    return Archive(
        person=found[0],
        tags=[value for kind, value in labels if kind == "tag"],
        crm_tags=tags_of(session, person_id),
        roles=[value for kind, value in labels if kind == "role"],
        attributes={name: value for name, value in attributes},  # noqa: C416 - rows are no pairs to mypy
        interests=_weighed(interests) if scope is None else [],
        channels=[_channel(session, person_id, channel) for channel in channels()],
        topics=chosen(session, person_id),
        said=history(session, person_id, LIMIT),
        seats=_seats(session, person_id, scope),
        purchases=_purchases(session, person_id, scope),
    )


def _weighed(found: Sequence[Any]) -> list[tuple[str, float, dict[str, int]]]:
    return [(tag, round(2 ** (strength - found[0][1]), 4), reasons) for tag, strength, reasons in found]


def _channel(session: Session, person_id: int, channel: str) -> Channel:
    key = session.scalar(sa.select(address_columns(channel)[1]).where(Person.id == person_id))
    consent = session.get(Consent, (person_id, channel))
    suppressions = session.execute(
        sa.select(Suppression.scope, Suppression.reason, Suppression.at)
        .where(Suppression.channel == channel, Suppression.address_key == key)
        .order_by(Suppression.id)
    )
    ledger = session.execute(
        sa.select(ConsentRecord.at, ConsentRecord.state, ConsentRecord.origin, ConsentRecord.source)
        .where(ConsentRecord.person_id == person_id, ConsentRecord.channel == channel)
        .order_by(ConsentRecord.id.desc())
        .limit(LIMIT)
    )
    return Channel(
        channel=channel,
        has_address=key is not None,
        consent="unknown" if consent is None else consent.state,
        consent_origin=None if consent is None else consent.origin,
        consent_at=None if consent is None else consent.at,
        suppressions=[(scope, reason, at) for scope, reason, at in suppressions],
        ledger=[(at, state, origin, source) for at, state, origin, source in ledger],
    )


def _seats(session: Session, person_id: int, scope: Scope) -> list[Seat]:
    columns = [getattr(Enrolment, name) for name in Seat.__dataclass_fields__ if hasattr(Enrolment, name)]
    rows = session.execute(
        sa.select(Course.title, Course.host_id, Course.kind, *columns)
        .join(Course, Course.id == Enrolment.course_id)
        .where(Enrolment.person_id == person_id, of_courses(Enrolment.root_id, scope))
        .order_by(Enrolment.enrolled_at.desc(), Enrolment.id.desc())
        .limit(LIMIT)
    )
    return [Seat(*row) for row in rows]


def _purchases(session: Session, person_id: int, scope: Scope) -> list[Purchase]:
    columns = [getattr(Order, name) for name in Purchase.__dataclass_fields__ if name != "titles"]
    orders = session.execute(
        sa.select(Order.id, *columns)
        .where(Order.person_id == person_id, _reaches(person_id, scope))
        .order_by(sa.func.coalesce(Order.paid_at, Order.created_at).desc(), Order.id.desc())
        .limit(LIMIT)
    ).all()
    titles: dict[int, list[str]] = {}
    lines = session.execute(
        sa.select(OrderLine.order_id, sa.func.coalesce(Course.title, OrderLine.item_host_id, OrderLine.kind))
        .outerjoin(Course, Course.id == OrderLine.course_id)
        .where(OrderLine.order_id.in_([row.id for row in orders]), of_courses(OrderLine.root_id, scope))
        .order_by(OrderLine.order_id, OrderLine.position)
    )
    for order_id, title in lines:
        titles.setdefault(order_id, []).append(title)
    return [_purchase(row._mapping, titles.get(row.id, [])) for row in orders]


def _reaches(person_id: int, scope: Scope) -> sa.ColumnElement[bool]:
    """Return that an order has a line in scope."""
    if scope is None:
        return sa.true()
    lines = sa.select(OrderLine.order_id).where(OrderLine.person_id == person_id)
    return Order.id.in_(lines.where(of_courses(OrderLine.root_id, scope)))


def _purchase(columns: Mapping[Any, Any], titles: list[str]) -> Purchase:
    values = {name: value for name, value in columns.items() if name != "id"}
    return Purchase(**values, titles=titles)
