"""Parts of a segment's people that a higher capability can separate, such as those that a channel reaches.

A narrowing is a small document, ``{"by": name, …}``; the capability that brings the name reads the rest
(:attr:`crm_plugin.segments.extension.FilterExtension.narrowings`). Its key ``without`` lists people (the
school's ids) who are taken out of that part afterwards. It stands beside the filter document and not in it:
it depends on things that no condition on one person can say, such as two people with one address.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.profiles.models.school import Person
from crm_plugin.segments.extension import FilterExtension, Narrowing
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.sql.related_rows import Select


@dataclass(frozen=True)
class Part:
    """A part of the people that a filter document matches; all of them without a narrowing."""

    document: Any
    narrowing: Narrowing | None = None


def chosen(crm: Crm, tree: Tree, present: Present, narrowing: Narrowing) -> Select:
    """Return ``SELECT person id`` of a part of the people that a tree matches.

    :raises BadInput: ``input.bad`` for an unknown part.
    """
    name = str(narrowing.get("by", ""))
    known = (one.narrowings.get(name) for one in crm.contributed(FilterExtension))
    narrow = next((one for one in known if one is not None), None)
    if narrow is None:
        raise BadInput("input.bad", reason=Clause("no such part of these people"))
    found = narrow(crm, tree, present, narrowing)
    if not narrowing.get("without"):
        return found
    return sa.select(Person.id).where(Person.id.in_(found), Person.host_id.not_in(narrowing["without"]))
