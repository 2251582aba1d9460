"""Facts: columns of the profile computed from orders, enrolments and signals, for touched people only.

Everything is set-based: one statement for some thousand people. Other capabilities bring facts of
their own by :data:`FACTS`.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db import Money, UtcDateTime
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.registry import Registry
from crm_plugin.profiles import interests
from crm_plugin.profiles.models import Enrolment, Order, Person, Signal
from crm_plugin.profiles.rows import HELD_MONEY
from crm_plugin.profiles.stream_models import Touched
from crm_plugin.profiles.touched import touch, touch_all

__all__ = ["FACTS", "recompute", "recompute_some", "register", "touch", "touch_all"]

Recompute = Callable[[Session, Sequence[int]], None]
"""Computes facts of these persons (our ids) again, in the caller's transaction."""

FACTS: Registry[Recompute] = Registry("facts")
CHUNK = 2_000
"""Touched rows that are taken at once."""
LIFE = ("login", "learn")
"""Kinds of signals that count as activity."""
_NEVER = datetime(1000, 1, 1, tzinfo=UTC)


def register(name: str, recompute_them: Recompute) -> None:
    """Add facts that another capability keeps on the profile."""
    FACTS.add(name, recompute_them)


def recompute(crm: Crm, until: float | None = None) -> int:
    """Compute the facts of all touched people again; return of how many.

    :param until: the monotonic time at which to stop between two chunks; None = when nobody is left.
    """
    currency, count = own_currency(crm), 0
    while until is None or time.monotonic() < until:
        done = crm.db.run(lambda session: recompute_some(session, currency, crm.clock()))
        if not done:
            break
        count += done
    return count


def own_currency(crm: Crm) -> str | None:
    """Return the school's own currency: sums of money are in it only; None = nobody said."""
    if crm.settings.host_currency:
        return crm.settings.host_currency
    try:
        return crm.host.info.currency
    except Unavailable:
        return None


def recompute_some(session: Session, currency: str | None, at: datetime) -> int:
    """Take some touched people off the list and compute their facts; return how many they were."""
    taken = session.execute(
        sa.select(Touched.id, Touched.person_id)
        .order_by(Touched.person_id)
        .limit(CHUNK)
        .with_for_update(skip_locked=True)
    ).all()
    ids = sorted({person_id for _, person_id in taken})
    if not ids:
        return 0
    # In the order of ids, as everybody locks persons; then nobody computes from older rows after us.
    session.execute(sa.select(Person.id).where(Person.id.in_(ids)).order_by(Person.id).with_for_update())
    compute(session, ids, currency, at)
    done = sa.delete(Touched).where(Touched.id.in_([id for id, _ in taken]))
    session.execute(done, execution_options=_UNSYNCED)
    return len(ids)


_UNSYNCED = {"synchronize_session": False}


def compute(session: Session, ids: Sequence[int], currency: str | None, at: datetime) -> None:
    """Compute all facts of these persons, those of other capabilities included."""
    dialect = session.get_bind().dialect.name
    values = {**_money(currency), **_life(dialect)}
    session.execute(sa.update(Person).where(Person.id.in_(ids)).values(values), execution_options=_UNSYNCED)
    interests.compute(session, ids, at)
    for _, recompute_them in FACTS.items():
        recompute_them(session, ids)


def _money(currency: str | None) -> dict[str, Any]:
    held = (Order.person_id == Person.id, Order.state.in_(HELD_MONEY))
    paid = (*held, Order.amount > 0)
    own = Order.currency == (currency or "")
    when = sa.func.coalesce(Order.paid_at, Order.created_at)
    return {
        "paid_count": _one(sa.func.count(), *paid),
        "paid_total": sa.func.coalesce(_one(sa.func.sum(Order.amount), *paid, own), _zero()),
        "refunded_total": sa.func.coalesce(_one(sa.func.sum(Order.refunded), *held, own), _zero()),
        "unpaid_count": _one(sa.func.count(), Order.person_id == Person.id, Order.state == "pending"),
        "first_paid_at": _one(sa.func.min(when), *paid),
        "last_paid_at": _one(sa.func.max(when), *paid),
    }


def _life(dialect: str) -> dict[str, Any]:
    signal = _one(sa.func.max(Signal.at), Signal.person_id == Person.id, Signal.kind.in_(LIFE))
    learned = _one(sa.func.max(Enrolment.last_learned_at), Enrolment.person_id == Person.id)
    columns = (Person.host_active_at, Person.last_login_at, signal)
    return {"last_active_at": _latest(dialect, columns), "last_learned_at": learned}


def _one(value: Any, *where: Any) -> Any:
    return sa.select(value).where(*where).correlate(Person).scalar_subquery()


def _zero() -> Any:
    return sa.literal(Decimal(0), Money())


def _latest(dialect: str, columns: Sequence[Any]) -> Any:
    """The greatest that is not NULL: GREATEST ignores NULL on PostgreSQL only, and SQLite calls it MAX."""
    never = sa.literal(_NEVER, UtcDateTime())
    greatest = sa.func.max if dialect == "sqlite" else sa.func.greatest
    return sa.func.nullif(greatest(*(sa.func.coalesce(column, never) for column in columns)), never)
