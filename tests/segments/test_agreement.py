"""The two evaluators decide alike: random trees over random schools, on each database."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from crm_plugin.boards.stages.stage_fields import FIELDS as STAGES
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person
from crm_plugin.segments.dialects import DIALECTS
from crm_plugin.segments.explain import loaded_rows
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.dates import Present
from crm_plugin.segments.language.parse import FUNCTIONS, MODES, parse
from crm_plugin.segments.language.sources import Column
from crm_plugin.segments.language.tree import Aggregate, Group, Node, Reference, Related, Rule, Tree
from crm_plugin.segments.language.value_types import KEYS
from crm_plugin.segments.sql.compile import people
from tests.segments.decided import matches
from tests.segments.fixtures import School
from tests.segments.trees import Trees

PEOPLE = 40
SCHOOLS, BATCH = 6, 50
"""Of each run: so many schools, and so many trees over each."""
LONG_SCHOOLS, LONG_BATCH = 20, 500
PRESENTS = (
    ("2026-11-15T12:00:00+00:00", "Europe/London"),
    ("2026-03-29T12:30:00+00:00", "Europe/London"),  # the clocks changed this morning
    ("2026-10-25T01:30:00+00:00", "Europe/London"),  # 01:30 for the second time
    ("2028-02-29T18:00:00+00:00", "Asia/Shanghai"),  # already March there
    ("2026-03-31T07:15:00.000001+00:00", "America/New_York"),
    ("2027-02-28T11:00:00+00:00", "Australia/Lord_Howe"),  # clocks change by half an hour
)
SCOPES = (None, None, frozenset({"2"}), frozenset({"1", "class:4", "gone"}))
SAVED = {
    "combinator": "or",
    "rules": [
        {"field": "is_member", "operator": "=", "value": True},
        {"field": "orders", "match": {"mode": "some"}},
    ],
}


def present_of(number: int, dialect: str, scope: frozenset[str] | None = None) -> Present:
    at, zone = PRESENTS[number % len(PRESENTS)]
    return Present(datetime.fromisoformat(at), ZoneInfo(zone), scope, "GBP", DIALECTS[dialect])


@dataclass
class Seen:
    """What a run of trees was made of."""

    rules: set[tuple[str, str]] = field(default_factory=set)
    """(field, operator)"""
    modes: set[tuple[str, str]] = field(default_factory=set)
    """(relation, match mode)"""
    figures: set[tuple[str, str, str]] = field(default_factory=set)
    """(relation, function, field)"""

    def add(self, tree: Tree) -> None:
        for node in walk(tree.root):
            if isinstance(node, Rule):
                self.rules.add((node.field.name, node.operator))
            elif isinstance(node, Related):
                self.modes.add((node.relation.name, node.mode))
            elif isinstance(node, Aggregate):
                self.figures.add((node.relation.name, node.function, node.field.name if node.field else ""))


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, conditions on related rows and quick queries included."""
    yield node
    below: tuple[Node | None, ...] = ()
    if isinstance(node, Group):
        below = node.members
    elif isinstance(node, Related | Aggregate):
        below = (node.where,)
    elif isinstance(node, Reference):
        below = (node.root,)
    for child in below:
        if child is not None:
            yield from walk(child)


def catalogue_at(present: Present) -> Catalogue:
    brought = {one.name: one for one in STAGES}
    return Catalogue(
        zone=present.zone,
        attributes=("faculty", "house"),
        query=lambda _id: SAVED,
        more_fields=lambda: brought,
    )


def trees(number: int, examples: int, dialect: str) -> Iterator[tuple[dict[str, Any], Tree, Present]]:
    """Yield random trees over one school: the same for the same number."""
    for seed in range(examples):
        chance = random.Random(f"{number} {seed}")
        present = present_of(number, dialect, chance.choice(SCOPES))
        catalogue = catalogue_at(present)
        document = Trees(chance, School(chance, present), catalogue).document()
        yield document, parse(document, catalogue), present


def agree(database: Database, document: dict[str, Any], tree: Tree, present: Present) -> int:
    """Check one tree over the school that is there; return how many people it matches."""
    with database.read() as session:
        by_sql = sorted(session.scalars(people(tree, present)))
        everybody = list(session.scalars(sa.select(Person.id)))
        loaded = loaded_rows.load(session, tree, everybody, present)
    by_hand = sorted(row["id"] for row in loaded.people if matches(tree, row, loaded))
    assert by_sql == by_hand, document
    return len(by_sql)


def check(database: Database, number: int, examples: int) -> None:
    School(random.Random(number), present_of(number, database.dialect)).fill(database, PEOPLE)
    counts = [agree(database, *one) for one in trees(number, examples, database.dialect)]
    # Trees that match nobody or everybody prove little: many must not.
    assert sum(0 < count < PEOPLE * 0.6 for count in counts) > examples / 8


def seen_in(numbers: range, examples: int) -> Seen:
    seen = Seen()
    for number in numbers:
        for _document, tree, _present in trees(number, examples, "sqlite"):
            seen.add(tree)
    return seen


@pytest.mark.parametrize("number", range(SCHOOLS))
def test_sql_and_memory_agree(database: Database, number: int) -> None:
    check(database, number, BATCH)


def test_the_trees_use_every_operator_mode_and_function() -> None:
    seen = seen_in(range(SCHOOLS), BATCH)
    fields = catalogue_at(present_of(0, "sqlite")).fields()
    assert {operator for _field, operator in seen.rules} >= {o for one in fields for o in one.kind.operators}
    assert {mode for _relation, mode in seen.modes} == set(MODES)
    assert {function for _relation, function, _field in seen.figures} == {"count", *FUNCTIONS}


@pytest.mark.long
@pytest.mark.parametrize("number", range(SCHOOLS, SCHOOLS + LONG_SCHOOLS))
def test_sql_and_memory_agree_on_ten_thousand_trees(database: Database, number: int) -> None:
    check(database, number, LONG_BATCH)


@pytest.mark.long
def test_the_ten_thousand_trees_use_everything() -> None:
    seen = seen_in(range(SCHOOLS, SCHOOLS + LONG_SCHOOLS), LONG_BATCH)
    catalogue = catalogue_at(present_of(0, "sqlite"))
    relations = catalogue.relations()
    fields = [*catalogue.fields(), *(one for rows in relations for one in catalogue.fields_of(rows))]
    assert {(one.name, operator) for one in fields for operator in one.kind.operators} <= seen.rules
    assert {(rows.name, mode) for rows in relations for mode in MODES} <= seen.modes
    assert {(rows.name, "count", "") for rows in relations} <= seen.figures
    measured = {
        (rows.name, function, one.name)
        for rows in relations
        for one in catalogue.fields_of(rows)
        for function, kinds in FUNCTIONS.items()
        if one.kind in kinds and (isinstance(one.source, Column) or one.kind is KEYS)
    }
    assert measured <= seen.figures
