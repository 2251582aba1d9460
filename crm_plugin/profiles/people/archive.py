"""One person's archive: profile, consents, courses, orders, interests."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.consent.channels import address_columns, address_kind, channels
from crm_plugin.profiles.consent.topic_consent import (
    ANSWERS,
    EVERY_CHANNEL,
    TopicAnswer,
    TopicChoice,
    answers,
    every_choice,
)
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
from crm_plugin.profiles.store.enrolment_state import end_kind_of, end_time_of, state_of

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
    """As of the archive: access that ran out is ``ended``, one that begins later ``upcoming``."""
    enrolled_at: datetime | None
    starts_at: datetime | None
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
    session: Session,
    person_id: int,
    at: datetime,
    *,
    contacts: bool = False,
    scope: Scope = None,
    currency: str = "",
) -> Archive:
    """Return a person's archive.

    :param person_id: our id.
    :param at: the present, which the states of seats are of.
    :param contacts: whether telephones and addresses come in clear (``crm.contacts``).
    :param scope: courses (host ids) that the reader is limited to: seats and orders of others are left out,
        and so are interests, which come from all courses. Whether the person is in scope is asked before.
    :param currency: the school's own, which totals over those courses are in.
    :raises NotFound: ``object.missing``.
    """
    found = people(session, [person_id], contacts=contacts, scope=scope, currency=currency)
    if not found:
        raise NotFound("object.missing", kind=Clause("person"), id=person_id)
    labels = _labels(session, person_id)
    interests = session.execute(
        sa.select(Interest.tag, Interest.strength, Interest.reasons)
        .where(Interest.person_id == person_id)
        .order_by(Interest.strength.desc(), Interest.folded)
    ).all()
    topics = every_choice(session, person_id)
    lines = _ledger(session, person_id)
    return Archive(
        person=found[0],
        tags=labels["tag"],
        crm_tags=tags_of(session, person_id),
        roles=labels["role"],
        attributes=dict(labels["attribute"]),
        interests=_weighed(interests) if scope is None else [],
        channels=_channels(session, found[0], lines),
        topics=[one for one in topics if not (one.topic.archived and one.on)],
        said=answers(lines.get(EVERY_CHANNEL, []), [one.topic for one in topics]),
        seats=_seats(session, person_id, at, scope),
        purchases=_purchases(session, person_id, scope),
    )


def _weighed(found: Sequence[Any]) -> list[tuple[str, float, dict[str, int]]]:
    return [(tag, round(2 ** (strength - found[0][1]), 4), reasons) for tag, strength, reasons in found]


def _labels(session: Session, person_id: int) -> dict[str, list[Any]]:
    """Return the school's tags and roles of a person, and (name, value) of their attributes."""
    tag, own = PersonTag, PersonAttribute
    labels = sa.select(tag.kind, tag.value.label("name"), tag.value).where(tag.person_id == person_id)
    attributes = sa.select(sa.literal("attribute"), own.name, own.value).where(own.person_id == person_id)
    found: dict[str, list[Any]] = {"tag": [], "role": [], "attribute": []}
    for kind, name, value in sorted(
        session.execute(sa.union_all(labels, attributes)), key=lambda row: row[1]
    ):
        found[kind].append((name, value) if kind == "attribute" else value)
    return found


def _channels(session: Session, person: PersonRow, lines: Mapping[str, Sequence[Any]]) -> list[Channel]:
    """Return what holds for a person on each channel: one statement, however many channels there are.

    :param lines: of the consent ledger, by channel.
    """
    there = {"phone": person.has_phone, "email": person.has_email}
    consents, stops = _in_force(session, person.id)

    def one(name: str) -> Channel:
        history = [(line.at, line.state, line.origin, line.source) for line in lines.get(name, ())]
        state, origin, at = consents.get(name, ("unknown", None, None))
        has_address = there.get(address_kind(name), True)
        return Channel(name, has_address, state, origin, at, stops.get(name, []), history)

    return [one(name) for name in channels()]


def _in_force(session: Session, person_id: int) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return channel → (consent, its origin, since), and channel → [(scope, reason, since)] of its stops."""
    # No row of a table has the id 0: that is a consent's.
    own = sa.select(sa.literal(0).label("id"), Consent.channel, Consent.state, Consent.origin, Consent.at)
    entry = Suppression
    each = [
        sa.select(entry.id, entry.channel, entry.scope, entry.reason, entry.at)
        .join(Person, entry.address_key == address_columns(name)[1])
        .where(Person.id == person_id, entry.channel == name)
        for name in channels()
    ]
    query: sa.CompoundSelect[Any] = sa.union_all(own.where(Consent.person_id == person_id), *each)
    rows = session.execute(query).all()
    consents: dict[str, Any] = {}
    stops: dict[str, list[Any]] = defaultdict(list)
    for ident, channel, *line in sorted(rows, key=lambda row: row.id):
        if ident:
            stops[channel].append(tuple(line))
        else:
            consents[channel] = line
    return consents, stops


def _ledger(session: Session, person_id: int) -> dict[str, list[Any]]:
    """Return the newest lines about each channel, and about topics: those of :data:`EVERY_CHANNEL`."""
    line = ConsentRecord
    columns = (line.id, line.channel, line.purpose, line.at, line.state, line.origin, line.source)
    each = [
        sa.select(*columns)
        .where(line.person_id == person_id, which)
        .order_by(line.id.desc())
        .limit(LIMIT)
        .subquery()
        for which in (*(line.channel == name for name in channels()), ANSWERS)
    ]
    found: dict[str, list[Any]] = defaultdict(list)
    rows = session.execute(sa.union_all(*(sa.select(one) for one in each)))
    for row in sorted(rows, key=lambda row: row.id, reverse=True):
        found[row.channel].append(row)
    return found


def _seats(session: Session, person_id: int, at: datetime, scope: Scope) -> list[Seat]:
    columns = [getattr(Enrolment, name) for name in Seat.__dataclass_fields__ if hasattr(Enrolment, name)]
    rows = session.execute(
        sa.select(Course.title.label("course"), Course.host_id.label("course_host_id"), Course.kind, *columns)
        .join(Course, Course.id == Enrolment.course_id)
        .where(Enrolment.person_id == person_id, of_courses(Enrolment.root_id, scope))
        .order_by(Enrolment.enrolled_at.desc(), Enrolment.id.desc())
        .limit(LIMIT)
    )
    return [_seat(dict(row), at) for row in rows.mappings()]


def _seat(row: dict[Any, Any], at: datetime) -> Seat:
    now = {"state": state_of(row, at), "end_kind": end_kind_of(row, at), "ended_at": end_time_of(row, at)}
    return Seat(**{str(name): value for name, value in (row | now).items()})


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
