"""Follow-ups: what staff wrote down about a person, and what they mean to come back to."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import BadInput, Clause, NotFound, one_of
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.models.staff import FollowUp
from crm_plugin.profiles.store.course_scope import Scope, check, in_scope

KINDS = ("call", "visit", "message", "note", "other")
"""What a follow-up can be about."""
LONGEST = 5_000
"""Characters of a text."""


@dataclass(frozen=True)
class Entry:
    """What somebody writes down.

    :param kind: one of :data:`KINDS`.
    :param due_on: the day to come back to it; None = nothing more to do.
    """

    kind: str
    text: str
    due_on: date | None = None


@dataclass(frozen=True)
class FollowUpRow:
    """A follow-up as pages show it; ``name`` is the person's."""

    id: int
    person_id: int
    name: str
    kind: str
    text: str
    at: datetime
    due_on: date | None
    author: str
    author_name: str
    changed_at: datetime | None
    done_at: datetime | None


_COLUMNS = (
    FollowUp.id,
    FollowUp.person_id,
    Person.display_name,
    FollowUp.kind,
    FollowUp.text,
    FollowUp.at,
    FollowUp.due_on,
    FollowUp.author,
    FollowUp.author_name,
    FollowUp.changed_at,
    FollowUp.done_at,
)


def add(crm: Crm, actor: Actor, person_id: int, entry: Entry) -> int:
    """Write a follow-up down; return its id.

    :param person_id: our id.
    :raises Refused: without ``crm.edit``.
    :raises BadInput: ``follow_up.empty``, ``input.bad``.
    :raises NotFound: ``object.missing``, also for somebody outside the actor's courses.
    """
    need(actor, "crm.edit")
    _check(entry)
    now = crm.clock()

    def work(session: Session) -> int:
        check(session, actor, person_id)
        row = FollowUp(
            **_values(entry), person_id=person_id, at=now, author=actor.id, author_name=actor.display_name
        )
        session.add(row)
        session.flush()
        audit.record(session, now, actor.id, "follow_up.add", ("follow_up", row.id), person=person_id)
        return row.id

    return crm.db.run(work)


def edit(crm: Crm, actor: Actor, person_id: int, ident: int, entry: Entry) -> None:
    """Replace a follow-up; its author and time stay.

    :raises Refused: without ``crm.edit``.
    :raises BadInput: ``follow_up.empty``, ``input.bad``.
    :raises NotFound: ``object.missing``, also for one of another person.
    """
    need(actor, "crm.edit")
    _check(entry)
    _change(crm, actor, person_id, ident, "follow_up.edit", **_values(entry), changed_at=crm.clock())


def mark_done(crm: Crm, actor: Actor, person_id: int, ident: int, done: bool = True) -> None:
    """Take a follow-up off the list of what is due, or put it back.

    :raises NotFound: ``object.missing``, also for one of another person.
    """
    action = "follow_up.done" if done else "follow_up.reopen"
    _change(crm, actor, person_id, ident, action, done_at=crm.clock() if done else None)


def of_person(session: Session, person_id: int, limit: int = 50) -> list[FollowUpRow]:
    """Return a person's follow-ups: what is to be done by its day, then the rest, the newest first."""
    is_open = sa.and_(FollowUp.due_on.is_not(None), FollowUp.done_at.is_(None))
    query = _rows().where(FollowUp.person_id == person_id)
    order = (sa.case((is_open, 0), else_=1), sa.case((is_open, FollowUp.due_on)), FollowUp.id.desc())
    return [FollowUpRow(*row) for row in session.execute(query.order_by(*order).limit(limit))]


def due(
    session: Session, author: str, until: date, scope: Scope = None, limit: int = 10
) -> list[FollowUpRow]:
    """Return what somebody meant to come back to by a day, the longest overdue first.

    :param author: the school's id of the actor.
    :param scope: courses that they are limited to now: people outside are left out.
    """
    query = _rows().where(
        FollowUp.author == author,
        FollowUp.due_on <= until,
        FollowUp.done_at.is_(None),
        in_scope(FollowUp.person_id, scope),
    )
    return [
        FollowUpRow(*row)
        for row in session.execute(query.order_by(FollowUp.due_on, FollowUp.id).limit(limit))
    ]


def _rows() -> Any:
    return sa.select(*_COLUMNS).join(Person, Person.id == FollowUp.person_id)


def _check(entry: Entry) -> None:
    if entry.kind not in KINDS:
        raise BadInput("input.bad", "kind", reason=one_of(KINDS))
    if not entry.text.strip():
        raise BadInput("follow_up.empty")
    if len(entry.text) > LONGEST:
        raise BadInput("follow_up.too_long", limit=LONGEST)


def _values(entry: Entry) -> dict[str, Any]:
    return {"kind": entry.kind, "text": entry.text.strip(), "due_on": entry.due_on}


def _change(crm: Crm, actor: Actor, person_id: int, ident: int, action: str, **values: Any) -> None:
    need(actor, "crm.edit")
    theirs = sa.update(FollowUp).where(FollowUp.id == ident, FollowUp.person_id == person_id)

    def work(session: Session) -> None:
        check(session, actor, person_id)
        result: Any = session.execute(theirs.values(values))
        if not result.rowcount:
            raise NotFound("object.missing", kind=Clause("follow-up"), id=ident)
        audit.record(session, crm.clock(), actor.id, action, ("follow_up", ident), person=person_id)

    crm.db.run(work)
