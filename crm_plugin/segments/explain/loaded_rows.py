"""The rows that the evaluator looks at: loaded for some people, for the sources that one tree names."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.profiles.models import school as m
from crm_plugin.segments.language.course_sources import Place, root_ids
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.fields import Field, Relation
from crm_plugin.segments.language.sources import Row, Source
from crm_plugin.segments.language.tree import Aggregate, Group, Node, Reference, Related, Rule, Tree


@dataclass
class World:
    """Loaded rows of some people; made by :func:`load`."""

    present: Present
    people: list[Row]
    data: dict[Source, Any] = field(default_factory=dict)
    """Source → what it loaded."""
    related: dict[str, dict[int, list[Row]]] = field(default_factory=dict)
    places: dict[str, dict[int, list[Place]]] = field(default_factory=dict)
    scope: frozenset[int] | None = None
    """Root courses that the actor is limited to."""
    visible: frozenset[int] | None = None

    def rows(self, relation: Relation, person: int) -> list[Row]:
        """Return a person's related rows, those in scope only."""
        found = self.related[relation.name].get(person, [])
        if self.scope is None or relation.reach is None:
            return found
        return [row for row in found if self.roots(relation, row)]

    def roots(self, relation: Relation, row: Row) -> list[int]:
        """Return the root courses that a row reaches, those in scope only."""
        found = (root for _course, root in self.places[relation.name].get(row["id"], []) if root is not None)
        return [root for root in found if self.scope is None or root in self.scope]

    def is_visible(self, person: Row) -> bool:
        """Return whether a person is in the actor's scope."""
        return self.visible is None or person["id"] in self.visible


def load(session: Session, tree: Tree, wanted: Sequence[int] | str, present: Present) -> World:
    """Load what a tree looks at for some people.

    :param wanted: our ids of persons, or the school's id of one.
    """
    key, named = ("host_id", [wanted]) if isinstance(wanted, str) else ("id", wanted)
    world = World(present, _table(session, m.Person, key, named))
    people = [person["id"] for person in world.people]
    _limit(session, world, people)
    for relation, fields in _used(tree.root).values():
        rows = world.people
        if relation is not None:
            rows = _table(session, relation.table, "person_id", people)
            rows = _limited(session, relation, rows, present)
            _keep(session, world, relation, rows)
        for about in fields:
            if about.source not in world.data:
                world.data[about.source] = about.source.load(session, people, rows, present)
    return world


def _table(session: Session, table: type[Any], key: str, ids: Sequence[int | str]) -> list[Row]:
    found: list[Row] = []
    for some in chunks(ids):
        columns = table.__table__.c
        chosen = sa.select(*columns).where(columns[key].in_(some))
        found.extend(dict(row) for row in session.execute(chosen).mappings())
    return found


def _limited(session: Session, relation: Relation, rows: list[Row], present: Present) -> list[Row]:
    """Return the rows that the actor sees, where the relation itself says which."""
    if present.scope is None or relation.limit is None:
        return rows
    table, seen = relation.table, set[int]()
    for some in chunks([row["id"] for row in rows]):
        seen.update(
            session.scalars(sa.select(table.id).where(table.id.in_(some), relation.limit(table, present)))
        )
    return [row for row in rows if row["id"] in seen]


def _keep(session: Session, world: World, relation: Relation, rows: list[Row]) -> None:
    by_person: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_person[row["person_id"]].append(row)
    world.related[relation.name] = by_person
    if relation.reach is not None:
        world.places[relation.name] = relation.reach.load(session, rows, world.present)


def _limit(session: Session, world: World, people: Sequence[int]) -> None:
    if world.present.scope is None:
        return
    world.scope = frozenset(session.scalars(root_ids(sorted(world.present.scope))))
    visible: set[int] = set()
    for table in (m.Enrolment, m.OrderLine, m.Signal):
        for some in chunks(people):
            pairs = sa.select(table.person_id).where(
                table.person_id.in_(some), table.root_id.in_(world.scope)
            )
            visible.update(person for person in session.scalars(pairs) if person is not None)
    world.visible = frozenset(visible)


Used = dict[str, tuple[Relation | None, list[Field]]]


def _used(root: Group) -> Used:
    """Return the fields that a tree looks at, by the relation whose rows they belong to."""
    found: Used = {}
    _collect(root, None, found)
    return found


def _collect(node: Node, relation: Relation | None, found: Used) -> None:
    if isinstance(node, Rule):
        _note(found, relation, [node.field])
    elif isinstance(node, Group):
        for one in node.members:
            _collect(one, relation, found)
    elif isinstance(node, Reference):
        _collect(node.root, None, found)
    else:
        _note(found, node.relation, _measured(node))
        if node.where is not None:
            _collect(node.where, node.relation, found)


def _measured(node: Related | Aggregate) -> Iterable[Field]:
    return [node.field] if isinstance(node, Aggregate) and node.field is not None else []


def _note(found: Used, relation: Relation | None, fields: Iterable[Field]) -> None:
    name = relation.name if relation else ""
    found.setdefault(name, (relation, []))[1].extend(fields)
