"""Acts of interest in a course or class: what somebody did that makes them a potential learner of it.

A view, trial, favourite, audit or coupon, and an order that was closed unpaid. An act in a course counts for
the classes that contain the course as well; ``own`` says which it was.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from crm_plugin.boards.stages.questions import Asked, Select
from crm_plugin.kernel.db.conditions import equals
from crm_plugin.profiles.models import school as m
from crm_plugin.segments.language.dates import shift

SIGNALS = ("view", "trial", "favourite", "audit", "coupon")
"""Kinds of signals that are acts of interest. A review or question is none: learners write them too."""
CLOSED = "closed_order"
"""The kind of an order that was closed unpaid."""


def acts(asked: Asked) -> Any:
    """Return recent acts as a table ``person_id root_id at kind own``, one for each course they count for.

    Acts of the last ``interest_days`` count, and none that is still to come.
    """
    branches = [make(asked, inside) for inside in (False, True) for make in (_signals, _closed_orders)]
    return sa.union_all(*branches).subquery("acts")


def closing(order: Any) -> Any:
    """Return when an order was closed, as far as the school says."""
    return sa.func.coalesce(order.closed_at, order.created_at)


def _signals(asked: Asked, inside: bool) -> Select:
    signal = aliased(m.Signal)
    kinds = signal.kind.in_(SIGNALS)
    return _counted(asked, inside, sa.select(signal.person_id), signal, signal.at, signal.kind).where(kinds)


def _closed_orders(asked: Asked, inside: bool) -> Select:
    line, order = aliased(m.OrderLine), aliased(m.Order)
    found = sa.select(line.person_id).join(order, order.id == line.order_id)
    kind = sa.literal(CLOSED)
    closed = sa.and_(line.held_money == sa.false(), order.state == "closed")
    return _counted(asked, inside, found, line, closing(order), kind).where(closed)


def _counted(asked: Asked, inside: bool, found: Select, row: Any, at: Any, kind: Any) -> Select:
    """Return the acts with the course that they count for: their own, or a class that contains it."""
    holder = aliased(m.Course)
    if inside:
        link, part = aliased(m.CourseLink), aliased(m.Course)
        found = found.join(part, equals(part.root_id, row.root_id))
        found = found.join(link, sa.and_(link.host_id == part.host_id, link.kind == "contains"))
        found = found.join(holder, holder.id == link.course_id)
    root = holder.root_id if inside else None
    since = shift(asked.present, -asked.present.interest_days, "day")
    own = sa.literal_column("0" if inside else "1", sa.Integer).label("own")
    place = (row.root_id if root is None else root).label("root_id")
    named = (place, at.label("at"), kind.label("kind"), own)
    recent = (at >= since, at <= asked.present.as_of)
    return found.add_columns(*named).where(*asked.of(row, root), *recent)
