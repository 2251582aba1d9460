"""Where the value of a field comes from: each source gives it in SQL and from loaded rows.

A source of people answers with a :data:`~crm_plugin.segments.language.value_types.Condition` on the
person's row, or with :class:`Members`, a set of person ids; sources of related rows answer with a
condition.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.elements import Grouping

from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.profiles.facts.scoped import fact
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.store.course_scope import members
from crm_plugin.profiles.store.masking import CONTACT, holds_contact, without_contacts
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.value_types import ABSENT, KNOWN, LISTS, MONEY, SET, Condition, Kind

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Members:
    """A set of people.

    :param select: their ids, one column without NULL.
    :param negative: everybody else is meant.
    :param whole: it is only made whole (counted, or one set less another), not for a single person.
    :param few: it comes from named courses alone, so that making it whole is cheap.
    """

    select: sa.Select[Any]
    negative: bool = False
    whole: bool = False
    few: bool = False


@dataclass(frozen=True)
class Many:
    """The values that one row has at several places (lines of an order); one that matches is enough."""

    values: tuple[Any, ...]


class Source(Protocol):
    """What every source can do.

    ``test`` compares in SQL; ``load`` fetches what ``seen`` needs for these rows of these people;
    ``seen`` returns the value: None when unknown, :class:`Many` when it has several places.
    """

    def test(
        self, kind: Kind, operator: str, operand: Any, row: Any, present: Present
    ) -> Condition | Members:
        """Return the comparison in SQL."""

    def load(self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present) -> Any:
        """Return what :meth:`seen` needs besides the row."""

    def seen(self, kind: Kind, row: Row, data: Any, present: Present) -> Any:
        """Return the value that the comparison sees."""


def untrue(condition: Condition) -> Condition:
    """Return the opposite of an outcome: true where the condition is false or unknown."""
    # In brackets of our own: SQLAlchemy writes NOT a IS NOT true, which SQL reads as NOT (a IS NOT true).
    return Grouping(condition).is_not(sa.true())


@dataclass(frozen=True)
class Column:
    """A column of the row itself."""

    name: str

    def expression(self, kind: Kind, row: Any, present: Present) -> Any:
        """Return the value as comparisons and sums take it (amounts as whole numbers)."""
        column = getattr(row, self.name)
        return sa.type_coerce(column, sa.BigInteger) if kind is MONEY else column

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Condition:
        return kind.condition(operator, operand, self.expression(kind, row, present), present)

    def load(self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present) -> None:
        return None

    def seen(self, kind: Kind, row: Row, data: Any, present: Present) -> Any:
        value = row[self.name]
        return None if value is None else kind.stored(value)


@dataclass(frozen=True)
class Written(Column):
    """A text that people wrote: unknown to who may not see contacts, where it holds one."""

    def expression(self, kind: Kind, row: Any, present: Present) -> Any:
        """Return the text as this present sees it."""
        column = super().expression(kind, row, present)
        return column if present.contacts else without_contacts(column)

    def seen(self, kind: Kind, row: Row, data: Any, present: Present) -> Any:
        value = row[self.name]
        hidden = not present.contacts and value is not None and holds_contact(value)
        return None if hidden else super().seen(kind, row, data, present)


@dataclass(frozen=True)
class Fact:
    """A column that is kept over all courses: for a reader with a scope, the same over theirs alone."""

    name: str

    def test(
        self, kind: Kind, operator: str, operand: Any, row: Any, present: Present
    ) -> Condition | Members:
        if present.scope is None:
            return Column(self.name).test(kind, operator, operand, row, present)
        # A set of its own: dates compare with many ranges, and the fact must not stand in each of them.
        person = aliased(m.Person)
        chosen = sa.select(person.id, of_person(self.name, person, present).label("value"))
        here = chosen.where(person.id.in_(members(present.scope))).subquery()
        value = sa.type_coerce(here.c.value, sa.BigInteger) if kind is MONEY else here.c.value
        return Members(sa.select(here.c.id).where(kind.condition(operator, operand, value, present)))

    def load(self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present) -> Any:
        if present.scope is None:
            return None
        person = aliased(m.Person)
        found: dict[int, Any] = {}
        for some in chunks(people):
            chosen = sa.select(person.id, of_person(self.name, person, present)).where(person.id.in_(some))
            found.update((ident, value) for ident, value in session.execute(chosen))
        return found

    def seen(self, kind: Kind, row: Row, data: Any, present: Present) -> Any:
        value = row[self.name] if present.scope is None else data.get(row["id"])
        return None if value is None else kind.stored(value)


def of_person(name: str, person: Any, present: Present) -> Any:
    """Return a column of a person as the actor of this present may see it."""
    if present.scope is None:
        return getattr(person, name)
    return fact(name, person, present.scope, present.currency, present.dialect.name)


@dataclass(frozen=True)
class Computed:
    """A value worked out from the row's columns at the present.

    :param sql: (row, present) → expression.
    :param value: (row, present) → the same in Python.
    """

    sql: Callable[[Any, Present], Any]
    value: Callable[[Row, Present], Any]

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Condition:
        return kind.condition(operator, operand, self.sql(row, present), present)

    def load(self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present) -> None:
        return None

    def seen(self, kind: Kind, row: Row, data: Any, present: Present) -> Any:
        return self.value(row, present)


@dataclass(frozen=True)
class ColumnAt(Column):
    """A column of which only the school's word is stored: its value depends on the present.

    :param sql: (row, present) → expression.
    :param value: (row, present) → the same in Python.
    """

    sql: Callable[[Any, Present], Any]
    value: Callable[[Row, Present], Any]

    def expression(self, kind: Kind, row: Any, present: Present) -> Any:
        """Return the value at the present."""
        return self.sql(row, present)

    def seen(self, kind: Kind, row: Row, data: Any, present: Present) -> Any:
        value = self.value(row, present)
        return None if value is None else kind.stored(value)


@dataclass(frozen=True)
class Side:
    """Values of a person that stand in rows of another table: a set, or one value under a name.

    :param table: has ``person_id``.
    :param column: holds the value.
    :param only: (column, value) pairs that choose the rows.
    """

    table: type[Any]
    column: str
    only: tuple[tuple[str, str], ...] = ()

    def _rows(self, present: Present) -> tuple[sa.Select[Any], Any]:
        side, chosen = self._chosen(present)
        return chosen, getattr(side, self.column)

    def _chosen(self, _present: Present) -> tuple[Any, sa.Select[Any]]:
        side = aliased(self.table)
        only = (getattr(side, name) == value for name, value in self.only)
        return side, sa.select(side.person_id).where(*only)

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Members:
        chosen, column = self._rows(present)
        if operator in KNOWN:
            return Members(chosen, negative=operator == "null")
        if kind is not SET:
            return Members(chosen.where(kind.condition(operator, operand, column, present)))
        wanted = sorted(operand) if operator in LISTS else [operand]
        return Members(chosen.where(column.in_(wanted)), negative=operator in ABSENT)

    def load(
        self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present
    ) -> dict[int, set[Any]]:
        found: dict[int, set[Any]] = defaultdict(set)
        for some in chunks(people):
            chosen, column = self._rows(present)
            owner = chosen.selected_columns[0]
            for person, value in session.execute(chosen.add_columns(column).where(owner.in_(some))):
                found[person].add(value)
        return found

    def seen(self, kind: Kind, row: Row, data: Any, present: Present) -> Any:
        values = data.get(row["id"], set())
        return frozenset(values) if kind is SET else next(iter(values), None)


@dataclass(frozen=True)
class Whole(Side):
    """Values that come from all courses and cannot be taken apart: with a scope nobody has any."""

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Members:
        found = super().test(kind, operator, operand, row, present)
        return found if present.scope is None else Members(found.select.where(sa.false()), found.negative)

    def load(
        self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present
    ) -> dict[int, set[Any]]:
        return super().load(session, people, rows, present) if present.scope is None else {}


@dataclass(frozen=True)
class LongText(Side):
    """One text under a name: its begin is in an index, and all of it stands beside where it is longer."""

    def _rows(self, present: Present) -> tuple[sa.Select[Any], Any]:
        side, chosen = self._chosen(present)
        return chosen, self._whole(side)

    def _chosen(self, present: Present) -> tuple[Any, sa.Select[Any]]:
        side, chosen = super()._chosen(present)
        if not present.contacts:
            chosen = chosen.where(~self._whole(side).regexp_match(CONTACT))
        return side, chosen

    def _whole(self, side: Any) -> Any:
        start = getattr(side, self.column)
        return sa.func.coalesce(side.whole, start, type_=start.type)

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Members:
        side, chosen = self._chosen(present)
        if operator in KNOWN:
            known = kind.condition("notNull", None, getattr(side, self.column), present)
            return Members(chosen.where(known), negative=operator == "null")
        if operator not in ("=", "in", "beginsWith"):
            return super().test(kind, operator, operand, row, present)
        start = frozenset(one[: m.FOLDED] for one in operand) if operator == "in" else operand[: m.FOLDED]
        found = kind.condition(operator, start, getattr(side, self.column), present)
        return Members(chosen.where(found, kind.condition(operator, operand, self._whole(side), present)))


@dataclass(frozen=True)
class Suppressed:
    """Whether the person's address of a channel is on the suppression list; never unknown.

    :param key: the person's column that holds the address.
    """

    channel: str
    key: str

    def _people(self) -> tuple[sa.Select[Any], Any]:
        person, entry = aliased(m.Person), aliased(m.Suppression)
        same = sa.and_(entry.channel == self.channel, entry.address_key == getattr(person, self.key))
        return sa.select(person.id).join(entry, same), person.id

    def test(
        self, kind: Kind, operator: str, operand: Any, row: Any, present: Present
    ) -> Condition | Members:
        if operator in KNOWN:
            return sa.true() if operator == "notNull" else sa.false()
        return Members(self._people()[0], negative=(operator == "=") is not operand)

    def load(
        self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present
    ) -> set[int]:
        found: set[int] = set()
        for some in chunks(people):
            chosen, column = self._people()
            found.update(session.scalars(chosen.where(column.in_(some))))
        return found

    def seen(self, kind: Kind, row: Row, data: Any, present: Present) -> bool:
        return row["id"] in data


@dataclass(frozen=True)
class Among:
    """Whether the related row's id is in a set that another capability provides.

    :param ids: returns a select of one column of row ids.
    """

    ids: Callable[[], sa.Select[Any]]

    def test(self, kind: Kind, operator: str, operand: Any, row: Any, present: Present) -> Condition:
        if operator in KNOWN:
            return sa.true() if operator == "notNull" else sa.false()
        chosen = self.ids()
        among = row.id.in_(chosen.where(chosen.selected_columns[0].is_not(None)))
        wanted: Condition = among if (operator == "=") is operand else sa.not_(among)
        return wanted

    def load(
        self, session: Session, people: Sequence[int], rows: Sequence[Row], present: Present
    ) -> set[int]:
        found: set[int] = set()
        for some in chunks([row["id"] for row in rows]):
            chosen = self.ids()
            found.update(session.scalars(chosen.where(chosen.selected_columns[0].in_(some))))
        return found

    def seen(self, kind: Kind, row: Row, data: Any, present: Present) -> bool:
        return row["id"] in data
