"""Intentions: how much somebody wants a course, set by hand beside the suggestion, with its history."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.errors import BadInput, Clause, NotFound, one_of
from crm_plugin.profiles.facts.intent_score import NOTHING, Suggestion, suggest
from crm_plugin.profiles.models.school import Course, Person
from crm_plugin.profiles.models.staff import Intention, IntentionChange
from crm_plugin.profiles.staff import undo
from crm_plugin.profiles.store.course_scope import Scope, check, of_courses

LEVELS = ("none", "low", "medium", "high", "won", "lost")
"""From no intention to a purchase or its loss."""
MOST = 5_000
"""People whose intention is set at once."""
KIND = "intention"
"""Of a change of many that can be undone."""


@dataclass(frozen=True)
class Change:
    """A line of the history; ``level`` None = removed."""

    level: str | None
    at: datetime
    author: str


@dataclass(frozen=True)
class CourseIntention:
    """What is known of a person's intention for one course."""

    course_id: int
    course_host_id: str
    title: str
    suggested: Suggestion
    level: str | None = None
    """As set by hand; None = nobody has."""
    history: list[Change] = field(default_factory=list)
    """The newest first."""


def put(crm: Crm, actor: Actor, person_id: int, course_host_id: str, level: str | None) -> None:
    """Set the intention for a course by hand; the same level again changes nothing.

    :param person_id: our id.
    :param level: one of :data:`LEVELS`; None takes it back.
    :raises Refused: without ``crm.edit``.
    :raises BadInput: ``input.bad`` for another level.
    :raises NotFound: ``object.missing``, also for a person or course outside the actor's scope.
    """
    need(actor, "crm.edit")
    if level is not None and level not in LEVELS:
        raise BadInput("input.bad", "level", reason=one_of(LEVELS))
    crm.db.run(lambda session: _put(crm, session, actor, person_id, (course_host_id, level)))


def _put(crm: Crm, session: Session, actor: Actor, person_id: int, wanted: tuple[str, str | None]) -> None:
    # The person's row is locked, so that two who set the same intention do so one after the other.
    locked = sa.select(Person.id).where(Person.id == person_id).with_for_update()
    if session.scalar(locked) is None:
        raise NotFound("object.missing", kind=Clause("person"), id=person_id)
    check(session, actor, person_id)
    host_id, level = wanted
    course = _course(session, host_id, actor.scope)
    theirs = (Intention.person_id == person_id, Intention.course_id == course.id)
    if session.scalar(sa.select(Intention.level).where(*theirs)) == level:
        return
    session.execute(sa.delete(Intention).where(*theirs))
    now, key = crm.clock(), {"person_id": person_id, "course_id": course.id, "level": level}
    if level is not None:
        session.add(Intention(**key, root_id=course.root_id, at=now))
    session.add(IntentionChange(**key, at=now, author=actor.id, author_name=actor.display_name))
    of = ("person", person_id)
    audit.record(session, now, actor.id, "intention.set", of, course=host_id, level=level)


@dataclass(frozen=True)
class Changed:
    """How many intentions were changed, and the id to undo it by; None = nothing was changed."""

    count: int
    undo: int | None


def put_many(
    crm: Crm, actor: Actor, people: sa.Select[Any], course_host_id: str, level: str | None
) -> Changed:
    """Set the intention of many people for a course by hand; people with that level keep it.

    :param people: ``SELECT person id``, within what the actor may see.
    :raises Refused: without ``crm.edit``.
    :raises BadInput: ``input.bad`` for another level, ``intention.too_many``.
    :raises NotFound: ``object.missing`` for a course outside the actor's scope.
    """
    need(actor, "crm.edit")
    if level is not None and level not in LEVELS:
        raise BadInput("input.bad", "level", reason=one_of(LEVELS))

    def work(session: Session) -> Changed:
        course = _course(session, course_host_id, actor.scope)
        before = _before(session, people, course.id)
        changed = {person: was for person, was in before.items() if was != level}
        if not changed:
            return Changed(0, None)
        _write(crm, session, actor, (course.id, course.root_id), dict.fromkeys(changed, level))
        facts = {"count": len(changed), "level": level}
        audit.record(
            session, crm.clock(), actor.id, "intention.set_many", ("course", course_host_id), **facts
        )
        payload = {"course": course.id, "level": level, "before": list(changed.items())}
        return Changed(len(changed), undo.offer(session, crm, actor, KIND, payload))

    return crm.db.run(work)


def _before(session: Session, people: sa.Select[Any], course: int) -> dict[int, str | None]:
    """Return person → level as set by hand; they are locked, so that one change comes after the other."""
    living = Person.status != "erased", Person.merged_into.is_(None)
    wanted = sa.select(Person.id).where(Person.id.in_(people), *living).order_by(Person.id)
    ids = list(session.scalars(wanted.limit(MOST + 1).with_for_update()))
    if len(ids) > MOST:
        raise BadInput("intention.too_many", limit=MOST)
    mine = Intention.course_id == course, among(session, Intention.person_id, ids)
    rows = session.execute(sa.select(Intention.person_id, Intention.level).where(*mine))
    levels: dict[int, str] = {row.person_id: row.level for row in rows}
    return {ident: levels.get(ident) for ident in ids}


