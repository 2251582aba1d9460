"""The topics of a school's marketing: a short list that administrators keep, and that people choose from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.in_use import Users, seen_names
from crm_plugin.host.permissions import need, need_whole
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import BadInput, Clause, Conflict, NotFound
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.consent.channels import OWN_ADDRESS
from crm_plugin.profiles.extension import PersonExtension
from crm_plugin.profiles.models.topics import NAME, Topic, TopicOptOut
from crm_plugin.profiles.store.normalise import fold

T = TypeVar("T")

MOST = 12
"""Topics that are offered at once: people read through all of them before they choose."""
PROPOSED = (
    Text("New courses", "topic"),
    Text("Offers and discounts", "topic"),
    Text("Study reminders", "topic"),
    Text("Events and open classes", "topic"),
)
"""The list that a school may begin with."""


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic as readers see it."""

    id: int
    name: str
    name_zh: str
    """Empty where ``name`` stands for both languages."""
    archived: bool
    """It is offered no more."""

    def label(self, locale: str) -> str:
        """Return its name for readers of a language, ``en`` or ``zh``."""
        return self.name_zh if locale == "zh" and self.name_zh else self.name


def offered(session: Session) -> list[TopicRow]:
    """Return the topics that campaigns and people may choose, in the school's order."""
    return [row for row in every(session) if not row.archived]


def every(session: Session) -> list[TopicRow]:
    """Return all topics: those on offer in the school's order, then the archived ones."""
    return [row_of(topic) for topic in session.scalars(in_order(sa.select(Topic)))]


def in_order(query: sa.Select[Any]) -> sa.Select[Any]:
    """Return a query of topics in the order of :func:`every`."""
    archived = sa.case((Topic.archived_at.is_(None), 0), else_=1)
    return query.order_by(archived, Topic.position, Topic.id)


def find(session: Session, ident: int) -> TopicRow:
    """Return a topic, archived or not.

    :raises NotFound: ``object.missing``.
    """
    return row_of(_one(session, ident))


def named(session: Session, name: str) -> TopicRow | None:
    """Return the topic on offer that has this name, however it is written; None when there is none."""
    same = (Topic.folded == fold(_plain(name)), Topic.archived_at.is_(None))
    topic = session.scalar(sa.select(Topic).where(*same))
    return None if topic is None else row_of(topic)


def opted_out(session: Session) -> dict[int, int]:
    """Return topic → people who want none of it."""
    own = sa.select(TopicOptOut.topic_id, sa.func.count()).where(TopicOptOut.channel == OWN_ADDRESS)
    rows = session.execute(own.group_by(TopicOptOut.topic_id))
    return {topic: count for topic, count in rows}  # noqa: C416 - rows are no pairs to mypy


def create(crm: Crm, actor: Actor, name: str, name_zh: str = "") -> int:
    """Put a topic at the end of the list; return its id.

    :raises BadInput: ``topic.no_name``, ``topic.too_long``.
    :raises Conflict: ``topic.taken``, ``topic.too_many``.
    :raises Refused: without ``crm.admin``, and for who sees some courses only.
    """
    return _create(crm, actor, [(name, name_zh)])[0]


def begin(crm: Crm, actor: Actor) -> None:
    """Take the proposed list, where there is none yet; otherwise change nothing.

    :raises Refused: as :func:`create`.
    """
    _admit(actor)
    with crm.db.read() as session:
        there = session.scalar(sa.select(sa.func.count()).select_from(Topic))
    if not there:
        _create(crm, actor, [(name, name.of("zh")) for name in PROPOSED])


def rename(crm: Crm, actor: Actor, ident: int, name: str, name_zh: str = "") -> None:
    """Give a topic other names; what people said about it stays, and the audit log keeps the earlier ones.

    :raises BadInput: as :func:`create`.
    :raises Conflict: ``topic.taken``.
    :raises NotFound: ``object.missing``.
    :raises Refused: as :func:`create`.
    """
    _admit(actor)
    name, name_zh = _name(name), _name(name_zh, needed=False)

    def work(session: Session) -> None:
        topic = _one(session, ident)
        before = {"was": topic.name, "was_zh": topic.name_zh}
        topic.name, topic.name_zh, topic.folded = name, name_zh, fold(name)
        _record(crm, session, actor, "topic.rename", topic, **before)

    _written(crm, name, work)


