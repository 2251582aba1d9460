"""The CRM's own tags: words that staff put on people, one by one or many at once."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.kernel.db.writes import insert_selected
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.models.staff import CrmTag
from crm_plugin.profiles.staff import undo
from crm_plugin.profiles.store.course_scope import Scope, in_scope
from crm_plugin.profiles.store.normalise import fold

LONGEST = 60
"""Letters of a tag."""
MOST = 200_000
"""People who are tagged at once."""
ON, OFF = "on", "off"
KIND = "tag"
"""Of a change that can be undone."""


@dataclass(frozen=True)
class Tagged:
    """How many people a tag was put on or taken off, and the id to undo it by; None = nothing was done."""

    count: int
    undo: int | None


@dataclass(frozen=True)
class TagRow:
    """A tag of a person."""

    value: str
    at: datetime
    author: str


@dataclass(frozen=True)
class Tag:
    """A tag, and as it is compared."""

    value: str
    folded: str

    @classmethod
    def read(cls, text: str) -> "Tag":
        """Return the tag that somebody typed.

        :raises BadInput: ``tag.empty``, ``tag.too_long``.
        """
        value = " ".join(text.split())
        folded = fold(value)
        if not folded:
            raise BadInput("tag.empty")
        if len(value) > LONGEST or len(folded) > LONGEST * 3:
            raise BadInput("tag.too_long", limit=LONGEST)
        return cls(value, folded)


@dataclass(frozen=True)
class Change:
    """A tag that is put on people, or taken off; ``batch`` is the change's own and marks its rows."""

    tag: Tag
    is_put: bool
    batch: str


def put(crm: Crm, actor: Actor, people: sa.Select[Any], tag: str) -> Tagged:
    """Put a tag on people; people who have it keep it as it was.

    :param people: ``SELECT person id``, within what the actor may see.
    :raises Refused: without ``crm.edit``.
    :raises BadInput: ``tag.empty``, ``tag.too_long``, ``tag.too_many``.
    """
    return _at_once(crm, actor, people, Change(Tag.read(tag), True, str(uuid.uuid4())))


def take_off(crm: Crm, actor: Actor, people: sa.Select[Any], tag: str) -> Tagged:
    """Take a tag off people; raises as :func:`put`."""
    return _at_once(crm, actor, people, Change(Tag.read(tag), False, str(uuid.uuid4())))


def _at_once(crm: Crm, actor: Actor, people: sa.Select[Any], change: Change) -> Tagged:
    def work(session: Session) -> Tagged:
        count = session.scalar(sa.select(sa.func.count()).select_from(people.subquery())) or 0
        if count > MOST:
            raise BadInput("tag.too_many", limit=MOST)
        write(session, crm, actor, change, people)
        return finish(session, crm, actor, change)

    return crm.db.run(work)


def of_person(session: Session, person_id: int) -> list[TagRow]:
    """Return a person's tags with who put them on and when, in the order of their letters."""
    theirs = sa.select(CrmTag).where(CrmTag.person_id == person_id, CrmTag.state == ON)
    return [
        TagRow(row.value, row.at, row.author_name or row.author)
        for row in session.scalars(theirs.order_by(CrmTag.folded))
    ]


def known(session: Session, text: str = "", limit: int = 30, scope: Scope = None) -> list[str]:
    """Return tags in use that contain ``text``, in the order of their letters.

    :param scope: courses that the reader is limited to: tags of their people only.
    """
    # From one tag to the next by the index: grouping would read every row of every tag.
    tag = sa.select(_next_tag(sa.true()).label("folded")).cte("tag", recursive=True)
    tag = tag.union_all(sa.select(_next_tag(CrmTag.folded > tag.c.folded)).where(tag.c.folded.is_not(None)))
    spelt = (
        sa.select(CrmTag.value)
        .where(CrmTag.folded == tag.c.folded, CrmTag.state == ON, in_scope(CrmTag.person_id, scope))
        .order_by(CrmTag.person_id)
        .limit(1)
        .scalar_subquery()
        .label("value")
    )
    sought = sa.select(tag.c.folded, spelt).where(tag.c.folded.contains(fold(text), autoescape=True))
    known = sought.subquery()
    query = sa.select(known.c.value).where(known.c.value.is_not(None)).order_by(known.c.folded)
    return list(session.scalars(query.limit(limit)))


