"""Lists of the people that a tree matches: sorted, and paged by the last row's key, never by an offset."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.kernel import storable
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.db.types import MONEY_UNIT
from crm_plugin.kernel.errors import BadInput, Clause, one_of
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.store.masking import without_contacts
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.json_input import load
from crm_plugin.segments.language.sources import of_person
from crm_plugin.segments.sql.related_rows import Select

SORTS = {
    "id": "id",
    "display_name": "display_name_folded",
    "registered_at": "registered_at",
    "last_login_at": "last_login_at",
    "last_active_at": "last_active_at",
    "last_paid_at": "last_paid_at",
    "paid_count": "paid_count",
    "paid_total": "paid_total",
}
"""What a list can be sorted by → the column; a minus before the name turns the order."""
DEFAULT_SORT = "-last_active_at"
LARGEST_PAGE = 500


@dataclass(frozen=True)
class Page:
    """One page of people.

    :param ids: our ids in the chosen order; people without a value to sort by come last.
    :param next: pass it as ``after`` for the next page; None on the last.
    :param sort: the order in force.
    """

    ids: list[int]
    next: str | None
    sort: str
    as_of: datetime


@dataclass(frozen=True)
class OwnSort:
    """An order that only one list has: by what its people have there.

    :param keys: ``SELECT person id, key``, at most one row a person.
    :param number: the key is a number; else it is an instant.
    """

    keys: Select
    number: bool = False


@dataclass(frozen=True)
class Found:
    """The people of a list.

    :param ids: ``SELECT person id`` of all of them.
    :param ranked: a rank over all of them decides who they are, so they are looked up before they are sorted.
        PostgreSQL would take the first fifty for cheap, go through people in the order of the list, and
        search the whole set for each: 46 million comparisons for fifty of 637,000, and hundreds of times as
        many where those at the top of the list are not among them.
    """

    ids: Select
    ranked: bool = False
    sorts: Mapping[str, OwnSort] = field(default_factory=dict)

    def rows(self, person: Any, *columns: Any, keys: Any = None) -> Any:
        """Return columns of them, as a table of its own; OFFSET keeps the planner from looking through it.

        :param keys: a table with ``person_id`` that some columns are of.
        """
        rows = sa.select(*columns).where(person.id.in_(self.ids))
        if keys is not None:
            rows = rows.outerjoin(keys, keys.c.person_id == person.id)
        return (rows.offset(0) if self.ranked else rows).subquery("found")


@dataclass(frozen=True)
class _Order:
    name: str
    descending: bool

    @classmethod
    def read(cls, sort: str, own: Mapping[str, OwnSort]) -> "_Order":
        name = sort.removeprefix("-")
        if name not in SORTS and name not in own:
            raise BadInput("input.bad", "sort", reason=one_of((*own, *SORTS)))
        return cls(name, sort.startswith("-"))


def page(session: Session, found: Found, now: Present, sort: str, after: str | None, limit: int) -> Page:
    """Return one page of people.

    :param now: the present, with the courses that the reader is limited to.
    :param sort: a name of :data:`SORTS`, with a minus before it for descending order.
    :param after: ``next`` of the page before.
    :raises BadInput: ``input.bad`` for another order, or for an ``after`` that is none of ours.
    """
    order, limit = _Order.read(sort, found.sorts), max(1, min(limit, LARGEST_PAGE))
    people = _keyed(found, now, order)
    column = people.c.key
    chosen = sa.select(people.c.id, column)
    if after is not None:
        last = _read_key(after, order, found.sorts)
        chosen = chosen.where(_beyond(people.c.id, column, order, *last))
    unknown = sa.case((column.is_(None), 1), else_=0)
    ordered = [unknown, column.desc() if order.descending else column.asc(), people.c.id]
    if order.name == "id":
        ordered = ordered[1:2]
    rows: Sequence[Any] = session.execute(chosen.order_by(*ordered).limit(limit + 1)).all()
    key = _key(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
    return Page([row[0] for row in rows[:limit]], key, sort, now.as_of)


def _keyed(found: Found, now: Present, order: _Order) -> Any:
    """Return the people of a list with what they are sorted by."""
    person = aliased(m.Person)
    if order.name in found.sorts:
        keys = found.sorts[order.name].keys.subquery("keys")
        return found.rows(person, person.id, keys.c.key.label("key"), keys=keys)
    sorted_by = of_person(SORTS[order.name], person, now)
    if order.name == "display_name" and not now.contacts:
        sorted_by = without_contacts(sorted_by)
    return found.rows(person, person.id, sorted_by.label("key"))


def _beyond(id_column: Any, column: Any, order: _Order, value: Any, ident: int) -> sa.ColumnElement[bool]:
    if order.name == "id":
        beyond: sa.ColumnElement[bool] = column < ident if order.descending else column > ident
        return beyond
    if value is None:
        return sa.and_(column.is_(None), id_column > ident)
    further = column < value if order.descending else column > value
    return sa.or_(further, sa.and_(column == value, id_column > ident), column.is_(None))


def _key(value: Any, ident: int) -> str:
    shown = value.isoformat() if isinstance(value, datetime) else value
    shown = str(shown) if isinstance(shown, Decimal) else shown
    return base64.urlsafe_b64encode(json.dumps([shown, ident]).encode()).decode()


def _amount(text: Any) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or abs(amount) > storable.LARGEST // MONEY_UNIT:
        raise ValueError("no amount of ours")
    return amount


_READERS: dict[str, Callable[[Any], Any]] = {
    "display_name": str,
    "paid_total": _amount,
    **{name: parse_instant for name in SORTS if name.endswith("_at")},
}


def _reader(name: str, own: Mapping[str, OwnSort]) -> Callable[[Any], Any]:
    if name in own:
        return float if own[name].number else parse_instant
    return _READERS.get(name, int)


def _read_key(after: str, order: _Order, own: Mapping[str, OwnSort]) -> tuple[Any, int]:
    try:
        value, ident = load(base64.urlsafe_b64decode(after.encode()))
        key = None if value is None else _reader(order.name, own)(value)
        storable.check([key, int(ident)])
        return key, int(ident)
    except (ValueError, TypeError, ArithmeticError, BadInput):
        raise BadInput("input.bad", "after", reason=Clause("no such page of this list")) from None
