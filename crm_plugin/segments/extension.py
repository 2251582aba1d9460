"""What higher capabilities may add to the filter language and to what is saved in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.in_use import Users
from crm_plugin.host.records import Actor
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.fields import FIELDS, RELATIONS, Field, Relation
from crm_plugin.segments.language.tree import Tree

Narrowing = Mapping[str, Any]
"""``{"by": name, …}``: names a part of the people that a tree matches."""
Narrow = Callable[[Crm, Tree, Present, Narrowing], sa.Select[Any]]
"""Returns ``SELECT person id`` of that part."""
QueryUsers = Callable[[Session, int, Actor], Users]
"""Returns the names of what uses a quick query, as an actor may see them."""


@dataclass(frozen=True)
class FilterExtension:
    """What a capability adds to conditions; each part is optional.

    :param fields: of a person.
    :param relations: rows that belong to a person.
    :param narrowings: name of a part of the people → who is in it.
    """

    fields: tuple[Field, ...] = ()
    relations: tuple[Relation, ...] = ()
    narrowings: Mapping[str, Narrow] = field(default_factory=dict)
    query_users: tuple[QueryUsers, ...] = ()


def brought_fields(crm: Crm) -> dict[str, Field]:
    """Return the fields of a person that higher capabilities bring to this application, by name."""
    brought = (one for extension in crm.contributed(FilterExtension) for one in extension.fields)
    return {one.name: one for one in brought}


def brought_relations(crm: Crm) -> dict[str, Relation]:
    """Return the related rows that they bring, by name."""
    brought = (one for extension in crm.contributed(FilterExtension) for one in extension.relations)
    return {one.name: one for one in brought}


def fields_of(crm: Crm) -> dict[str, Field]:
    """Return the fields of a person in this application, by name."""
    return dict(FIELDS.items()) | brought_fields(crm)


def relations_of(crm: Crm) -> dict[str, Relation]:
    """Return the related rows in this application, by name."""
    return dict(RELATIONS.items()) | brought_relations(crm)