def _next_tag(after: sa.ColumnElement[bool]) -> Any:
    first = sa.select(CrmTag.folded).where(after, CrmTag.state == ON)
    return first.order_by(CrmTag.folded).limit(1).scalar_subquery()


def write(session: Session, crm: Crm, actor: Actor, change: Change, people: sa.Select[Any]) -> None:
    """Do a change on some people; done twice it changes nothing more.

    :raises Refused: without ``crm.edit``.
    """
    need(actor, "crm.edit")
    (_put if change.is_put else _take_off)(session, crm, actor, change, people)


def finish(session: Session, crm: Crm, actor: Actor, change: Change) -> Tagged:
    """Put a change on record when it is done on everybody, and offer to undo it."""
    count = session.scalar(sa.select(sa.func.count()).where(CrmTag.batch == change.batch)) or 0
    if not count:
        return Tagged(0, None)
    action, before = ("tag.put", OFF) if change.is_put else ("tag.take_off", ON)
    audit.record(session, crm.clock(), actor.id, action, ("tag", change.tag.value), count=count)
    return Tagged(count, undo.offer(session, crm, actor, KIND, {"batch": change.batch, "state": before}))


def _put(session: Session, crm: Crm, actor: Actor, change: Change, people: sa.Select[Any]) -> None:
    now, tag = crm.clock(), change.tag
    row: dict[str, Any] = {"value": tag.value, "folded": tag.folded, "state": ON}
    row |= {"batch": change.batch, "changed_at": now, "at": now}
    row |= {"author": actor.id, "author_name": actor.display_name}
    again = sa.update(CrmTag).where(
        CrmTag.folded == tag.folded, CrmTag.state == OFF, CrmTag.person_id.in_(people)
    )
    session.execute(again.values(row), execution_options=_UNSYNCED)
    columns = [sa.literal(one, _type(name)).label(name) for name, one in row.items()]
    chosen: Any = sa.select(Person.id, *columns).where(Person.id.in_(people), Person.status != "erased")
    insert_selected(session, CrmTag, ["person_id", *row], chosen, ["person_id", "folded"])


def _take_off(session: Session, crm: Crm, _actor: Actor, change: Change, people: sa.Select[Any]) -> None:
    now = crm.clock()
    # What can no longer be undone goes now and then, without a job of its own. A change of a worker takes a
    # while between its first row and the moment from which it can be undone: hence twice the time.
    session.execute(
        sa.delete(CrmTag).where(CrmTag.state == OFF, CrmTag.changed_at < now - 2 * undo.KEPT),
        execution_options=_UNSYNCED,
    )
    theirs = sa.update(CrmTag).where(
        CrmTag.folded == change.tag.folded, CrmTag.state == ON, CrmTag.person_id.in_(people)
    )
    values = {"state": OFF, "batch": change.batch, "changed_at": now}
    session.execute(theirs.values(values), execution_options=_UNSYNCED)


def _type(name: str) -> Any:
    return UtcDateTime() if name in ("at", "changed_at") else sa.String()


def revert(session: Session, crm: Crm, _actor: Actor, payload: dict[str, Any]) -> None:
    """Put tags back as they were before they were put on or taken off."""
    theirs = sa.update(CrmTag).where(CrmTag.batch == payload["batch"])
    values = {"state": payload["state"], "changed_at": crm.clock()}
    session.execute(theirs.values(values), execution_options=_UNSYNCED)


def merge(session: Session, source: int, target: int) -> None:
    """Move the tags of one person to another who keeps those that they have."""
    session.execute(
        sa.delete(CrmTag).where(CrmTag.person_id.in_((source, target)), CrmTag.state == OFF),
        execution_options=_UNSYNCED,
    )
    doubled = set(session.scalars(sa.select(CrmTag.folded).where(CrmTag.person_id == target)))
    session.execute(
        sa.delete(CrmTag).where(CrmTag.person_id == source, CrmTag.folded.in_(doubled)),
        execution_options=_UNSYNCED,
    )
    moved = sa.update(CrmTag).where(CrmTag.person_id == source).values(person_id=target)
    session.execute(moved, execution_options=_UNSYNCED)


_UNSYNCED = {"synchronize_session": False}
