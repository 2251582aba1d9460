"""Figures of the home page, read from the stored profiles; nothing here asks the school."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.types import Money
from crm_plugin.profiles.models.school import Order, Person

_HELD_MONEY = ("paid", "refunding", "partly_refunded", "refunded")
DAYS = 30
"""Days that the figures and trends look back, today included."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The school at a glance; people who were erased or merged away are not counted."""

    people: int
    registered: int
    """In the last :data:`DAYS` days."""
    active: int
    """Signed in or learned in the last :data:`DAYS` days."""
    buyers: int
    """Ever paid for something."""
    unpaid: int
    """Have an order that waits for its payment."""
    taken: Decimal
    """Paid in the last :data:`DAYS` days, in the school's currency, refunds taken off."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a trend."""

    start: datetime
    registered: int
    taken: Decimal


def figures(session: Session, now: datetime, zone: ZoneInfo, currency: str | None) -> Figures:
    """Return the figures at an instant.

    :param zone: of the school, whose calendar days are meant.
    :param currency: of the school; orders in another one are left out of ``taken``.
    """
    since = day_starts(now, zone)[0]
    living = Person.status != "erased", Person.merged_into.is_(None)
    row = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((Person.registered_at >= since, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((Person.last_active_at >= since, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((Person.paid_count > 0, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((Person.unpaid_count > 0, 1), else_=0)), 0),
        ).where(*living)
    ).one()
    taken = session.scalar(sa.select(_sum(_net())).where(*_in(currency), _paid_at() >= since))
    people, registered, active, buyers, unpaid = (int(value) for value in row)
    return Figures(people, registered, active, buyers, unpaid, taken or Decimal(0))


def trend(session: Session, now: datetime, zone: ZoneInfo, currency: str | None) -> list[Day]:
    """Return the last :data:`DAYS` days of the school's calendar, oldest first."""
    starts = day_starts(now, zone)
    registered = _by_day(starts, Person.registered_at, 1, sa.func.sum)
    amounts = _by_day(starts, _paid_at(), _net(), _sum)
    people = session.execute(sa.select(*registered).where(Person.registered_at >= starts[0])).one()
    sums = session.execute(sa.select(*amounts).where(*_in(currency), _paid_at() >= starts[0])).one()
    return [
        Day(start, int(count or 0), total or Decimal(0))
        for start, count, total in zip(starts, people, sums, strict=False)
    ]


def day_starts(now: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the first instants of the last :data:`DAYS` days in a zone, oldest first."""
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today.replace(tzinfo=None) - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return [day.replace(tzinfo=zone) for day in days]


def _paid_at() -> sa.ColumnElement[datetime]:
    return sa.func.coalesce(Order.paid_at, Order.created_at)


def _net() -> sa.ColumnElement[Decimal]:
    return Order.amount - Order.refunded


def _sum(amounts: Any) -> sa.ColumnElement[Any]:
    # A difference of amounts forgets that it is one; PostgreSQL sums big numbers as numeric.
    return sa.type_coerce(sa.func.sum(amounts), Money)


def _by_day(starts: list[datetime], at: Any, value: Any, total: Any) -> list[sa.ColumnElement[Any]]:
    # Days as intervals and not by a date function: the three databases cut days at different hours.
    columns: list[sa.ColumnElement[Any]] = []
    for position, start in enumerate(starts):
        inside = at >= start
        if position + 1 < len(starts):
            inside = sa.and_(inside, at < starts[position + 1])
        columns.append(total(sa.case((inside, value), else_=None)))
    return columns


def _in(currency: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    return Order.currency == (currency or ""), Order.state.in_(_HELD_MONEY)