def _write(
    crm: Crm, session: Session, actor: Actor, course: tuple[int, int], levels: dict[int, str | None]
) -> None:
    """Set levels, each with a line of history.

    :param course: our id of the course, and of its root.
    :param levels: person → level.
    """
    now, (ident, root) = crm.clock(), course
    gone: Any = sa.delete(Intention).where(
        Intention.course_id == ident, among(session, Intention.person_id, list(levels))
    )
    session.execute(gone.execution_options(synchronize_session=False))
    rows = [
        {"person_id": one, "course_id": ident, "level": level, "at": now} for one, level in levels.items()
    ]
    if held := [{**row, "root_id": root} for row in rows if row["level"] is not None]:
        session.execute(sa.insert(Intention), held)
    author = {"author": actor.id, "author_name": actor.display_name}
    session.execute(sa.insert(IntentionChange), [{**row, **author} for row in rows])


def revert(session: Session, crm: Crm, actor: Actor, payload: dict[str, Any]) -> None:
    """Put intentions back as they were before many were set; those that were set again since stay."""
    course = session.get(Course, payload["course"])
    if course is None:
        return
    before = {int(person): level for person, level in payload["before"]}
    people = sa.select(Person.id).where(among(session, Person.id, list(before)))
    now = _before(session, people, course.id)
    levels = {person: before[person] for person, level in now.items() if level == payload["level"]}
    if levels:
        _write(crm, session, actor, (course.id, course.root_id), levels)


def _course(session: Session, host_id: str, scope: Scope) -> Course:
    query = sa.select(Course).where(Course.host_id == host_id, of_courses(Course.root_id, scope))
    course = session.scalar(query)
    if course is None:
        raise NotFound("object.missing", kind=Clause("course"), id=host_id)
    return course


def of_person(session: Session, person_id: int, at: datetime, scope: Scope = None) -> list[CourseIntention]:
    """Return a person's intentions: those set by hand first, then by how much speaks for them.

    :param at: the present, from which recency counts.
    """
    suggested = suggest(session, person_id, at, scope)
    levels, changes = _by_hand(session, person_id)
    wanted = {*suggested, *changes}
    if not wanted:
        return []
    query = sa.select(Course.id, Course.host_id, Course.title).where(
        Course.id.in_(wanted), of_courses(Course.root_id, scope)
    )
    found = [
        CourseIntention(*row, suggested.get(row.id, NOTHING), levels.get(row.id), changes.get(row.id, []))
        for row in session.execute(query)
    ]
    return sorted(found, key=lambda one: (one.level is None, -one.suggested.points, one.course_id))


@dataclass(frozen=True)
class ByHand:
    """An intention as staff set it; ``level`` None = withdrawn."""

    level: str | None
    history: list[Change]
    """The newest first."""


def of_course(session: Session, root: int, people: Collection[int]) -> dict[int, ByHand]:
    """Return person → their intention for a course as set by hand, for those with a history.

    :param root: our id of the root course.
    :param people: our ids.
    """
    line = IntentionChange
    same = sa.and_(Intention.person_id == line.person_id, Intention.course_id == line.course_id)
    copies = sa.select(Course.id).where(Course.root_id == root)
    query = sa.select(line, Intention.level.label("now")).outerjoin(Intention, same)
    wanted = line.course_id.in_(copies), among(session, line.person_id, people)
    found: dict[int, ByHand] = {}
    for one, now in session.execute(query.where(*wanted).order_by(line.at.desc(), line.id.desc())):
        known = found.setdefault(one.person_id, ByHand(now, []))
        known.history.append(Change(one.level, one.at, one.author_name or one.author))
    return found


def _by_hand(session: Session, person_id: int) -> tuple[dict[int, str], dict[int, list[Change]]]:
    """Return course → level as set by hand, and course → its changes: setting a level left a change."""
    line = IntentionChange
    same = sa.and_(Intention.person_id == line.person_id, Intention.course_id == line.course_id)
    query = sa.select(line, Intention.level.label("now")).outerjoin(Intention, same)
    rows = session.execute(query.where(line.person_id == person_id).order_by(line.at.desc(), line.id.desc()))
    levels: dict[int, str] = {}
    changes: dict[int, list[Change]] = {}
    for one, now in rows:
        changes.setdefault(one.course_id, []).append(Change(one.level, one.at, one.author_name or one.author))
        if now is not None:
            levels[one.course_id] = now
    return levels, changes


def held_on(session: Session, person_id: int) -> list[dict[str, Any]]:
    """Return the history of a person's intentions with the courses' titles, for their right of access."""
    line = IntentionChange
    query = sa.select(Course.title, line.level, line.at, line.author_name).outerjoin(
        Course, Course.id == line.course_id
    )
    rows = session.execute(query.where(line.person_id == person_id).order_by(line.id))
    return [
        {"course": title, "level": level, "at": at.isoformat(), "author_name": author}
        for title, level, at, author in rows
    ]


def merge(session: Session, source: int, target: int) -> None:
    """Move the intentions of one person to another; of two for one course the newer stays."""
    columns = sa.select(Intention.id, Intention.course_id).where(Intention.person_id.in_((source, target)))
    newest: set[int] = set()
    for ident, course in session.execute(columns.order_by(Intention.at.desc(), Intention.id.desc())).all():
        if course in newest:
            session.execute(sa.delete(Intention).where(Intention.id == ident))
        newest.add(course)
    for model in (Intention, IntentionChange):
        rows: Any = sa.update(model).where(model.person_id == source).values(person_id=target)
        session.execute(rows.execution_options(synchronize_session=False))