def move(crm: Crm, actor: Actor, ident: int, place: int) -> None:
    """Put a topic at a place (0 = first) among those on offer.

    :raises NotFound: ``object.missing``.
    :raises Refused: as :func:`create`.
    """
    _admit(actor)

    def work(session: Session) -> None:
        topic = _one(session, ident)
        order = [row.id for row in every(session) if row.id != ident]
        order.insert(max(place, 0), ident)
        # By id: two who reorder at once then wait for each other one way round.
        for one, position in sorted(zip(order, count(1), strict=False)):
            session.execute(sa.update(Topic).where(Topic.id == one).values(position=position))
        _record(crm, session, actor, "topic.move", topic, place=place)

    crm.db.run(work)


def archive(crm: Crm, actor: Actor, ident: int) -> None:
    """Offer a topic no more; what people said about it stays in force for campaigns that had it.

    :raises Conflict: ``topic.in_use``, naming the campaigns that still need it.
    :raises NotFound: ``object.missing``.
    :raises Refused: as :func:`create`.
    """
    _admit(actor)

    def work(session: Session) -> None:
        topic = _one(session, ident)
        users = _users(crm, session, actor, ident)
        if users:
            raise Conflict("topic.in_use", users=seen_names(users))
        topic.archived_at = topic.archived_at or crm.clock()
        _record(crm, session, actor, "topic.archive", topic)

    crm.db.run(work)


def _users(crm: Crm, session: Session, actor: Actor, ident: int) -> Users:
    users = (users_of for extension in crm.contributed(PersonExtension) for users_of in extension.topic_users)
    return [name for users_of in users for name in users_of(session, ident, actor)]


def restore(crm: Crm, actor: Actor, ident: int) -> None:
    """Offer an archived topic again, with what people said about it.

    :raises Conflict: ``topic.too_many``.
    :raises NotFound: ``object.missing``.
    :raises Refused: as :func:`create`.
    """
    _admit(actor)

    def work(session: Session) -> None:
        topic = _one(session, ident)
        if topic.archived_at is not None:
            _room(session, 1)
        topic.archived_at = None
        _record(crm, session, actor, "topic.restore", topic)

    crm.db.run(work)


def _create(crm: Crm, actor: Actor, names: Sequence[tuple[str, str]]) -> list[int]:
    _admit(actor)
    wanted = [(_name(name), _name(name_zh, needed=False)) for name, name_zh in names]

    def work(session: Session) -> list[int]:
        _room(session, len(wanted))
        last = session.scalar(sa.select(sa.func.max(Topic.position))) or 0
        found = [
            Topic(name=name, name_zh=name_zh, folded=fold(name), position=position)
            for position, (name, name_zh) in enumerate(wanted, last + 1)
        ]
        session.add_all(found)
        session.flush()
        for topic in found:
            _record(crm, session, actor, "topic.create", topic)
        return [topic.id for topic in found]

    return _written(crm, wanted[0][0], work)


def _written(crm: Crm, name: str, work: Callable[[Session], T]) -> T:
    """Do a transaction that writes a name; the database itself refuses one that another topic has."""
    try:
        return crm.db.run(work)
    except IntegrityError:
        raise Conflict("topic.taken", "name", name=name) from None


def _room(session: Session, more: int) -> None:
    there = session.scalar(sa.select(sa.func.count()).where(Topic.archived_at.is_(None))) or 0
    if there + more > MOST:
        raise Conflict("topic.too_many", limit=MOST)


def _admit(actor: Actor) -> None:
    need(actor, "crm.admin")
    need_whole(actor)


def _one(session: Session, ident: int) -> Topic:
    topic = session.get(Topic, ident)
    if topic is None:
        raise NotFound("object.missing", kind=Clause("topic"), id=ident)
    return topic


def _plain(name: str) -> str:
    return " ".join(name.replace("\0", " ").split())


def _name(name: str, *, needed: bool = True) -> str:
    plain = _plain(name)
    if needed and not plain:
        raise BadInput("topic.no_name", "name")
    if len(plain) > NAME:
        raise BadInput("topic.too_long", "name", limit=NAME)
    return plain


def row_of(topic: Topic) -> TopicRow:
    """Return a topic as plain values."""
    return TopicRow(topic.id, topic.name, topic.name_zh, topic.archived_at is not None)


def _record(crm: Crm, session: Session, actor: Actor, action: str, topic: Topic, **details: object) -> None:
    audit.record(session, crm.clock(), actor.id, action, ("topic", topic.id), name=topic.name, **details)
