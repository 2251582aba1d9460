"""The CRM's own tags: words that staff put on people, one by one or many at once."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.host.rights import need
from crm_plugin.kernel import audit
from crm_plugin.kernel.db import UtcDateTime, insert_selected
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles import undo
from crm_plugin.profiles.models import Person
from crm_plugin.profiles.normalise import fold
from crm_plugin.profiles.scope import Scope, in_scope
from crm_plugin.profiles.staff_models import CrmTag

LONGEST = 60
"""Letters of a tag."""
MOST = 200_000
"""People who are tagged at once."""
ON, OFF = "on", "off"
_KIND = "tag"


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


def put(crm: Crm, actor: Actor, people: sa.Select[Any], tag: str) -> Tagged:
    """Put a tag on people; who has it keeps it as it was.

    :param people: ``SELECT person id``, within what the actor may see.
    :raises Refused: without ``crm.edit``.
    :raises BadInput: ``tag.empty``, ``tag.too_long``, ``tag.too_many``.
    """
    value, folded = _read(tag)
    return crm.db.run(lambda session: _put(session, crm, actor, people, (value, folded)))


def take_off(crm: Crm, actor: Actor, people: sa.Select[Any], tag: str) -> Tagged:
    """Take a tag off people; raises as :func:`put`."""
    _value, folded = _read(tag)
    return crm.db.run(lambda session: _take_off(session, crm, actor, people, folded))


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
    found = sa.select(sa.func.min(CrmTag.value)).where(
        *(CrmTag.state == ON, CrmTag.folded.contains(fold(text), autoescape=True)),
        in_scope(CrmTag.person_id, scope),
    )
    return list(session.scalars(found.group_by(CrmTag.folded).order_by(CrmTag.folded).limit(limit)))


def _read(tag: str) -> tuple[str, str]:
    value = " ".join(tag.split())
    folded = fold(value)
    if not folded:
        raise BadInput("tag.empty")
    if len(value) > LONGEST or len(folded) > LONGEST * 3:
        raise BadInput("tag.too_long", limit=LONGEST)
    return value, folded


def _put(session: Session, crm: Crm, actor: Actor, people: sa.Select[Any], tag: tuple[str, str]) -> Tagged:
    _check(session, actor, people)
    now, batch = crm.clock(), str(uuid.uuid4())
    value, folded = tag
    row = {"value": value, "folded": folded, "state": ON, "batch": batch, "changed_at": now, "at": now}
    row |= {"author": actor.id, "author_name": actor.display_name}
    again = sa.update(CrmTag).where(
        CrmTag.folded == folded, CrmTag.state == OFF, CrmTag.person_id.in_(people)
    )
    session.execute(again.values(row), execution_options=_UNSYNCED)
    columns = [sa.literal(one, _type(name)).label(name) for name, one in row.items()]
    chosen: Any = sa.select(Person.id, *columns).where(Person.id.in_(people), Person.status != "erased")
    insert_selected(session, CrmTag, ["person_id", *row], chosen, ["person_id", "folded"])
    return _done(session, crm, actor, batch, ("tag.put", value, OFF))


def _take_off(session: Session, crm: Crm, actor: Actor, people: sa.Select[Any], folded: str) -> Tagged:
    _check(session, actor, people)
    now, batch = crm.clock(), str(uuid.uuid4())
    # What can no longer be undone goes now and then, without a job of its own.
    session.execute(
        sa.delete(CrmTag).where(CrmTag.state == OFF, CrmTag.changed_at < now - undo.KEPT),
        execution_options=_UNSYNCED,
    )
    theirs = sa.update(CrmTag).where(
        CrmTag.folded == folded, CrmTag.state == ON, CrmTag.person_id.in_(people)
    )
    session.execute(theirs.values(state=OFF, batch=batch, changed_at=now), execution_options=_UNSYNCED)
    return _done(session, crm, actor, batch, ("tag.take_off", folded, ON))


def _check(session: Session, actor: Actor, people: sa.Select[Any]) -> None:
    need(actor, "crm.edit")
    count = session.scalar(sa.select(sa.func.count()).select_from(people.subquery())) or 0
    if count > MOST:
        raise BadInput("tag.too_many", limit=MOST)


def _done(session: Session, crm: Crm, actor: Actor, batch: str, deed: tuple[str, str, str]) -> Tagged:
    action, tag, before = deed
    count = session.scalar(sa.select(sa.func.count()).where(CrmTag.batch == batch)) or 0
    if not count:
        return Tagged(0, None)
    audit.record(session, crm.clock(), actor.id, action, ("tag", tag[:LONGEST]), count=count)
    return Tagged(count, undo.offer(session, crm, actor, _KIND, {"batch": batch, "state": before}))


def _type(name: str) -> Any:
    return UtcDateTime() if name in ("at", "changed_at") else sa.String()


def _revert(session: Session, crm: Crm, _actor: Actor, payload: dict[str, Any]) -> None:
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
undo.UNDOS.add(_KIND, _revert)
