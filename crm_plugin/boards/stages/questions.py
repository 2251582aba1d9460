"""A question about stages: at which instant, of which courses, of which people; and its conditions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from crm_plugin.kernel.db.conditions import equals, is_in
from crm_plugin.segments.language.course_sources import found_in, root_ids
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.value_types import Condition

Select = sa.Select[Any]
Roots = sa.Select[Any] | sa.ScalarSelect[Any] | int | None
"""Root courses by our ids: a select of some, one (a number or a scalar select), or None for all."""


@dataclass(frozen=True)
class Asked:
    """One question: the people of some courses at an instant.

    :param present: the instant, and the courses of a limited actor.
    :param roots: the courses; a class is one.
    :param people: our ids of the people that are asked about; None = everybody.
    """

    present: Present
    roots: Roots = None
    people: Sequence[int] | None = None

    def pairs(self, row: Any) -> Select:
        """Return ``SELECT person_id, root_id`` of the rows that are asked about."""
        return sa.select(row.person_id, row.root_id).where(*self.of(row))

    def of(self, row: Any, holder: Any = None) -> list[Condition]:
        """Return the conditions that a row belongs to a person and a course that are asked about.

        :param row: of a table with ``person_id`` and ``root_id``.
        :param holder: the root course that it counts for, where that is not its own.
        """
        root = row.root_id if holder is None else holder
        wanted = [row.person_id.is_not(None), row.root_id.is_not(None), *self._in_scope(row.root_id)]
        if self.people is not None:
            wanted.append(is_in(row.person_id, list(self.people)))
        if isinstance(self.roots, sa.Select):
            wanted.append(is_in(root, self.roots))
        elif self.roots is not None:
            wanted.append(equals(root, self.roots))
        return wanted if holder is None else [*wanted, *self._in_scope(holder)]

    def without(self, rows: Select) -> Condition:
        """Return that a correlated select finds nothing."""
        return found_in(rows, False, self.present)

    def _in_scope(self, root: Any) -> list[Condition]:
        scope = self.present.scope
        return [] if scope is None else [is_in(root, root_ids(sorted(scope)))]


def same(row: Any, other: Any, *wanted: Condition) -> Select:
    """Return a select of the rows of the same person and course as another row, correlated to it."""
    pair = (equals(row.person_id, other.person_id), equals(row.root_id, other.root_id))
    return sa.select(sa.literal_column("1")).select_from(row).where(*pair, *wanted).correlate_except(row)


def same_orders(line: Any, order: Any, other: Any, *wanted: Condition) -> Select:
    """Return the same of lines with their orders."""
    pair = (equals(line.person_id, other.person_id), equals(line.root_id, other.root_id))
    found: Select = sa.select(sa.literal_column("1")).join_from(line, order, equals(order.id, line.order_id))
    return found.where(*pair, *wanted).correlate_except(line, order)


def is_anybody(person: Any) -> list[Condition]:
    """Return the conditions that a person can be in a stage: not merged, not erased, not staff."""
    return [person.status != "erased", person.merged_into.is_(None), person.is_staff == sa.false()]
