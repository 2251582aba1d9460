"""How much somebody seems to want a course, worked out from what they did, with the reasons.

The points of a course are the sum over its reasons of (weight of the kind) × log2(1 + count) × recency, where
recency halves every :data:`~crm_plugin.profiles.facts.interests.HALF_LIFE` days: the measure of interest
tags, for one course. An enrolment or a purchase that lasts is *won*, one that was given back *lost* unless
something was done since.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.facts.interests import HALF_LIFE, WEIGHTS
from crm_plugin.profiles.models.school import Enrolment, Order, OrderLine, Signal
from crm_plugin.profiles.store.course_scope import Scope, of_courses
from crm_plugin.profiles.store.enrolment_state import SEATED, in_states

POINTS = {**WEIGHTS, "ordered": 5.0}
"""Weight of each kind of reason; ``ordered`` is an order that waits for its payment."""
THRESHOLDS = (("high", 4.0), ("medium", 1.5), ("low", 0.4))
"""The least points of a level; fewer mean ``none``."""
WON, LOST = ("bought", "enrolled"), ("refunded", "ended")
"""Kinds of reasons that decide by themselves."""


@dataclass(frozen=True)
class Reason:
    """Something that a person did about a course."""

    kind: str
    """Kind of a signal, ``ordered bought enrolled refunded ended``."""
    count: int
    latest: datetime | None


@dataclass(frozen=True)
class Suggestion:
    """The level that the reasons speak for; points are rounded to one decimal."""

    level: str
    points: float
    reasons: tuple[Reason, ...]


NOTHING = Suggestion("none", 0.0, ())
"""The suggestion for a course that somebody has nothing to do with."""


def suggest(session: Session, person_id: int, at: datetime, scope: Scope = None) -> dict[int, Suggestion]:
    """Return root course → suggestion, for every course that a person has something to do with.

    :param at: the present, from which recency counts.
    :param scope: courses (host ids) that the reader is limited to.
    """
    reasons: dict[int, list[Reason]] = defaultdict(list)
    each = (_signals(person_id, scope), _orders(person_id, scope), _seats(person_id, at, scope))
    for root, *facts in session.execute(sa.union_all(*each)):
        reasons[root].append(Reason(*facts))
    return {root: decide(found, at) for root, found in reasons.items()}


def decide(reasons: list[Reason], at: datetime) -> Suggestion:
    """Return what these reasons about one course speak for."""
    ordered = tuple(sorted(reasons, key=lambda one: _points(one, at), reverse=True))
    points = round(sum(_points(one, at) for one in ordered), 1)
    if any(one.kind in WON for one in ordered):
        return Suggestion("won", points, ordered)
    lost = [one for one in ordered if one.kind in LOST]
    if lost and _latest(lost) >= _latest([one for one in ordered if one not in lost]):
        return Suggestion("lost", points, ordered)
    level = next((name for name, least in THRESHOLDS if points >= least), "none")
    return Suggestion(level, points, ordered)


def _latest(reasons: list[Reason]) -> float:
    return max((one.latest.timestamp() for one in reasons if one.latest), default=float("-inf"))


def _points(one: Reason, at: datetime) -> float:
    if one.latest is None:
        half_lives = 2.0
    else:
        half_lives = max((at - one.latest).total_seconds() / 86_400 / HALF_LIFE, 0.0)
    recency: float = 0.5**half_lives
    return POINTS.get(one.kind, 0.0) * math.log2(1 + one.count) * recency


def _signals(person_id: int, scope: Scope) -> Any:
    return (
        sa.select(
            Signal.root_id,
            Signal.kind,
            sa.cast(sa.func.sum(Signal.count), sa.Integer),
            sa.func.max(Signal.at),
        )
        .where(Signal.person_id == person_id, Signal.root_id.is_not(None), Signal.kind.in_(list(WEIGHTS)))
        .where(of_courses(Signal.root_id, scope))
        .group_by(Signal.root_id, Signal.kind)
    )


def _orders(person_id: int, scope: Scope) -> Any:
    kind = sa.case(
        (Order.state.in_(("paid", "refunding", "partly_refunded")), "bought"),
        (Order.state == "refunded", "refunded"),
        else_="ordered",
    )
    at = sa.func.coalesce(Order.refunded_at, Order.paid_at, Order.created_at, type_=UtcDateTime())
    return (
        sa.select(OrderLine.root_id, kind, sa.func.count(), sa.func.max(at, type_=UtcDateTime()))
        .join(Order, Order.id == OrderLine.order_id)
        .where(OrderLine.person_id == person_id, OrderLine.root_id.is_not(None), Order.state != "closed")
        .where(of_courses(OrderLine.root_id, scope))
        .group_by(OrderLine.root_id, kind)
    )


def _seats(person_id: int, at: datetime, scope: Scope) -> Any:
    held = in_states(Enrolment, SEATED, at)
    kind = sa.case((held, "enrolled"), else_="ended")
    since = sa.func.coalesce(Enrolment.ended_at, Enrolment.enrolled_at, type_=UtcDateTime())
    # People who finished or whose access ran out have had the course: that is no loss.
    lost = sa.and_(Enrolment.state == "ended", Enrolment.end_kind.in_(("refund", "removed", "left")))
    return (
        sa.select(Enrolment.root_id, kind, sa.func.count(), sa.func.max(since, type_=UtcDateTime()))
        .where(Enrolment.person_id == person_id, Enrolment.role == "learner", sa.or_(held, lost))
        .where(of_courses(Enrolment.root_id, scope))
        .group_by(Enrolment.root_id, kind)
    )
