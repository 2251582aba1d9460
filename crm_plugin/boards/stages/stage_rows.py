"""The one definition of each stage in SQL: pairs of a person and a root course, at an instant.

Fields of the filter language, figures and tabs all come from here, so that they cannot differ. Only dates
depend on the instant; states are the school's word (:mod:`crm_plugin.profiles.store.enrolment_state`).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from crm_plugin.boards.stages.acts import acts, closing
from crm_plugin.boards.stages.questions import Asked, Select, is_anybody, same, same_orders
from crm_plugin.boards.stages.stalled import stalled
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models import school as m
from crm_plugin.segments.language.value_types import Condition

LEFT = ("refund", "removed", "left")
"""Kinds of end that make somebody one who left; access that ran out is none."""
HELD = ("active", "suspended")
"""States of a learner's seat that lasts: access has begun, or begins later."""

_LONG_AGO, _FOREVER = (sa.literal(datetime(year, 1, 1, tzinfo=UTC), UtcDateTime) for year in (1001, 9998))


def pairs(stage: str, asked: Asked) -> Select:
    """Return ``SELECT DISTINCT person_id, root_id`` of everybody in a stage of the courses asked for.

    :param stage: one of ``STAGES`` or ``AUDIENCES`` of :mod:`crm_plugin.boards.stages.stage_trees`, or
        ``stalled``.
    """
    return rows(stage, asked).distinct()


def rows(stage: str, asked: Asked) -> Select:
    """Return ``SELECT person_id, root_id`` of everybody in a stage; a pair may come more than once."""
    person, found = aliased(m.Person), _STAGES[stage](asked).subquery(stage).c
    chosen = sa.select(found.person_id, found.root_id).join(person, person.id == found.person_id)
    return chosen.where(*is_anybody(person))


def _potential(asked: Asked) -> Select:
    """Return the people whose latest act is newer than all that ends an interest, in one pass over both.

    Looked up act by act it took four times as long where a course has many people.
    """
    act = acts(asked)
    latest = sa.select(act.c.person_id, act.c.root_id, act.c.at, sa.null().label("over")).select_from(act)
    ends = (_held_until(asked), _pending_until(asked), _left_at(asked), _refunded_at(asked))
    whole = sa.union_all(latest, *ends).subquery("interest").c
    newer = sa.func.max(whole.at) > sa.func.coalesce(sa.func.max(whole.over), _LONG_AGO)
    return sa.select(whole.person_id, whole.root_id).group_by(whole.person_id, whole.root_id).having(newer)


def _over(found: Select, at: Any) -> Select:
    """Return pairs with an instant up to which acts of interest do not count."""
    return found.add_columns(sa.null().label("at"), at.label("over"))


def _held_until(asked: Asked) -> Select:
    seat = aliased(m.Enrolment)
    return _over(asked.pairs(seat), _FOREVER).where(*_held(seat, asked))


def _pending_until(asked: Asked) -> Select:
    return _over(_pending(asked), _FOREVER)


def _left_at(asked: Asked) -> Select:
    """Return when people left; of an unknown day nothing is newer."""
    seat = aliased(m.Enrolment)
    return _over(asked.pairs(seat), sa.func.coalesce(seat.ended_at, _FOREVER)).where(*_left(seat))


def _refunded_at(asked: Asked) -> Select:
    """Return when orders of a course were refunded; of an unknown day nothing is newer."""
    line, order = aliased(m.OrderLine), aliased(m.Order)
    whole = sa.and_(line.refunded > 0, line.refunded >= line.amount)
    found = asked.pairs(line).join(order, order.id == line.order_id)
    back = sa.or_(order.state == "refunded", whole)
    until = sa.func.coalesce(order.refunded_at, _FOREVER)
    return _over(found, until).where(line.held_money == sa.true(), back)


