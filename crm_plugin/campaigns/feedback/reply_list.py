"""Replies that are kept: what staff have to read, a person's timeline, and what a merge or erasure does."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.feedback.replies import NOBODY
from crm_plugin.campaigns.models import Reply
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR, need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.extension import Moment, Window
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.course_scope import in_scope
from crm_plugin.profiles.store.masking import as_seen

_KINDS = {"stop": "reply_stop", "start": "reply_start", "refused": "carrier_stop", "": "reply"}


@dataclass(frozen=True)
class Sender:
    """Somebody whose number a reply came from."""

    id: int
    host_id: str
    name: str


@dataclass
class OpenReply:
    """A reply that staff are to read, with everybody whose number it came from."""

    id: int
    text: str
    at: datetime
    wish: str
    people: list[Sender] = field(default_factory=list)


def unread(session: Session, actor: Actor, limit: int = 10) -> list[OpenReply]:
    """Return the replies to what an actor sent last, the oldest first.

    Staff without limits who may send see also those to what a command or program sent, and to nothing.
    """
    mine = Reply.staff == actor.id
    if actor.scope is None and actor.may("crm.send"):
        nobodys = (Reply.staff.is_(None), Reply.staff == OPERATOR.id, Reply.staff.startswith("token:"))
        mine = sa.or_(mine, *nobodys)
    which = sa.and_(mine, in_scope(Reply.person_id, actor.scope))
    columns = (
        Reply.event_key,
        Reply.id,
        Reply.text,
        Reply.at,
        Reply.wish,
        Person.id,
        Person.host_id,
        Person.display_name,
    )
    query = sa.select(*columns).join(Person, Person.id == Reply.person_id)
    query = query.where(which, Reply.done_at.is_(None)).order_by(Reply.at, Reply.id).limit(4 * limit)
    found: dict[str, OpenReply] = {}
    for event, ident, text, at, wish, *sender in session.execute(query):
        reply = as_seen(actor, OpenReply(ident, text, at, wish), "text")
        people = found.setdefault(event, reply).people
        people.append(as_seen(actor, Sender(*sender), "name"))  # type: ignore[arg-type]
    return list(found.values())[:limit]


def mark_done(crm: Crm, actor: Actor, ident: int) -> None:
    """Take a reply off the list of what is to be read, for everybody whose number it came from.

    :raises Refused: without ``crm.send``.
    :raises NotFound: ``object.missing``, also for one of a person outside the actor's courses.
    """
    need(actor, "crm.send")
    seen = sa.select(Reply.event_key).where(Reply.id == ident, in_scope(Reply.person_id, actor.scope))

    def work(session: Session) -> None:
        event = session.scalar(seen)
        if event is None:
            raise NotFound("object.missing", kind=Clause("reply"), id=ident)
        now = crm.clock()
        theirs = sa.update(Reply).where(Reply.event_key == event, Reply.done_at.is_(None))
        session.execute(theirs.values(done_at=now).execution_options(synchronize_session=False))
        audit.record(session, now, actor.id, "reply.done", ("reply", ident))

    crm.db.run(work)


def timeline(session: Session, person_id: int, window: Window) -> list[Moment]:
    """Return what a person sent to us, and what their carrier said of them, the newest first.

    ``reply`` of the details names one that staff have not dealt with.
    """
    query = sa.select(Reply.at, Reply.wish, Reply.text, Reply.id, Reply.done_at)
    query = query.where(Reply.person_id == person_id)
    rows = session.execute(window.newest(query, Reply.at, Reply.id.desc()))
    return [
        Moment(at, _KINDS[wish], text, {} if done_at else {"reply": ident})
        for at, wish, text, ident, done_at in rows
    ]


def held_on(session: Session, person_id: int) -> list[dict[str, Any]]:
    """Return what is held of a person's replies, for their right of access."""
    rows = session.scalars(sa.select(Reply).where(Reply.person_id == person_id).order_by(Reply.id))
    names = ("channel", "carrier", "wish", "text")
    return [{"at": row.at.isoformat(), "number": row.address_key} | _named(row, names) for row in rows]


def _named(row: Reply, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def merge(session: Session, source: int, target: int) -> None:
    """Let the replies of one account go over to the one that remains; what came from both stays once."""
    both = sa.select(Reply.event_key).where(Reply.person_id == target)
    # Read first: MariaDB deletes from no table that the condition reads.
    twice = session.scalars(
        sa.select(Reply.id).where(Reply.person_id == source, Reply.event_key.in_(both))
    ).all()
    session.execute(sa.delete(Reply).where(among(session, Reply.id, twice)), execution_options=_UNSYNCED)
    moved = sa.update(Reply).where(Reply.person_id == source).values(person_id=target)
    session.execute(moved, execution_options=_UNSYNCED)


def erase(session: Session, person_ids: Collection[int]) -> None:
    """Forget what people who are erased sent to us, also before we knew whose number it was."""
    phones = sa.select(Person.phone_key).where(among(session, Person.id, person_ids))
    numbers = [key for key in session.scalars(phones) if key is not None]
    unknown = sa.and_(Reply.person_id == NOBODY, among(session, Reply.address_key, numbers))
    gone = sa.delete(Reply).where(sa.or_(among(session, Reply.person_id, person_ids), unknown))
    session.execute(gone, execution_options=_UNSYNCED)


_UNSYNCED = {"synchronize_session": False}
