"""Facts: columns of the profile computed from orders, enrolments and signals.

Everything is set-based: one statement for some thousand people. Usually these are the people that something
touched; after the first scan of a stream it is everybody once, in the order of ids. Other capabilities bring
facts of their own by :attr:`crm_plugin.profiles.extension.PersonExtension.facts`.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among, chunks
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.kernel.jobs.failed_items import Round
from crm_plugin.kernel.key_value import Kept
from crm_plugin.profiles.extension import PersonExtension
from crm_plugin.profiles.facts import interests
from crm_plugin.profiles.models.school import HELD_MONEY, Enrolment, Order, Person, Signal
from crm_plugin.profiles.models.streams import Touched
from crm_plugin.profiles.store.host_info_cache import own_currency
from crm_plugin.profiles.store.recompute_queue import EVERYBODY, OfPeople, note_moved, touch, touch_all

log = logging.getLogger(__name__)

__all__ = ["recompute", "recompute_some", "touch", "touch_all"]

CHUNK = 1_000
"""Touched rows, or people of the whole school, that are taken at once.

Five thousand held their people's rows for 0.7 s on PostgreSQL, and SQLite's one writer for 1.8 s, and cost as
much for each: a payment waited as long."""
LIFE = ("login", "learn")
"""Kinds of signals that count as activity."""
_NEVER = datetime(1000, 1, 1, tzinfo=UTC)


def recompute(crm: Crm, until: float | None = None) -> int:
    """Compute the facts of all touched people again; return of how many.

    :param until: the monotonic time at which to stop between two chunks; None = when nobody is left.
    """
    work, count = Recompute(crm, own_currency(crm), crm.round("profiles.facts")), 0
    for some in (work.next_of_everybody, work.some_touched):
        while (until is None or time.monotonic() < until) and (done := some()):
            count += done
    if count:
        crm.db.run(lambda session: note_moved(session, crm.clock()))
    return count


@dataclass(frozen=True)
class Recompute:
    """A round of computing facts; where a portion fails, each half of it is computed, down to one person."""

    crm: Crm
    currency: str | None
    round_: Round

    def next_of_everybody(self) -> int:
        """Go on with a pass over everybody; return for how many people."""
        try:
            return self.crm.db.run(lambda session: recompute_next(self.crm, session, self.currency))
        except Exception:
            log.warning("facts of a portion of everybody are computed apart", exc_info=True)
            return self.crm.db.run(let_touch_next)

    def some_touched(self) -> int:
        """Take some touched people; return how many they were."""
        left_alone = self.round_.left_alone
        try:
            return self.crm.db.run(
                lambda session: recompute_some(self.crm, session, self.currency, _touched(left_alone))
            )
        except Exception:
            log.warning("facts of touched people are computed apart", exc_info=True)
            with self.crm.db.read() as session:
                people = sorted(set(session.execute(_touched(left_alone)).scalars()))
            return sum(self.round_.together(people, self._these))

    def _these(self, people: Sequence[int]) -> int:
        mine: Any = sa.select(Touched.person_id, Touched.id).where(Touched.person_id.in_(people))
        return self.crm.db.run(lambda session: recompute_some(self.crm, session, self.currency, mine))


def _touched(left_alone: Sequence[int]) -> sa.Select[Any]:
    rows: Any = sa.select(Touched.person_id, Touched.id).where(Touched.person_id.not_in(left_alone))
    chosen: sa.Select[Any] = rows.order_by(Touched.person_id).limit(CHUNK)
    return chosen


def let_touch_next(session: Session) -> int:
    """Touch the next portion of a pass over everybody instead of computing it; return how many people."""
    place = sa.select(Kept.value).where(Kept.name == EVERYBODY).with_for_update()
    after = int(session.scalar(place) or 0)
    ids = _locked(session, lambda column: column > after)
    touch(session, ids)
    _go_on(session, ids)
    return len(ids)


def _go_on(session: Session, ids: Sequence[int]) -> None:
    # A short portion was the last; people who come later are touched by themselves.
    reached = str(ids[-1]) if len(ids) == CHUNK else None
    change = sa.update(Kept).values(value=reached) if reached else sa.delete(Kept)
    session.execute(change.where(Kept.name == EVERYBODY), execution_options=_UNSYNCED)


def recompute_next(crm: Crm, session: Session, currency: str | None) -> int:
    """Go on with a pass over everybody, if one is due; return for how many people.

    Its row is locked meanwhile: a call for another pass waits, and that pass begins again.
    """
    place = sa.select(Kept.value).where(Kept.name == EVERYBODY).with_for_update()
    after = session.scalar(place)
    if after is None:
        return 0
    ids = _locked(session, lambda column: column > int(after))
    if ids:
        compute(crm, session, ids, lambda column: column.between(ids[0], ids[-1]), currency)
    _go_on(session, ids)
    return len(ids)


def recompute_some(crm: Crm, session: Session, currency: str | None, touched: sa.Select[Any]) -> int:
    """Take some touched people off the list and compute their facts; return how many they were.

    :param touched: selects (person, id) of their rows on the list.
    """
    taken = session.execute(touched.with_for_update(skip_locked=True)).all()
    ids = sorted({person_id for person_id, _ in taken})
    if not ids:
        return 0
    _locked(session, lambda column: among(session, column, ids))
    compute(crm, session, ids, lambda column: among(session, column, ids), currency)
    _take_off(session, taken)
    return len(ids)


def facts_now(crm: Crm, people: Collection[int], then: Callable[[Session], None]) -> None:
    """Compute the columns of these people now, ahead of all others that something touched.

    They stay touched: their interests take ten times as long and follow in their turn.

    :param then: what is done in the same transaction, once all of them are computed.
    """
    currency = own_currency(crm) if people else None
    *others, last = list(chunks(sorted(people), CHUNK)) or [[]]
    for ids in others:
        crm.db.run(lambda session, ids=ids: _columns_of(session, ids, currency))  # type: ignore[misc]

    def work(session: Session) -> None:
        _columns_of(session, last, currency)
        then(session)

    crm.db.run(work)


def _columns_of(session: Session, ids: list[int], currency: str | None) -> None:
    if ids:
        _locked(session, lambda column: among(session, column, ids))
        write_columns(session, lambda column: among(session, column, ids), currency)


def _take_off(session: Session, taken: Sequence[Any]) -> None:
    done = sa.delete(Touched).where(among(session, Touched.id, [id for _, id in taken]))
    session.execute(done, execution_options=_UNSYNCED)


_UNSYNCED = {"synchronize_session": False}


def _locked(session: Session, of_people: OfPeople) -> list[int]:
    """Lock a portion of persons, in the order of ids as everybody does.

    So nobody computes from older rows after us.
    """
    persons = sa.select(Person.id).where(of_people(Person.id)).order_by(Person.id).limit(CHUNK)
    return list(session.scalars(persons.with_for_update()))


def compute(
    crm: Crm, session: Session, ids: Sequence[int], of_people: OfPeople, currency: str | None
) -> None:
    """Compute all facts of these persons, those of other capabilities included.

    :param of_people: the condition that a column names one of ``ids``.
    """
    write_columns(session, of_people, currency)
    interests.compute(session, of_people, crm.clock())
    for extension in crm.contributed(PersonExtension):
        for recompute_them in extension.facts:
            recompute_them(session, ids)


def write_columns(session: Session, of_people: OfPeople, currency: str | None) -> None:
    """Write the facts that are columns of the profile and come from the school's own rows."""
    facts = _facts(session.get_bind().dialect.name, of_people, currency)
    values = {fact.name: fact for fact in facts.c if fact.name != "id"}
    # A row that stays as it is costs nothing; on PostgreSQL an update writes all of its index entries again.
    changed = [getattr(Person, name).is_distinct_from(fact) for name, fact in values.items()]
    update = sa.update(Person).where(Person.id == facts.c.id, of_people(Person.id), sa.or_(*changed))
    session.execute(update.values(values), execution_options=_UNSYNCED)


