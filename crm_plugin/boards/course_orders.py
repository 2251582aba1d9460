"""The orders behind a figure of money, and their sum: the same for page, export and API."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.figures.order_shares import FIGURES, shares
from crm_plugin.boards.queries import root_of
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.db.types import Money
from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.profiles.models.school import Order, Person
from crm_plugin.profiles.store.masking import as_seen

_PORTION = 1_000
"""Orders read at once for a file."""


@dataclass(frozen=True)
class OrderShare:
    """An order and its share in a course.

    :param amount: what it adds to the figure.
    """

    id: int
    host_id: str
    person_id: int | None
    person_host_id: str | None
    person: str | None
    state: str
    at: datetime | None
    """When it was paid, else made."""
    source: str | None
    currency: str
    paid: Decimal
    refunded: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Orders:
    """A page of the orders behind a figure.

    :param count: of all orders behind it.
    :param total: what they come to: the figure.
    """

    rows: list[OrderShare]
    count: int
    total: Decimal


@dataclass(frozen=True)
class Behind:
    """Which orders are meant.

    :param course: the school's id of a course or class.
    :param what: of :data:`crm_plugin.boards.figures.order_shares.FIGURES`.
    :param offset: how many orders come before the page.
    """

    course: str
    what: str
    currency: str
    offset: int = 0
    limit: int = 50


def orders(crm: Crm, actor: Actor, behind: Behind) -> Orders:
    """Return orders behind a figure, the newest first.

    :raises Refused: without ``crm.money``.
    :raises NotFound: ``object.missing``, the same for what is outside the actor's courses.
    :raises BadInput: ``input.bad``.
    """
    need(actor, "crm.money")
    with crm.db.read() as session:
        mine = _Mine(crm, session, actor, behind)
        count, total = mine.sum()
        return Orders([*mine.rows(behind.offset, behind.limit)], count, total)


def export(crm: Crm, actor: Actor, behind: Behind, format: str) -> Iterator[OrderShare]:
    """Return all orders behind a figure, for a file; the audit log keeps that it was taken.

    :raises Refused: without ``crm.export`` and ``crm.money``.
    :raises NotFound: ``object.missing``.
    """
    need(actor, "crm.export")
    found = orders(crm, actor, replace(behind, offset=0, limit=1))
    facts = (actor.id, "course.export_orders", ("course", behind.course))
    crm.db.run(lambda session: audit.record(session, crm.clock(), *facts, count=found.count, format=format))
    return _all(crm, actor, behind)


def _all(crm: Crm, actor: Actor, behind: Behind) -> Iterator[OrderShare]:
    with crm.db.read() as session:
        yield from _Mine(crm, session, actor, behind).rows(0, None)


class _Mine:
    """The orders behind a figure, in a session."""

    def __init__(self, crm: Crm, session: Session, actor: Actor, behind: Behind) -> None:
        if behind.what not in FIGURES:
            raise BadInput("input.bad", "what", reason=one_of(tuple(FIGURES)))
        root, figure = root_of(session, actor, behind.course).id, FIGURES[behind.what]
        self._session, self._actor = session, actor
        self._share = shares(crm.settings, lambda column: column == root, crm.clock()).c
        self._amount = self._share[figure.amount]
        self._where = sa.and_(figure.where(self._share), self._share.currency == behind.currency)

    def sum(self) -> tuple[int, Decimal]:
        """Return how many they are, and what they come to."""
        total: Any = sa.type_coerce(sa.func.coalesce(sa.func.sum(self._amount), 0), Money)
        count, amount = self._session.execute(sa.select(sa.func.count(), total).where(self._where)).one()
        return count, amount

    def rows(self, offset: int, limit: int | None) -> Iterator[OrderShare]:
        """Yield some of them, the newest first."""
        share, person = self._share, Person
        shown = {"share_paid": share.paid, "share_refunded": share.refunded, "share_amount": self._amount}
        amounts = (sa.type_coerce(one, Money).label(name) for name, one in shown.items())
        at = sa.func.coalesce(Order.paid_at, Order.created_at)
        found = sa.select(
            *(Order.id, Order.host_id, Order.person_id, person.host_id, person.display_name, Order.state),
            *(at, Order.source, share.currency, *amounts),
        )
        found = found.join(Order, Order.id == share.order_id).outerjoin(person, person.id == Order.person_id)
        newest = (sa.case((at.is_(None), 1), else_=0), at.desc(), Order.id.desc())
        some = found.where(self._where).order_by(*newest).offset(offset).limit(limit)
        for row in self._session.execute(some, execution_options={"yield_per": _PORTION}):
            yield as_seen(self._actor, OrderShare(*row), "person")
