"""Unpaid orders: those that wait for their payment, and those that were closed without one."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.board.columns.asked import Amounts, Asked, lines, total
from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import Order, OrderLine


@dataclass
class Unpaid:
    """A person's unpaid orders of one course: pending ones, or closed ones."""

    count: int = 0
    amounts: Amounts = field(default_factory=dict)
    since: datetime | None = None
    """When the oldest was placed."""
    until: datetime | None = None
    """Pending: when the first of them closes. Closed: when the last of them was closed."""


def pending(session: Session, asked: Asked) -> dict[int, Unpaid]:
    """Return person → their orders of the course that wait to be paid."""
    return _unpaid(session, asked, "pending", sa.func.min(Order.closes_at, type_=UtcDateTime()), min)


def closed(session: Session, asked: Asked) -> dict[int, Unpaid]:
    """Return person → their orders of the course that were closed unpaid."""
    return _unpaid(session, asked, "closed", sa.func.max(_closed_at(), type_=UtcDateTime()), max)


def _closed_at() -> Any:
    return sa.func.coalesce(Order.closed_at, Order.created_at, type_=UtcDateTime())


def _unpaid(session: Session, asked: Asked, state: str, until: Any, choose: Any) -> dict[int, Unpaid]:
    query = (
        lines(
            OrderLine.person_id,
            Order.currency,
            sa.func.count(sa.distinct(Order.id)),
            total(OrderLine.amount),
            sa.func.min(Order.created_at, type_=UtcDateTime()),
            until,
        )
        .where(OrderLine.root_id == asked.course.id, Order.state == state)
        .where(OrderLine.person_id.in_(asked.people))
        .group_by(OrderLine.person_id, Order.currency)
    )
    found: dict[int, Unpaid] = {}
    for person, currency, count, amount, since, last in session.execute(query):
        one = found.setdefault(person, Unpaid())
        one.count += count
        one.amounts[currency] = amount
        one.since = min(filter(None, (one.since, since)), default=None)
        one.until = choose(filter(None, (one.until, last)), default=None)
    return found


def by_closing(course: BoardCourse) -> sa.Select[Any]:
    """Return ``SELECT person id, key``: when their first pending order closes, to sort by."""
    return _key(course, "pending", sa.func.min(Order.closes_at, type_=UtcDateTime()))


def by_age(course: BoardCourse) -> sa.Select[Any]:
    """Return ``SELECT person id, key``: when their oldest pending order was placed."""
    return _key(course, "pending", sa.func.min(Order.created_at, type_=UtcDateTime()))


def by_close(course: BoardCourse) -> sa.Select[Any]:
    """Return ``SELECT person id, key``: when their last unpaid order was closed."""
    return _key(course, "closed", sa.func.max(_closed_at(), type_=UtcDateTime()))


def _key(course: BoardCourse, state: str, key: Any) -> sa.Select[Any]:
    wanted = OrderLine.root_id == course.id, Order.state == state, OrderLine.person_id.is_not(None)
    return lines(OrderLine.person_id, key.label("key")).where(*wanted).group_by(OrderLine.person_id)
