"""Interested people: what they did about the course, and whether in it or in a course of the class."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.board.columns.asked import Asked, lines
from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.boards.stages.acts import CLOSED, SIGNALS
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import Order, OrderLine, Signal


@dataclass(frozen=True)
class Act:
    """What somebody did about a course lately, one kind of it.

    :param inside: title of the course of the class; empty = about the course or class itself.
    """

    kind: str
    inside: str
    count: int
    latest: datetime


def of_people(session: Session, asked: Asked) -> dict[int, list[Act]]:
    """Return person → their acts, the latest first."""
    titles = {part.id: part.title for part in asked.course.parts}
    found: dict[int, list[Act]] = defaultdict(list)
    rows = _rows(asked.course, asked.at - timedelta(days=asked.present.interest_days), asked.people)
    for person, root, kind, count, latest in session.execute(rows):
        found[person].append(Act(kind, titles.get(root, ""), count, latest))
    return {person: sorted(acts, key=lambda one: one.latest, reverse=True) for person, acts in found.items()}


def latest(course: BoardCourse, at: datetime, days: int) -> sa.Select[Any]:
    """Return ``SELECT person id, key``: when each person acted last, to sort by."""
    rows = _rows(course, at - timedelta(days=days), None).subquery()
    return sa.select(rows.c.person_id, sa.func.max(rows.c.latest, type_=UtcDateTime()).label("key")).group_by(
        rows.c.person_id
    )


def _rows(course: BoardCourse, since: datetime, people: Any) -> Any:
    closed_at = sa.func.coalesce(Order.closed_at, Order.created_at, type_=UtcDateTime())
    signals = (
        sa.select(
            Signal.person_id,
            Signal.root_id,
            Signal.kind,
            sa.cast(sa.func.sum(Signal.count), sa.Integer).label("count"),
            sa.func.max(Signal.at, type_=UtcDateTime()).label("latest"),
        )
        .where(Signal.root_id.in_(course.roots), Signal.kind.in_(SIGNALS), Signal.at >= since)
        .group_by(Signal.person_id, Signal.root_id, Signal.kind)
    )
    orders = (
        lines(
            OrderLine.person_id,
            OrderLine.root_id,
            sa.literal(CLOSED),
            sa.func.count(sa.distinct(Order.id)),
            sa.func.max(closed_at, type_=UtcDateTime()),
        )
        .where(OrderLine.root_id.in_(course.roots), Order.state == "closed", closed_at >= since)
        .group_by(OrderLine.person_id, OrderLine.root_id)
    )
    if people is not None:
        signals = signals.where(Signal.person_id.in_(people))
        orders = orders.where(OrderLine.person_id.in_(people))
    return sa.union_all(signals, orders)