def _pending(asked: Asked) -> Select:
    line, order = aliased(m.OrderLine), aliased(m.Order)
    found = asked.pairs(line).join(order, order.id == line.order_id)
    return found.where(line.held_money == sa.false(), order.state == "pending")


def _pending_orders(other: Any) -> Select:
    line, order = aliased(m.OrderLine), aliased(m.Order)
    return same_orders(line, order, other, line.held_money == sa.false(), order.state == "pending")


def _upcoming(asked: Asked) -> Select:
    seat, begun = aliased(m.Enrolment), aliased(m.Enrolment)
    later = seat.starts_at > asked.present.as_of
    learning = same(begun, seat, *_held(begun, asked), _has_begun(begun, asked))
    return asked.pairs(seat).where(*_held(seat, asked), later, asked.without(learning))


def _learners(asked: Asked) -> Select:
    seat = aliased(m.Enrolment)
    return asked.pairs(seat).where(*_held(seat, asked), _has_begun(seat, asked))


def _stalled(asked: Asked) -> Select:
    return stalled(asked, lambda seat, of: [*_held(seat, of), _has_begun(seat, of)])


def _gone(asked: Asked) -> Select:
    seat, held = aliased(m.Enrolment), aliased(m.Enrolment)
    return asked.pairs(seat).where(*_left(seat), asked.without(same(held, seat, *_held(held, asked))))


def _expired(asked: Asked) -> Select:
    seat, held = aliased(m.Enrolment), aliased(m.Enrolment)
    over = sa.and_(seat.state != "ended", seat.expires_at <= asked.present.as_of)
    ran_out = sa.or_(over, sa.and_(seat.state == "ended", seat.end_kind == "expired"))
    without = asked.without(same(held, seat, *_held(held, asked)))
    return asked.pairs(seat).where(seat.role == "learner", ran_out, without)


def _closed_unpaid(asked: Asked) -> Select:
    line, order = aliased(m.OrderLine), aliased(m.Order)
    closed = sa.and_(line.held_money == sa.false(), order.state == "closed")
    found = asked.pairs(line).join(order, order.id == line.order_id).where(closed)
    return found.where(
        asked.without(_pending_orders(line)),
        asked.without(_seats_since(line, closing(order), asked)),
        asked.without(_purchases_since(line, closing(order))),
    )


def _seats_since(other: Any, at: Any, asked: Asked) -> Select:
    """Return the seats of a course that are held now, or were taken since."""
    seat = aliased(m.Enrolment)
    held = sa.and_(*_held(seat, asked))
    return same(seat, other, seat.role == "learner", sa.or_(held, seat.enrolled_at > at))


def _purchases_since(other: Any, at: Any) -> Select:
    """Return the purchases of a course since; where a day is unknown, it counts as since."""
    line, order = aliased(m.OrderLine), aliased(m.Order)
    bought = sa.func.coalesce(order.paid_at, order.created_at)
    since = sa.or_(bought.is_(None), at.is_(None), bought > at)
    return same_orders(line, order, other, line.held_money == sa.true(), since)


def _held(seat: Any, asked: Asked) -> list[Condition]:
    """Return that a learner's seat is active, suspended or upcoming: access did not run out."""
    lasts = sa.or_(seat.expires_at.is_(None), seat.expires_at > asked.present.as_of)
    return [seat.role == "learner", seat.state.in_(HELD), lasts]


def _has_begun(seat: Any, asked: Asked) -> Condition:
    return sa.or_(seat.starts_at.is_(None), seat.starts_at <= asked.present.as_of)


def _left(seat: Any) -> list[Condition]:
    return [seat.role == "learner", seat.state == "ended", seat.end_kind.in_(LEFT)]


_STAGES: Mapping[str, Callable[[Asked], Select]] = {
    "potential": _potential,
    "pending": _pending,
    "upcoming": _upcoming,
    "learners": _learners,
    "left": _gone,
    "expired": _expired,
    "closed_unpaid": _closed_unpaid,
    "stalled": _stalled,
}
