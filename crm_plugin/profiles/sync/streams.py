"""What is done with the rows of each stream: one row of this table for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from crm_plugin.profiles.models.school import Course, Enrolment, Order, Person, Signal
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.profiles.sync.writers import activity, courses, orders, persons


@dataclass(frozen=True)
class Kind:
    """One stream.

    :param model: its table.
    :param save: writes rows that are new or changed.
    :param remove: does what follows when the school no longer has these host ids.
    :param present: the condition that a row counts as being at the school.
    """

    model: Any
    save: Callable[[WriteBatch, Sequence[Any]], None]
    remove: Callable[[WriteBatch, Sequence[str]], None]
    present: sa.ColumnElement[bool]


KINDS: dict[str, Kind] = {
    "courses": Kind(Course, courses.save, courses.remove, Course.gone.is_(False)),
    "persons": Kind(Person, persons.save, persons.remove, Person.status != "erased"),
    "enrolments": Kind(
        Enrolment, activity.save_enrolments, activity.end_enrolments, Enrolment.state != "ended"
    ),
    "orders": Kind(Order, orders.save, orders.delete, sa.true()),
    "signals": Kind(Signal, activity.save_signals, activity.delete_signals, sa.true()),
}
"""Streams in referential order."""
