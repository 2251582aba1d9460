"""Facts of the profile as a source of values: over all courses, or over those of the actor alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.profiles.facts.scoped import fact
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.store.course_scope import members
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.sources import Column, Members, Row, Side, chunks
from crm_plugin.segments.language.value_types import MONEY, Condition, Kind


@dataclass(frozen=True)
class Fact:
    """A column that is kept over all courses."""

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
    return fact(name, person, present.scope, present.currency, present.dialect)


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