def _facts(dialect: str, of_people: OfPeople, currency: str | None) -> sa.Subquery:
    """Return (id and every fact) of these persons; each related table is read once."""
    money, lived, learned = _money(of_people, currency), _lived(of_people), _learned(of_people)
    active = (Person.host_active_at, Person.last_login_at, lived.c.at)
    return (
        sa.select(
            Person.id,
            *(sa.func.coalesce(money.c[name], 0).label(name) for name in _COUNTED),
            money.c.first_paid_at,
            money.c.last_paid_at,
            latest(dialect, active).label("last_active_at"),
            learned.c.at.label("last_learned_at"),
        )
        .outerjoin(money, money.c.person_id == Person.id)
        .outerjoin(lived, lived.c.person_id == Person.id)
        .outerjoin(learned, learned.c.person_id == Person.id)
        .where(of_people(Person.id))
        .subquery()
    )


_COUNTED = ("paid_count", "paid_total", "refunded_total", "unpaid_count")


def _money(of_people: OfPeople, currency: str | None) -> sa.Subquery:
    held = Order.state.in_(HELD_MONEY)
    paid = sa.and_(held, Order.amount > 0)
    own = Order.currency == (currency or "")
    when = sa.func.coalesce(Order.paid_at, Order.created_at)
    amount, refunded = (
        sa.type_coerce(Order.amount, sa.BigInteger),
        sa.type_coerce(Order.refunded, sa.BigInteger),
    )
    return (
        sa.select(
            Order.person_id,
            _sum(paid, sa.literal(1)).label("paid_count"),
            _sum(sa.and_(paid, own), amount).label("paid_total"),
            _sum(sa.and_(held, own), refunded).label("refunded_total"),
            _sum(Order.state == "pending", sa.literal(1)).label("unpaid_count"),
            sa.func.min(sa.case((paid, when))).label("first_paid_at"),
            sa.func.max(sa.case((paid, when))).label("last_paid_at"),
        )
        .where(of_people(Order.person_id))
        .group_by(Order.person_id)
        .subquery()
    )


def _sum(condition: Any, value: Any) -> Any:
    return sa.func.sum(sa.case((condition, value), else_=0))


def _lived(of_people: OfPeople) -> sa.Subquery:
    last: Any = sa.select(Signal.person_id, sa.func.max(Signal.at).label("at"))
    chosen = last.where(Signal.kind.in_(LIFE), of_people(Signal.person_id))
    found: sa.Subquery = chosen.group_by(Signal.person_id).subquery()
    return found


def _learned(of_people: OfPeople) -> sa.Subquery:
    last: Any = sa.select(Enrolment.person_id, sa.func.max(Enrolment.last_learned_at).label("at"))
    found: sa.Subquery = last.where(of_people(Enrolment.person_id)).group_by(Enrolment.person_id).subquery()
    return found


def latest(dialect: str, columns: Sequence[Any]) -> Any:
    """The greatest that is not NULL: GREATEST ignores NULL on PostgreSQL only, and SQLite calls it MAX."""
    never = sa.literal(_NEVER, UtcDateTime())
    greatest = sa.func.max if dialect == "sqlite" else sa.func.greatest
    return sa.func.nullif(greatest(*(sa.func.coalesce(column, never) for column in columns)), never)
