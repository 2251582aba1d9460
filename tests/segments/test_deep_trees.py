"""Trees as deep as the language takes them, in the shapes that open most of a parser, on each database."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.campaigns.launch.reach import funnel
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.segments import service
from crm_plugin.segments.language.documents import all_of, any_of, rows, rule
from crm_plugin.segments.language.parse import DEPTH, parse
from tests.campaigns.fixtures import launched, run, status, world
from tests.segments.fixtures import School
from tests.segments.test_agreement import agree, catalogue_at, present_of

Tree = dict[str, Any]
BOUGHT = rule("paid_count", ">=", 1)
DEAR = rows("orders", rule("amount", ">", 1), mode="all")
NEVER = rows("orders", rule("amount", ">", 2), mode="none")
SOME = rows("signals", rule("kind", "=", "view"))


ON_SQLITE_AND_LONG_ELSEWHERE = pytest.mark.parametrize(
    "db_kind",
    ["sqlite", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("postgresql", "mariadb"))],
    indirect=True,
)


def negated(tree: Tree) -> Tree:
    return {**tree, "not": True}


def inner(levels: int) -> Tree:
    """A statement on rows whose own conditions lie so many levels deep."""
    group = all_of(rule("amount", ">", 1))
    for level in range(levels - 1):
        join = (any_of, all_of)[level % 2]
        group = negated(join(rule("course_id", "in", ["1"]), group))
    return {"field": "orders", "match": {"mode": "all"}, "value": group}


SHAPES: dict[str, Callable[[int, Tree], Tree]] = {
    "sets turned by not": lambda level, tree: negated((all_of, any_of)[level % 2](BOUGHT, NEVER, DEAR, tree)),
    "sets in turns": lambda level, tree: (all_of, any_of)[level % 2](tree, SOME, NEVER),
    "only or": lambda level, tree: any_of(NEVER, DEAR, tree),
    "facts last": lambda level, tree: (any_of, all_of)[level % 2](BOUGHT, tree),
    "not of not": lambda level, tree: negated(all_of(SOME, negated(any_of(tree, BOUGHT)))),
}
"""Name → (level, tree so far) → the tree around it."""


def deepest(shape: str, rows_take: int) -> Tree:
    """Return a tree of a shape that is as deep as a tree may be; its innermost rule is about rows."""
    tree = all_of(inner(rows_take))
    steps = 2 if shape == "not of not" else 1
    for level in range((DEPTH - rows_take - 2) // steps):
        tree = SHAPES[shape](level, tree)
    return tree


@ON_SQLITE_AND_LONG_ELSEWHERE
@pytest.mark.parametrize("rows_take", [1, 4])
def test_the_deepest_trees_are_decided_alike(database: Database, rows_take: int) -> None:
    present = present_of(0, database.dialect)
    School(random.Random(7), present).fill(database, 12)
    for shape in SHAPES:
        document = deepest(shape, rows_take)
        agree(database, document, parse(document, catalogue_at(present)), present)


def test_one_level_more_is_refused_with_its_place() -> None:
    tree = SHAPES["facts last"](0, deepest("facts last", 1))
    with pytest.raises(BadInput) as refused:
        parse(tree, catalogue_at(present_of(0, "sqlite")))
    assert refused.value.code == "segment.too_deep"
    assert refused.value.place == ".".join(["rules[1]"] * 8) + ".rules[0].value"


@ON_SQLITE_AND_LONG_ELSEWHERE
def test_the_deepest_trees_can_be_reached_and_sent_to(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    for shape in SHAPES:
        tree = deepest(shape, 1)
        if not service.count(crm, tree).count:
            tree = tree | {"not": not tree.get("not", False)}
        assert funnel(crm, tree, "sms", 7).steps["matched"] == 2
        ident = launched(crm, audience=tree, policy={"goal": all_of(BOUGHT, tree["rules"][-1])})
        run(crm)
        assert status(crm, ident)["books"]["sent"] == 2
