"""How much somebody seems to want a course, worked out from what they did, with the reasons.

The points of a course are the sum over its reasons of (weight of the kind) × log2(1 + count) × recency, where
recency halves every :data:`~crm_plugin.profiles.facts.interests.HALF_LIFE` days: the measure of interest
tags, for one course. An enrolment or a purchase that lasts is *won*, one that was given back *lost* unless
something was done since.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
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


@dataclass(frozen=True)
class _Asked:
    """Whose reasons, and about which courses: conditions on a column of persons and one of root courses."""

    people: Callable[[Any], Any]
    courses: Callable[[Any], Any]
    at: datetime


def suggest(session: Session, person_id: int, at: datetime, scope: Scope = None) -> dict[int, Suggestion]:
    """Return root course → suggestion, for every course that a person has something to do with.

    :param at: the present, from which recency counts.
    :param scope: courses (host ids) that the reader is limited to.
    """
    asked = _Asked(lambda person: person == person_id, lambda root: of_courses(root, scope), at)
    reasons: dict[int, list[Reason]] = defaultdict(list)
    for _person, root, *facts in session.execute(_reasons(asked)):
        reasons[root].append(Reason(*facts))
    return {root: decide(found, at) for root, found in reasons.items()}


def suggest_for(
    session: Session, people: Collection[int], roots: Sequence[int], at: datetime
) -> dict[int, Suggestion]:
    """Return person → suggestion for one course or class, for some people at once.

    :param people: our ids.
    :param roots: the root course first; then those that a class contains, about which only acts count.
    """
    asked = _Asked(lambda person: person.in_(people), lambda root: root.in_(roots), at)
    reasons: dict[int, dict[str, Reason]] = defaultdict(dict)
    for person, root, *facts in session.execute(_reasons(asked)):
        one = Reason(*facts)
        if root == roots[0] or one.kind in WEIGHTS.keys() - {*WON, *LOST}:
            known = reasons[person].get(one.kind)
            reasons[person][one.kind] = one if known is None else _joined(known, one)
    return {person: decide(list(found.values()), at) for person, found in reasons.items()}


def _joined(one: Reason, other: Reason) -> Reason:
    latest = max(filter(None, (one.latest, other.latest)), default=None)
    return Reason(one.kind, one.count + other.count, latest)


def _reasons(asked: _Asked) -> Any:
    return sa.union_all(_signals(asked), _orders(asked), _seats(asked))


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


def _signals(asked: _Asked) -> Any:
    return (
        sa.select(
            Signal.person_id,
            Signal.root_id,
            Signal.kind,
            sa.cast(sa.func.sum(Signal.count), sa.Integer),
            sa.func.max(Signal.at),
        )
        .where(asked.people(Signal.person_id), Signal.root_id.is_not(None), Signal.kind.in_(list(WEIGHTS)))
        .where(asked.courses(Signal.root_id))
        .group_by(Signal.person_id, Signal.root_id, Signal.kind)
    )


def _orders(asked: _Asked) -> Any:
    kind = sa.case(
        (Order.state.in_(("paid", "refunding", "partly_refunded")), "bought"),
        (Order.state == "refunded", "refunded"),
        else_="ordered",
    )
    at = sa.func.coalesce(Order.refunded_at, Order.paid_at, Order.created_at, type_=UtcDateTime())
    line = OrderLine
    columns = (line.person_id, line.root_id, kind, sa.func.count(), sa.func.max(at, type_=UtcDateTime()))
    return (
        sa.select(*columns)
        .join(Order, Order.id == line.order_id)
        .where(asked.people(line.person_id), line.root_id.is_not(None), Order.state != "closed")
        .where(asked.courses(line.root_id))
        .group_by(line.person_id, line.root_id, kind)
    )


def _seats(asked: _Asked) -> Any:
    held = in_states(Enrolment, SEATED, asked.at)
    kind = sa.case((held, "enrolled"), else_="ended")
    since = sa.func.coalesce(Enrolment.ended_at, Enrolment.enrolled_at, type_=UtcDateTime())
    # People who finished or whose access ran out have had the course: that is no loss.
    lost = sa.and_(Enrolment.state == "ended", Enrolment.end_kind.in_(("refund", "removed", "left")))
    seat = Enrolment
    columns = (seat.person_id, seat.root_id, kind, sa.func.count(), sa.func.max(since, type_=UtcDateTime()))
    return (
        sa.select(*columns)
        .where(asked.people(seat.person_id), seat.role == "learner", sa.or_(held, lost))
        .where(asked.courses(seat.root_id))
        .group_by(seat.person_id, seat.root_id, kind)
    )
