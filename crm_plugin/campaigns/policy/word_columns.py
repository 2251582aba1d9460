"""What a word of a text stands for, as SQL over :class:`Person`: a column, or of their unpaid order."""

from typing import Any

import sqlalchemy as sa

from crm_plugin.profiles.models.school import Course, Order, OrderLine, Person

PRICE, AMOUNT, CLOSES = "price", "order_amount", "closes_at"
WORDS = (PRICE, AMOUNT, CLOSES)
"""Beside columns of the person: the price of the campaign's course or class; amount and closing of the
person's newest unpaid order, for that course where the campaign names one."""


def expression(column: str, course: str) -> Any:
    """Return a word, roughly as it reads; NULL for people who have nothing there.

    :param column: of the person, or one of :data:`WORDS`.
    :param course: the school's id of what the campaign is about; empty = nothing in particular.
    """
    if column not in WORDS:
        return getattr(Person, column)
    if column == PRICE:
        price = sa.select(sa.cast(Course.price, sa.String(32))).where(Course.host_id == course)
        return price.scalar_subquery()
    value = sa.cast(Order.amount if column == AMOUNT else Order.closes_at, sa.String(32))
    newest = unpaid(course, value).where(Order.person_id == Person.id)
    newest = newest.order_by(Order.created_at.desc(), Order.id.desc()).limit(1)
    return newest.correlate(Person).scalar_subquery()


def unpaid(course: str, *columns: Any) -> sa.Select[Any]:
    """Return these columns of unpaid orders, of those for a course where one is named."""
    query = sa.select(*columns).where(Order.state == "pending")
    if not course:
        return query
    root = sa.select(Course.root_id).where(Course.host_id == course).scalar_subquery()
    line = sa.exists().where(OrderLine.order_id == Order.id, OrderLine.root_id == root)
    return query.where(line.correlate(Order))
