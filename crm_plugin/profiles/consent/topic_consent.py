"""What people want to hear about: opt-outs of a topic, opt-ins again, and what holds for a person now.

An opt-out holds on every channel, for every address that the person has then and, by the school's own id of
them, for those that they get later. Like any opt-out it binds everybody who shares an address, and takes the
locks of :mod:`crm_plugin.profiles.consent.address_locks`. The school does not learn of it: it has no such
topics.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.consent.address_locks import addresses_of
from crm_plugin.profiles.consent.channels import address_columns, channels, own_channels
from crm_plugin.profiles.consent.topics import TopicRow, find, in_order, row_of
from crm_plugin.profiles.extension import Address
from crm_plugin.profiles.models.school import ConsentRecord, Person
from crm_plugin.profiles.models.topics import Topic, TopicOptOut

EVERY_CHANNEL = "all"
"""Channel of the ledger's lines about a topic."""
_PURPOSE = "topic:"
_KEY = ("topic_id", "channel", "address_key")


@dataclass(frozen=True, slots=True)
class TopicChoice:
    """What a person chose about a topic."""

    topic: TopicRow
    on: bool
    since: datetime | None = None
    """Since when it is off."""


@dataclass(frozen=True, slots=True)
class TopicAnswer:
    """A line of the ledger: what a person said about a topic."""

    at: datetime
    topic: TopicRow
    state: str
    """``granted`` or ``denied``."""
    source: str


def opt_out(  # noqa: PLR0913 - who, what, when, how and the words seen belong together
    crm: Crm,
    session: Session,
    person_id: int,
    topic_id: int,
    at: datetime,
    source: str,
    text_version: str = "",
) -> None:
    """Take note that a person wants nothing more about a topic; twice is once, each line is kept.

    :param person_id: our id.
    :param source: how it reached us, such as ``page``, ``choices``, ``staff``.
    :param text_version: of the words that the person saw.
    :raises NotFound: ``object.missing``.
    """
    find(session, topic_id)
    addresses = ledger.lock_person(crm, session, person_id, channels())
    session.add(_line(person_id, topic_id, "denied", at, source, text_version))
    rows = [
        {"topic_id": topic_id, "channel": channel, "address_key": key, "at": at, "source": source}
        for channel, key in sorted(addresses)
    ]
    insert_missing(session, TopicOptOut, rows, _KEY)


def opt_in(  # noqa: PLR0913 - as above
    crm: Crm,
    session: Session,
    person_id: int,
    topic_id: int,
    at: datetime,
    source: str,
    text_version: str = "",
) -> None:
    """Take note that a person wants to hear about a topic (again); the earlier answer stays on record.

    :raises NotFound: ``object.missing``.
    """
    find(session, topic_id)
    addresses = ledger.lock_person(crm, session, person_id, channels())
    session.add(_line(person_id, topic_id, "granted", at, source, text_version))
    lifted = sa.delete(TopicOptOut).where(TopicOptOut.topic_id == topic_id, _at(addresses))
    session.execute(lifted.execution_options(synchronize_session=False))


def chosen(session: Session, person_id: int) -> list[TopicChoice]:
    """Return what holds for a person: every topic on offer, and the archived ones that they opted out of."""
    return [one for one in every_choice(session, person_id) if not (one.topic.archived and one.on)]


def every_choice(session: Session, person_id: int) -> list[TopicChoice]:
    """Return what holds for a person about every topic, archived or not: one statement."""
    off = _opt_outs(person_id).subquery()
    query = in_order(sa.select(Topic, off.c.at)).outerjoin(off, off.c.topic_id == Topic.id)
    since: dict[TopicRow, list[datetime]] = {}
    for topic, at in session.execute(query):
        since.setdefault(row_of(topic), []).extend([at] if at is not None else [])
    return [TopicChoice(topic, not at, min(at, default=None)) for topic, at in since.items()]


def _opt_outs(person_id: int) -> sa.CompoundSelect[Any]:
    """Return a query of (topic, since when) for the addresses that a person has now."""
    each = [
        sa.select(TopicOptOut.topic_id, TopicOptOut.at)
        .join(Person, TopicOptOut.address_key == address_columns(name)[1])
        .where(Person.id == person_id, TopicOptOut.channel == name)
        for name in channels()
    ]
    return sa.union_all(*each)


ANSWERS = sa.and_(ConsentRecord.channel == EVERY_CHANNEL, ConsentRecord.origin == "own")
"""Which lines of the ledger are what people said about topics."""


def answers(lines: Iterable[Any], topics: Iterable[TopicRow]) -> list[TopicAnswer]:
    """Return what a person said about topics, in the order of the lines.

    :param lines: of the ledger, each with ``at``, ``purpose``, ``state`` and ``source``.
    :param topics: all of them.
    """
    known = {f"{_PURPOSE}{topic.id}": topic for topic in topics}
    return [
        TopicAnswer(line.at, known[line.purpose], line.state, line.source)
        for line in lines
        if line.purpose in known
    ]


def denied(session: Session, person_id: int) -> list[int]:
    """Return the topics that a person refused by their own last word, not by others with their addresses."""
    line = ConsentRecord
    lines = sa.select(line.purpose, line.state).where(
        line.person_id == person_id, line.channel == EVERY_CHANNEL, line.origin == "own"
    )
    last = {purpose: state for purpose, state in session.execute(lines.order_by(line.id))}  # noqa: C416
    return [int(one.removeprefix(_PURPOSE)) for one, state in last.items() if state == "denied"]


def keep(crm: Crm, session: Session, person_id: int, topics: Collection[int], at: datetime) -> None:
    """Let an account that remains refuse what one that was merged into it refused.

    :param topics: what :func:`denied` returned of the account that is gone.
    """
    standing = _off(session, person_id)
    for topic in topics:
        if topic not in standing:
            opt_out(crm, session, person_id, topic, at, "merge")


def forget(session: Session, host_ids: Collection[str]) -> None:
    """Take the school's ids of erased people out; their other addresses keep what was asked for."""
    own = sa.and_(TopicOptOut.channel.in_(own_channels()), TopicOptOut.address_key.in_(tuple(host_ids)))
    session.execute(sa.delete(TopicOptOut).where(own).execution_options(synchronize_session=False))


def held_on(session: Session, person_id: int) -> list[dict[str, Any]]:
    """Return a person's opt-outs of topics, for their right of access."""
    rows = session.execute(
        sa.select(Topic.name, TopicOptOut.channel, TopicOptOut.address_key, TopicOptOut.at)
        .join(Topic, Topic.id == TopicOptOut.topic_id)
        .where(_at(addresses_of(session, person_id, channels())))
        .order_by(TopicOptOut.id)
    )
    return [
        {"topic": name, "channel": channel, "address_key": key, "at": at.isoformat()}
        for name, channel, key, at in rows
    ]


def _off(session: Session, person_id: int) -> set[int]:
    """Return the topics about which a message would not go to this person."""
    return {topic for topic, _at in session.execute(_opt_outs(person_id))}


def _at(addresses: Collection[Address]) -> sa.ColumnElement[bool]:
    one = [
        sa.and_(TopicOptOut.channel == channel, TopicOptOut.address_key == key) for channel, key in addresses
    ]
    return sa.or_(sa.false(), *one)


def _line(
    person_id: int, topic_id: int, state: str, at: datetime, source: str, text_version: str
) -> ConsentRecord:
    line = ledger.own_line(person_id, EVERY_CHANNEL, state, at, source, text_version)
    line.purpose, line.to_push = f"{_PURPOSE}{topic_id}", False
    return line
