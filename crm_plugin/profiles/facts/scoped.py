"""Facts of a person for staff who are limited to some courses: over the rows of those courses alone.

The stored columns look at all courses; shown, compared or sorted by, they would show what a person did
elsewhere. An order belongs to each course that it has a line of, and then counts whole, as it does
everywhere. What belongs to no course stays: a sign-in, the school's own last access.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from crm_plugin.kernel.db.types import Money, UtcDateTime
from crm_plugin.profiles.facts.compute import LIFE, latest
from crm_plugin.profiles.models.school import HELD_MONEY, Enrolment, Order, OrderLine, Signal
from crm_plugin.profiles.store.course_scope import Scope, root_ids


def fact(name: str, person: Any, scope: Scope, currency: str, dialect: str) -> Any:
    """Return a fact as an expression of a person's row.

    :param name: a column of ``Person``; those that look at no course are the column for everybody.
    :param person: ``Person`` or an alias of it.
    :param scope: host ids of the reader's courses; None = everything, which is the column itself.
    :param currency: the school's own: totals are in it only.
    :param dialect: of the database.
    """
    if scope is None or name not in _FACTS:
        return getattr(person, name)
    return _FACTS[name](person, root_ids(scope), currency, dialect)


def _orders(person: Any, roots: Any, figure: Callable[[Any], Any], where: Callable[[Any], Any]) -> Any:
    order, line = aliased(Order), aliased(OrderLine)
    reached = sa.select(line.order_id).where(line.person_id == person.id, line.root_id.in_(roots))
    chosen = sa.select(figure(order)).where(order.person_id == person.id, where(order))
    return (
        chosen.where(order.id.in_(reached.correlate_except(line))).correlate_except(order).scalar_subquery()
    )


def _paid(order: Any) -> Any:
    return sa.and_(order.state.in_(HELD_MONEY), order.amount > 0)


def _when(order: Any) -> Any:
    return sa.func.coalesce(order.paid_at, order.created_at, type_=UtcDateTime())


def _total(column: str, person: Any, roots: Any, currency: str) -> Any:
    def figure(order: Any) -> Any:
        amount = sa.type_coerce(getattr(order, column), sa.BigInteger)
        return sa.type_coerce(sa.func.coalesce(sa.func.sum(amount), 0), Money)

    def where(order: Any) -> Any:
        held = _paid(order) if column == "amount" else order.state.in_(HELD_MONEY)
        return sa.and_(held, order.currency == currency)

    return sa.type_coerce(_orders(person, roots, figure, where), Money)


def _count(_order: Any) -> Any:
    return sa.func.count()


def _learned(person: Any, roots: Any) -> Any:
    seat = aliased(Enrolment)
    last: Any = sa.select(sa.func.max(seat.last_learned_at))
    chosen = last.where(seat.person_id == person.id, seat.root_id.in_(roots))
    return chosen.correlate_except(seat).scalar_subquery()


def _active(person: Any, roots: Any, dialect: str) -> Any:
    signal = aliased(Signal)
    here = sa.or_(signal.root_id.is_(None), signal.root_id.in_(roots))
    last: Any = sa.select(sa.func.max(signal.at))
    lived = last.where(signal.person_id == person.id, signal.kind.in_(LIFE), here)
    seen = lived.correlate_except(signal).scalar_subquery()
    columns = (person.host_active_at, person.last_login_at, seen)
    found = latest(dialect, columns)
    # MariaDB makes a text of the greatest of instants and a parameter.
    return (
        sa.cast(found, UtcDateTime())
        if dialect in ("mysql", "mariadb")
        else sa.type_coerce(found, UtcDateTime())
    )


_FACTS: dict[str, Callable[[Any, Any, str, str], Any]] = {
    "paid_count": lambda person, roots, _c, _d: _orders(person, roots, _count, _paid),
    "paid_total": lambda person, roots, currency, _d: _total("amount", person, roots, currency),
    "refunded_total": lambda person, roots, currency, _d: _total("refunded", person, roots, currency),
    "unpaid_count": lambda person, roots, _c, _d: _orders(
        person, roots, _count, lambda order: order.state == "pending"
    ),
    "first_paid_at": lambda person, roots, _c, _d: _orders(
        person, roots, lambda order: sa.func.min(_when(order)), _paid
    ),
    "last_paid_at": lambda person, roots, _c, _d: _orders(
        person, roots, lambda order: sa.func.max(_when(order)), _paid
    ),
    "last_active_at": lambda person, roots, _c, dialect: _active(person, roots, dialect),
    "last_learned_at": lambda person, roots, _c, _d: _learned(person, roots),
}
