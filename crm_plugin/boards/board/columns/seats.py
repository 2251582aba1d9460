"""Learners: how far they are, when they learned last, when access ends, and whether they are stalled."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.board.columns.asked import Asked
from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.boards.stages.questions import Asked as Question
from crm_plugin.boards.stages.stage_rows import HELD, pairs
from crm_plugin.boards.stages.stage_trees import STALLED
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import Enrolment
from crm_plugin.profiles.store.enrolment_state import in_states


@dataclass
class Seat:
    """A person's seat in a course; of several, what is best for them."""

    since: datetime | None = None
    """When access began."""
    expires_at: datetime | None = None
    """None = no end."""
    progress: float | None = None
    last_learned_at: datetime | None = None
    finished_at: datetime | None = None
    suspended: bool = False
    stalled: bool = False


def of_people(session: Session, asked: Asked) -> dict[int, Seat]:
    """Return person → their seat; those who fall behind the median pace of the course are stalled."""
    wanted = (*_seats(asked.course, asked.at, HELD), Enrolment.person_id.in_(asked.people))
    rows: dict[int, list[Enrolment]] = {}
    for row in session.scalars(sa.select(Enrolment).where(*wanted)):
        rows.setdefault(row.person_id, []).append(row)
    slow = pairs(STALLED, Question(asked.present, asked.course.id, asked.people))
    stalled = set(session.scalars(slow))
    return {person: _seat(seats, person in stalled) for person, seats in rows.items()}


def upcoming(session: Session, asked: Asked) -> dict[int, Seat]:
    """Return person → their seat whose access begins later."""
    wanted = (*_seats(asked.course, asked.at, ("upcoming",)), Enrolment.person_id.in_(asked.people))
    found: dict[int, Seat] = {}
    for row in session.scalars(sa.select(Enrolment).where(*wanted).order_by(Enrolment.starts_at)):
        found.setdefault(row.person_id, Seat(since=row.starts_at, expires_at=row.expires_at))
    return found


def by_learning(course: BoardCourse, at: datetime) -> sa.Select[Any]:
    """Return ``SELECT person id, key``: when they learned last, to sort by."""
    return _key(course, at, sa.func.max(Enrolment.last_learned_at, type_=UtcDateTime()))


def by_progress(course: BoardCourse, at: datetime) -> sa.Select[Any]:
    """Return ``SELECT person id, key``: how far they are."""
    return _key(course, at, sa.func.max(Enrolment.progress))


def by_expiry(course: BoardCourse, at: datetime) -> sa.Select[Any]:
    """Return ``SELECT person id, key``: when their access ends; none where a seat has no end."""
    ends = sa.func.max(Enrolment.expires_at, type_=UtcDateTime())
    endless = sa.func.max(sa.case((Enrolment.expires_at.is_(None), 1), else_=0)) == 1
    return _key(course, at, sa.case((endless, None), else_=ends))


def by_start(course: BoardCourse, at: datetime) -> sa.Select[Any]:
    """Return ``SELECT person id, key``: when access begins, of seats that begin later."""
    begins = sa.func.min(Enrolment.starts_at, type_=UtcDateTime())
    return _key(course, at, begins, ("upcoming",))


def _key(course: BoardCourse, at: datetime, key: Any, states: tuple[str, ...] = HELD) -> sa.Select[Any]:
    found = sa.select(Enrolment.person_id, sa.type_coerce(key, key.type).label("key"))
    return found.where(*_seats(course, at, states)).group_by(Enrolment.person_id)


def _seats(course: BoardCourse, at: datetime, states: Iterable[str]) -> tuple[Any, ...]:
    return Enrolment.root_id == course.id, Enrolment.role == "learner", in_states(Enrolment, states, at)


def _seat(rows: list[Enrolment], stalled: bool) -> Seat:
    return Seat(
        since=min(filter(None, (row.starts_at or row.enrolled_at for row in rows)), default=None),
        expires_at=None if any(row.expires_at is None for row in rows) else _last(rows, "expires_at"),
        progress=max((row.progress for row in rows if row.progress is not None), default=None),
        last_learned_at=_last(rows, "last_learned_at"),
        finished_at=_last(rows, "completed_at"),
        suspended=all(row.state == "suspended" for row in rows),
        stalled=stalled,
    )


def _last(rows: list[Enrolment], name: str) -> datetime | None:
    return max(filter(None, (getattr(row, name) for row in rows)), default=None)
