"""Follow-ups: what staff wrote down about a person, and what they mean to come back to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import BadInput, Clause, NotFound, Refused, one_of
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.models.staff import FollowUp, FollowUpChange
from crm_plugin.profiles.store.course_scope import check, in_scope
from crm_plugin.profiles.store.masking import as_seen, holds_contact, may_see_contacts

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
class FollowUpVersion:
    """What a follow-up said until ``at``, when ``changed_by`` replaced it."""

    kind: str
    text: str
    due_on: date | None
    at: datetime
    changed_by: str


@dataclass(frozen=True)
class FollowUpRow:
    """A follow-up as pages show it; ``name`` is the person's.

    :param changed_by: name of the one that changed it last; empty while it is as its author wrote it.
    :param versions: what it said before, the newest first.
    """

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
    changed_by: str
    versions: list[FollowUpVersion]


_COLUMNS = (
    FollowUp.id,
    FollowUp.person_id,
    Person.display_name.label("name"),
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
    """Replace a follow-up; its author and time stay, and what it said is kept with the name of the changer.

    :raises Refused: without ``crm.edit``; for one that holds contacts which the actor may not see, and which
        it would lose.
    :raises BadInput: ``follow_up.empty``, ``input.bad``.
    :raises NotFound: ``object.missing``, also for one of another person.
    """
    need(actor, "crm.edit")
    _check(entry)
    wanted, now = _values(entry), crm.clock()

    def work(session: Session, row: FollowUp) -> None:
        _check_readable(session, actor, row)
        said = {name: getattr(row, name) for name in wanted}
        if said == wanted:
            return
        by = {"author": actor.id, "author_name": actor.display_name}
        session.add(FollowUpChange(follow_up_id=ident, person_id=person_id, at=now, **by, **said))
        for name, value in wanted.items():
            setattr(row, name, value)
        row.changed_at = now

    _change(crm, actor, (person_id, ident), "follow_up.edit", work)


def mark_done(crm: Crm, actor: Actor, person_id: int, ident: int, done: bool = True) -> None:
    """Take a follow-up off the list of what is due, or put it back.

    :raises NotFound: ``object.missing``, also for one of another person.
    """

    def work(_session: Session, row: FollowUp) -> None:
        row.done_at = crm.clock() if done else None

    _change(crm, actor, (person_id, ident), "follow_up.done" if done else "follow_up.reopen", work)


def of_person(session: Session, actor: Actor, person_id: int, limit: int = 50) -> list[FollowUpRow]:
    """Return a person's follow-ups: what is to be done by its day, then the rest, the newest first.

    Contacts in what a colleague wrote are masked for an actor who may not see them.
    """
    is_open = sa.and_(FollowUp.due_on.is_not(None), FollowUp.done_at.is_(None))
    query = _rows().where(FollowUp.person_id == person_id)
    order = (sa.case((is_open, 0), else_=1), sa.case((is_open, FollowUp.due_on)), FollowUp.id.desc())
    return _read(session, actor, query.order_by(*order).limit(limit))


def due(session: Session, actor: Actor, until: date, limit: int = 10) -> list[FollowUpRow]:
    """Return what an actor meant to come back to by a day, the longest overdue first.

    People outside the courses that they are limited to now are left out.
    """
    query = _rows().where(
        FollowUp.author == actor.id,
        FollowUp.due_on <= until,
        FollowUp.done_at.is_(None),
        in_scope(FollowUp.person_id, actor.scope),
    )
    return _read(session, actor, query.order_by(FollowUp.due_on, FollowUp.id).limit(limit))


def _rows() -> Any:
    return sa.select(*_COLUMNS).join(Person, Person.id == FollowUp.person_id)


def _read(session: Session, actor: Actor, query: Any) -> list[FollowUpRow]:
    rows = session.execute(query).all()
    earlier = _versions(session, [row for row in rows if row.changed_at is not None])
    return [_with(actor, row, earlier.get(row.id, [])) for row in rows]


def _with(actor: Actor, row: Any, changes: Sequence[FollowUpChange]) -> FollowUpRow:
    versions = [
        as_seen(actor, FollowUpVersion(one.kind, one.text, one.due_on, one.at, _name(one)), "text")
        for one in changes
    ]
    changed_by = versions[0].changed_by if versions else ""
    found = FollowUpRow(**row._mapping, changed_by=changed_by, versions=versions)
    mine = (changes[0].author if changes else found.author) == actor.id
    return as_seen(actor, found, "name", *(() if mine else ("text",)))


def _name(change: FollowUpChange) -> str:
    return change.author_name or change.author


def _versions(session: Session, rows: Sequence[Any]) -> dict[int, list[FollowUpChange]]:
    found: dict[int, list[FollowUpChange]] = {}
    if not rows:
        return found
    line, people = FollowUpChange, {row.person_id for row in rows}
    query = sa.select(line).where(line.person_id.in_(people), line.follow_up_id.in_([row.id for row in rows]))
    for one in session.scalars(query.order_by(line.id.desc())):
        found.setdefault(one.follow_up_id, []).append(one)
    return found


def _check(entry: Entry) -> None:
    if entry.kind not in KINDS:
        raise BadInput("input.bad", "kind", reason=one_of(KINDS))
    if not entry.text.strip():
        raise BadInput("follow_up.empty")
    if len(entry.text) > LONGEST:
        raise BadInput("follow_up.too_long", limit=LONGEST)


def _check_readable(session: Session, actor: Actor, row: FollowUp) -> None:
    if may_see_contacts(actor) or not holds_contact(row.text):
        return
    changes = _versions(session, [row]).get(row.id, [])
    if (changes[0].author if changes else row.author) != actor.id:
        raise Refused("access.refused", permission="crm.contacts")


def _values(entry: Entry) -> dict[str, Any]:
    return {"kind": entry.kind, "text": entry.text.strip(), "due_on": entry.due_on}


def _change(
    crm: Crm, actor: Actor, place: tuple[int, int], action: str, work: Callable[[Session, FollowUp], None]
) -> None:
    """Do something to a follow-up that is locked; ``place`` is our id of the person, and the follow-up's."""
    need(actor, "crm.edit")
    person_id, ident = place

    def change(session: Session) -> None:
        check(session, actor, person_id)
        theirs = sa.select(FollowUp).where(FollowUp.id == ident, FollowUp.person_id == person_id)
        row = session.scalar(theirs.with_for_update())
        if row is None:
            raise NotFound("object.missing", kind=Clause("follow-up"), id=ident)
        work(session, row)
        audit.record(session, crm.clock(), actor.id, action, ("follow_up", ident), person=person_id)

    crm.db.run(change)
