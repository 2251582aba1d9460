"""What a filter document becomes once it is understood; made by :mod:`crm_plugin.segments.language.parse`."""

from dataclasses import dataclass
from typing import Any

from crm_plugin.segments.language.fields import Field, Relation
from crm_plugin.segments.language.value_types import Kind


@dataclass(frozen=True)
class Group:
    """Conditions joined by *and* or *or*; without members it is always true.

    :param place: of the node in the document, such as ``rules[1].rules[0]``; empty at the root.
    """

    place: str
    any: bool
    negated: bool
    members: tuple["Node", ...]


@dataclass(frozen=True)
class Rule:
    """One comparison of a field.

    :param value: as it was written, for sentences.
    """

    place: str
    field: Field
    operator: str
    operand: Any
    value: Any


@dataclass(frozen=True)
class Related:
    """A statement about how many related rows fulfil a group.

    :param mode: ``all some none atLeast atMost exactly``.
    :param where: the group over the related fields; None = every row.
    """

    place: str
    relation: Relation
    mode: str
    threshold: int
    where: Group | None


@dataclass(frozen=True)
class Aggregate:
    """A comparison of a figure over related rows.

    :param function: ``sum avg min max distinct count``.
    :param field: what it is computed of; None for ``count``.
    :param kind: of the result.
    :param value: as it was written, for sentences.
    """

    place: str
    relation: Relation
    function: str
    field: Field | None
    kind: Kind
    operator: str
    operand: Any
    value: Any
    where: Group | None


@dataclass(frozen=True)
class Reference:
    """A quick query in the place of a rule."""

    place: str
    query_id: int
    negated: bool
    root: Group


Node = Group | Rule | Related | Aggregate | Reference


@dataclass(frozen=True)
class Tree:
    """An understood document.

    :param private: (place, field) of its conditions on contacts, those of quick queries too.
    :param revenue: likewise of conditions on what people paid; those of quick queries do not count.
    :param references: ids of the quick queries that it stands on, directly or by others.
    :param courses: the school's ids of the courses that it names, itself or in a quick query.
    """

    root: Group
    private: tuple[tuple[str, str], ...] = ()
    revenue: tuple[tuple[str, str], ...] = ()
    references: frozenset[int] = frozenset()
    courses: frozenset[str] = frozenset()
