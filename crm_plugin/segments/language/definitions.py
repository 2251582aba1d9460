"""What a field and a relation are, the registries of both, and the helpers that make their rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.registry import Registry
from crm_plugin.segments.language.course_sources import (
    CourseFamily,
    CourseLabels,
    CourseValue,
    Pair,
    Reach,
    enrolled_now,
    ever_bought,
)
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.sources import Column, Source
from crm_plugin.segments.language.value_types import CHOICE, CODE, FLAG, KEYS, SET, TEXT, Condition, Kind


@dataclass(frozen=True)
class Field:
    """One row of the table.

    :param needs: what the school must provide, as ``stream`` or ``stream.field``; else the field is hidden.
    :param values: all values there are, for enumerations.
    :param picker: what a page offers to choose from: ``course category tag crm_tag campaign`` or nothing.
    :param private: a condition on it needs the permission ``crm.contacts``.
    :param says: sentences with ``{value}`` for it holds, and for it does not; else words of its kind.
    """

    name: str
    label: Text
    kind: Kind
    source: Source
    needs: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    picker: str = ""
    private: bool = False
    says: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Relation:
    """Rows that belong to a person.

    :param table: has ``id`` and ``person_id``; rows whose ``person_id`` is NULL are left out.
    :param reach: how a row reaches its courses; None = it has none.
    :param currency: the field with the currency of its amounts.
    :param limit: which of its rows an actor with a scope sees, where that is no matter of courses.
    """

    name: str
    label: Text
    table: type[Any]
    fields: Registry[Field] = field(hash=False, compare=False)
    needs: tuple[str, ...] = ()
    reach: Reach | None = None
    currency: str = ""
    limit: Callable[[Any, Present], Condition] | None = None


FIELDS: Registry[Field] = Registry("field")
"""Fields of a person by name."""
RELATIONS: Registry[Relation] = Registry("relation")
"""Related rows by name."""
FAMILIES: Registry[Callable[[str], Field | None]] = Registry("family of fields")
"""Prefix → function that makes the field ``prefix.<name>``, None when there is no such name."""


def add_field(name: str, label: Text, kind: Kind, source: Source | None = None, **more: Any) -> Field:
    """Register a field of a person; without ``source`` it is the column of its name."""
    return FIELDS.add(name, make_field(name, label, kind, source, **more))


def make_field(name: str, label: Text, kind: Kind, source: Source | None = None, **more: Any) -> Field:
    """Make a field of a person for another capability; without ``source`` it is the column of its name."""
    return Field(name, label, kind, source or column_of(name, kind), **more)


def add_relation(relation: Relation, *fields: Field) -> Relation:
    """Register related rows with their fields."""
    return RELATIONS.add(relation.name, with_fields(relation, *fields))


def with_fields(relation: Relation, *fields: Field) -> Relation:
    """Return related rows with their fields, for another capability."""
    for one in fields:
        relation.fields.add(one.name, one)
    return relation


def row_field(name: str, label: Text, kind: Kind, source: Source | None = None, **more: Any) -> Field:
    """Make a field of related rows; without ``source`` it is the column of its name."""
    return Field(name, label, kind, source or column_of(name, kind), **more)


def course_fields(reach: Reach) -> tuple[Field, ...]:
    """Make the fields of the course behind a related row."""
    return (
        row_field("course_id", Text("course"), KEYS, CourseFamily(reach), picker="course"),
        row_field("course_title", Text("course title"), TEXT, CourseValue(reach, "title_folded")),
        row_field(
            "course_tag",
            Text("course tag"),
            SET,
            CourseLabels(reach, "tag"),
            needs=("courses.tags",),
            picker="tag",
        ),
        row_field(
            "course_category",
            Text("course category"),
            SET,
            CourseLabels(reach, "category"),
            needs=("courses.category",),
            picker="category",
        ),
        row_field(
            "course_kind",
            Text("kind of course"),
            CODE,
            CourseValue(reach, "kind"),
            values=("course", "class", "open"),
        ),
    )


def pair_fields(reach: Reach) -> tuple[Field, ...]:
    """Make the fields that ask whether the person and the row's course are a pair."""
    bought = Pair(reach, ever_bought)
    return (
        row_field("enrolled_now", Text("is enrolled in that course"), FLAG, Pair(reach, enrolled_now)),
        row_field("ever_bought", Text("ever bought that course"), FLAG, bought, needs=("orders",)),
    )


def column_of(name: str, kind: Kind) -> Column:
    """Return the column of a field's own name; text is compared in its folded form."""
    return Column(f"{name}_folded" if kind in (TEXT, CHOICE) else name)
