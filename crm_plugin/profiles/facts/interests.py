"""Interest tags: the tags of courses behind what a person did, with the reasons.

The weight of a tag is the sum over its reasons of (weight of the kind) × log2(1 + count) × recency,
where recency halves every :data:`HALF_LIFE` days. What is kept is the logarithm of that sum as of a fixed
day: all tags of all people age alike, so it stays right while time goes by, and a tag with nothing new is
not written again.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import CourseLabel, Enrolment, Interest, Order, OrderLine, Signal
from crm_plugin.profiles.store.recompute_queue import OfPeople

HALF_LIFE = 90
"""Days after which something counts half."""
FIXED_DAY = datetime(2020, 1, 1, tzinfo=UTC)
"""The day that weights are reckoned to."""
_OLDEST = 200.0
"""Half-lives before that day beyond which everything is equally old."""
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
"""Weight of each kind of reason; kinds that are not named (a login) say nothing about a tag."""


def compute(session: Session, of_people: OfPeople, at: datetime) -> None:
    """Write the interest tags of these persons, by one statement.

    :param at: the present: nothing counts as newer than it.
    """
    dialect = session.get_bind().dialect.name
    if dialect == "sqlite":
        _bring_mathematics(session)
    found = _weightiest(_reasons(of_people), dialect, at)
    held = session.scalar(sa.select(sa.exists().where(of_people(Interest.person_id))))
    if held and dialect == "postgresql":
        session.execute(_replaced(found, of_people), execution_options=_UNSYNCED)
        return
    if held:
        session.execute(sa.delete(Interest).where(of_people(Interest.person_id)), execution_options=_UNSYNCED)
    session.execute(sa.insert(Interest).from_select(_NAMES, found))


_UNSYNCED = {"synchronize_session": False}
_NAMES = ["person_id", "folded", "tag", "strength", "reasons"]


def _replaced(found: sa.Select[Any], of_people: OfPeople) -> Any:
    """Return the statement that deletes and writes only what differs: most tags stay as they are."""
    wanted = found.cte("wanted")
    same = (wanted.c.person_id == Interest.person_id, wanted.c.folded == Interest.folded)
    lost = sa.delete(Interest).where(of_people(Interest.person_id), ~sa.exists().where(*same)).cte("lost")
    insert = postgresql.insert(Interest).from_select(_NAMES, sa.select(wanted))
    new = insert.excluded
    differs = sa.or_(
        Interest.strength != new.strength,
        Interest.tag != new.tag,
        sa.cast(Interest.reasons, sa.Text) != sa.cast(new.reasons, sa.Text),
    )
    values = {name: new[name] for name in _NAMES[2:]}
    return insert.on_conflict_do_update(index_elements=_NAMES[:2], set_=values, where=differs).add_cte(lost)


def _bring_mathematics(session: Session) -> None:
    """Give SQLite LN and POWER, which it has only where it was built with them."""
    driver: Any = session.connection().connection.driver_connection
    driver.create_function("ln", 1, math.log, deterministic=True)
    driver.create_function("power", 2, math.pow, deterministic=True)


def _weightiest(reasons: sa.CompoundSelect[Any], dialect: str, at: datetime) -> sa.Select[Any]:
    """Return the tags of each person, the weightiest :data:`KEPT` of them."""
    one = reasons.subquery()
    # What counts nothing at all has a logarithm too.
    logarithm = sa.func.ln(sa.func.sum(_weight(one, dialect, at)) + 1e-300) / math.log(2)
    # To so many places that the order of adding does not show, and without decimal numbers: PostgreSQL
    # reckons with those ten times as slowly.
    strength = (sa.func.round(logarithm * 1e9) / 1e9).label("strength")
    order = sa.over(
        sa.func.row_number(), partition_by=one.c.person_id, order_by=[strength.desc(), one.c.folded]
    )
    tags = (
        sa.select(
            one.c.person_id,
            one.c.folded,
            sa.func.min(one.c.tag).label("tag"),
            strength,
            _OBJECT[dialect](one.c.kind, one.c.count).label("reasons"),
            order.label("place"),
        )
        .group_by(one.c.person_id, one.c.folded)
        .subquery()
    )
    wanted = (tags.c.person_id, tags.c.folded, tags.c.tag, tags.c.strength, tags.c.reasons)
    return sa.select(*wanted).where(tags.c.place <= KEPT)


_OBJECT: dict[str, Any] = {
    "postgresql": sa.func.json_object_agg,
    "mysql": sa.func.json_objectagg,
    "mariadb": sa.func.json_objectagg,
    "sqlite": sa.func.json_group_object,
}


def _weight(one: Any, dialect: str, at: datetime) -> Any:
    """Return what one reason adds to a tag's weight; a reason without a date counts as two half-lives old."""
    present = (at - FIXED_DAY) / timedelta(days=HALF_LIFE)
    half_lives = sa.func.coalesce(_days(one.c.latest, dialect) / HALF_LIFE, present - 2.0)
    kinds = sa.case(WEIGHTS, value=one.c.kind)
    # Of dates that no school had, PostgreSQL would refuse the power.
    within = sa.case((half_lives > present, present), (half_lives < -_OLDEST, -_OLDEST), else_=half_lives)
    recency = sa.func.power(2.0, within)
    return kinds * sa.func.ln(1.0 + one.c.count) / math.log(2) * recency


def _days(latest: Any, dialect: str) -> Any:
    """Return the days from :data:`FIXED_DAY` to an instant."""
    fixed = sa.literal(FIXED_DAY, UtcDateTime())
    if dialect == "postgresql":
        return sa.func.date_part("epoch", latest - fixed, type_=sa.Double) / 86_400.0
    if dialect == "sqlite":
        return sa.func.julianday(latest) - sa.func.julianday(fixed)
    return sa.func.timestampdiff(sa.text("SECOND"), fixed, latest) / 86_400.0


def _reasons(of_people: OfPeople) -> sa.CompoundSelect[Any]:
    """(person_id, folded tag, tag, kind, count, latest) of all that these persons did."""
    kinds = [kind for kind in WEIGHTS if kind not in ("bought", "enrolled")]
    since = sa.func.coalesce(Enrolment.enrolled_at, Enrolment.starts_at)
    paid = sa.func.coalesce(Order.paid_at, Order.created_at)
    return sa.union_all(
        _tagged(Signal, Signal.kind, sa.func.sum(Signal.count), Signal.at, of_people)
        .where(Signal.kind.in_(kinds))
        .group_by(Signal.kind),
        _tagged(Enrolment, sa.literal("enrolled"), sa.func.count(), since, of_people).where(
            Enrolment.role == "learner"
        ),
        _tagged(OrderLine, sa.literal("bought"), sa.func.count(), paid, of_people)
        .join(Order, Order.id == OrderLine.order_id)
        .where(OrderLine.held_money.is_(True)),
    )


def _tagged(model: Any, kind: Any, count: Any, at: Any, of_people: OfPeople) -> Any:
    label = CourseLabel
    return (
        sa.select(
            model.person_id,
            label.folded,
            sa.func.min(label.value).label("tag"),
            kind.label("kind"),
            count.label("count"),
            sa.func.max(at, type_=UtcDateTime()).label("latest"),
        )
        .select_from(model)
        .join(label, sa.and_(label.course_id == model.root_id, label.kind == "tag"))
        .where(of_people(model.person_id))
        .group_by(model.person_id, label.folded)
    )
