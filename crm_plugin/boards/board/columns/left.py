"""People who left, and people whose access ran out: when, how, for what reason, and what they got back."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.board.columns.asked import Amounts, Asked, lines, total
from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.boards.stages.stage_rows import LEFT
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import Enrolment, Order, OrderLine
from crm_plugin.profiles.store.enrolment_state import end_kind_at, end_time_at, in_states
from crm_plugin.profiles.store.masking import masked

EXPIRED = ("expired",)


@dataclass
class End:
    """How a person's last seat in a course ended."""

    kind: str
    at: datetime | None
    reason: str | None = None
    refunded: Amounts = field(default_factory=dict)


def of_people(session: Session, asked: Asked) -> dict[int, End]:
    """Return person → how they left, with the refunds of the course."""
    found = _ends(session, asked, LEFT)
    query = (
        lines(OrderLine.person_id, Order.currency, total(OrderLine.refunded))
        .where(OrderLine.root_id == asked.course.id, OrderLine.refunded > 0)
        .where(OrderLine.person_id.in_(asked.people))
        .group_by(OrderLine.person_id, Order.currency)
    )
    for person, currency, amount in session.execute(query):
        if person in found:
            found[person].refunded[currency] = amount
    return found


def expired(session: Session, asked: Asked) -> dict[int, End]:
    """Return person → when their access ran out."""
    return _ends(session, asked, EXPIRED)


def by_end(course: BoardCourse, at: datetime, kinds: tuple[str, ...]) -> sa.Select[Any]:
    """Return ``SELECT person id, key``: when their last seat ended, to sort by."""
    ended: Any = sa.func.max(end_time_at(Enrolment, at), type_=UtcDateTime()).label("key")
    query: sa.Select[Any] = sa.select(Enrolment.person_id, ended).where(*ends(course, at, kinds))
    return query.group_by(Enrolment.person_id)


def ends(course: BoardCourse, at: datetime, kinds: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the conditions on seats in a course that ended in one of these ways."""
    ended = in_states(Enrolment, ("ended",), at), end_kind_at(Enrolment, at).in_(kinds)
    return Enrolment.root_id == course.id, Enrolment.role == "learner", *ended


def _ends(session: Session, asked: Asked, kinds: tuple[str, ...]) -> dict[int, End]:
    when: Any = sa.type_coerce(end_time_at(Enrolment, asked.at), UtcDateTime)
    columns = (Enrolment.person_id, end_kind_at(Enrolment, asked.at), when, Enrolment.end_reason)
    wanted = (*ends(asked.course, asked.at, kinds), Enrolment.person_id.in_(asked.people))
    found: dict[int, End] = {}
    for person, *end in session.execute(sa.select(*columns).where(*wanted).order_by(Enrolment.id)):
        kind, at, reason = end
        before = found.get(person)
        if before is None or before.at is None or (at is not None and at >= before.at):
            found[person] = End(str(kind), at, reason if asked.present.contacts else masked(reason))
    return found
