"""Interest tags: the tags of courses behind what a person did, with the reasons.

The weight of a tag is the sum over its reasons of (weight of the kind) × log2(1 + count) × recency,
where recency halves every :data:`HALF_LIFE` days. All tags of a person are weighed at the same
instant and age alike, so their order stays right until the person is touched again.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db import UtcDateTime
from crm_plugin.profiles.models import CourseLabel, Enrolment, Interest, Order, OrderLine, Signal
from crm_plugin.profiles.work import insert_rows

HALF_LIFE = 90
"""Days after which something counts half."""
KEPT = 20
"""Tags kept for a person, the weightiest first."""
WEIGHTS = {
    "bought": 5.0,
    "enrolled": 4.0,
    "trial": 3.0,
    "learn": 3.0,
    "favourite": 2.5,
    "coupon": 2.5,
    "audit": 2.0,
    "question": 2.0,
    "review": 2.0,
    "visit": 1.0,
    "view": 1.0,
}
"""Weight of each kind of reason; kinds that are not named (a login) tell nothing about a tag."""


def compute(session: Session, ids: Sequence[int], at: datetime) -> None:
    """Write the interest tags of these persons anew.

    :param at: the present, from which recency counts.
    """
    tags: dict[tuple[int, str], dict[str, Any]] = {}
    for person, folded, value, kind, count, latest in session.execute(_reasons(ids)):
        tag = tags.setdefault((person, folded), {"tag": value, "weight": 0.0, "reasons": {}})
        tag["tag"] = min(tag["tag"], value)
        tag["weight"] += weight(kind, int(count), latest, at)
        tag["reasons"][kind] = int(count)
    session.execute(sa.delete(Interest).where(Interest.person_id.in_(ids)), execution_options=_UNSYNCED)
    insert_rows(session, Interest, _weightiest(tags))


_UNSYNCED = {"synchronize_session": False}


def weight(kind: str, count: int, latest: datetime | None, at: datetime) -> float:
    """Return what one reason adds to a tag's weight; a reason without a date counts as two half-lives old."""
    days = 2.0 * HALF_LIFE if latest is None else max(0.0, (at - latest).total_seconds() / 86_400)
    return WEIGHTS[kind] * math.log2(1 + count) * math.pow(0.5, days / HALF_LIFE)


def _weightiest(tags: dict[tuple[int, str], dict[str, Any]]) -> list[dict[str, Any]]:
    by_person: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for (person, folded), tag in tags.items():
        row = {"person_id": person, "folded": folded, **tag, "weight": round(tag["weight"], 4)}
        by_person[person].append(row)
    return [
        row
        for rows in by_person.values()
        for row in sorted(rows, key=lambda row: (-row["weight"], row["folded"]))[:KEPT]
    ]


def _reasons(ids: Sequence[int]) -> sa.CompoundSelect[Any]:
    """(person, folded tag, tag, kind, how many, latest) of all that these persons did."""
    kinds = [kind for kind in WEIGHTS if kind not in ("bought", "enrolled")]
    since = sa.func.coalesce(Enrolment.enrolled_at, Enrolment.starts_at)
    paid = sa.func.coalesce(Order.paid_at, Order.created_at)
    return sa.union_all(
        _tagged(Signal, Signal.kind, sa.func.sum(Signal.count), Signal.at, ids)
        .where(Signal.kind.in_(kinds))
        .group_by(Signal.kind),
        _tagged(Enrolment, sa.literal("enrolled"), sa.func.count(), since, ids).where(
            Enrolment.role == "learner"
        ),
        _tagged(OrderLine, sa.literal("bought"), sa.func.count(), paid, ids)
        .join(Order, Order.id == OrderLine.order_id)
        .where(OrderLine.held_money.is_(True)),
    )


def _tagged(model: Any, kind: Any, count: Any, at: Any, ids: Sequence[int]) -> Any:
    label = CourseLabel
    latest = sa.func.max(at, type_=UtcDateTime())
    return (
        sa.select(model.person_id, label.folded, sa.func.min(label.value), kind, count, latest)
        .select_from(model)
        .join(label, sa.and_(label.course_id == model.root_id, label.kind == "tag"))
        .where(model.person_id.in_(ids))
        .group_by(model.person_id, label.folded)
    )
