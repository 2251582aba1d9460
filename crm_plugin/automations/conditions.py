"""The conditions of an automation, understood and decided as its author may."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations.language.document import trees_of
from crm_plugin.automations.models import Automation
from crm_plugin.automations.queries import AutomationRow
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among
from crm_plugin.segments import service as segments
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.mentions import references
from crm_plugin.segments.language.parse import parse
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.sql.compile import people

Row = Automation | AutomationRow


def known_to(crm: Crm, row: Row) -> Catalogue:
    """Return what its conditions may be made of; once it was on, with the quick queries kept then."""
    catalogue, searches = segments.catalogue(crm), row.searches
    if searches is None:
        return catalogue
    return replace(catalogue, query=lambda ident: searches.get(str(ident)))


def understood(crm: Crm, row: Row, tree: Any, place: str = "") -> Tree:
    """Read a condition whose places are filled in.

    :raises BadInput: ``segment.*``.
    """
    return parse(tree, known_to(crm, row), place)


def present_of(crm: Crm, row: Row, at: datetime | None = None) -> Present:
    """Return the present, for the courses that its author is limited to."""
    scope = None if row.scope is None else frozenset(row.scope)
    return segments.present(crm, at, scope, row.created_by, row.contacts)


def fulfilled(crm: Crm, session: Session, row: Row, tree: Any, person_ids: Collection[int]) -> set[int]:
    """Return which of these people fulfil a condition whose places are filled in."""
    if not person_ids:
        return set()
    found = people(understood(crm, row, tree), present_of(crm, row)).subquery()
    chosen = sa.select(found.c.id).where(among(session, found.c.id, person_ids))
    return set(session.scalars(chosen))


def searches_of(crm: Crm, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the quick queries that its conditions stand on, as they are now.

    From the switching on the automation asks what was confirmed, whatever becomes of them.
    """
    query = segments.catalogue(crm).query
    return _kept(query, (tree for _, tree in trees_of(document)))


def _kept(query: Any, trees: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = {ident for tree in trees for ident in references(tree)}
    while waiting:
        ident = waiting.pop()
        found[str(ident)] = query(ident)
        waiting |= {one for one in references(found[str(ident)]) if str(one) not in found}
    return found
