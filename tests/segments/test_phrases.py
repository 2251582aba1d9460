"""Phrases for pieces of a tree: recognised, said in both languages, and nothing but what they stand for."""

from copy import deepcopy

import pytest

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments.language.documents import all_of, any_of, rows, rule
from crm_plugin.segments.wording.describe import describe
from crm_plugin.segments.wording.phrase_templates import BARE, SHAPES, Shape, recognised
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost

on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
NAMED = {shape.name: shape for shape in SHAPES}
QUIET = NAMED["~quiet"].make("olderThan", {"n": 60, "unit": "day"})


@pytest.fixture
def crm(database: Database) -> Crm:
    crm = make_crm(database, FakeHost(r.Course("c1", "Piano"), r.Course("c2", "Violin")))
    sync(crm, full=True)
    return crm


@on_sqlite
def test_phrases_are_said_in_both_languages(crm: Crm) -> None:
    bought = NAMED["~bought"].make("notIn", ["c1", "c2"])
    tree = all_of(QUIET, bought, NAMED["~trial"].make("some", None))
    assert describe(crm, tree, "en") == (
        "People matching: not active for 60 days (or never) and has not bought any of “Piano”, “Violin” "
        "and took a trial lesson"
    )
    assert describe(crm, tree, "zh") == (
        "条件：已有 60 天未活跃（含从未活跃），且没有买过其中任何一个：“Piano”、“Violin”，且试听过课程"
    )


@on_sqlite
def test_progress_is_said_in_percent(crm: Crm) -> None:
    half = rows("enrolments", rule("progress", "between", [0.2, 0.6]), rule("progress", "!=", 0.125))
    assert describe(crm, all_of(half), "en").endswith(
        "progress is between 20% and 60% and progress is not 12.5%"
    )
    assert "20%" in describe(crm, all_of(half), "zh")
    assert "0.2" not in describe(crm, all_of(half), "zh")


@on_sqlite
def test_a_phrase_deep_in_groups_is_said_too(crm: Crm) -> None:
    tree = all_of(rule("paid_count", ">=", 1), any_of(QUIET, rule("is_member", "=", False)))
    assert "(not active for 60 days (or never) or is a member: no)" in describe(crm, tree, "en")


@on_sqlite
def test_states_are_said_in_the_words_that_are_given(crm: Crm) -> None:
    state = {"field": "orders", "match": {"mode": "some"}, "value": all_of(rule("state", "=", "pending"))}

    def shout(relation: str, field: str, value: str) -> str:
        return f"{relation}.{field}={value}".upper()

    assert describe(crm, all_of(state), "en") == "People matching: has orders with state is pending"
    assert "ORDERS.STATE=PENDING" in describe(crm, all_of(state), "en", namer=shout)
    assert "ENROLMENTS" not in describe(crm, all_of(state), "en", namer=shout)
    assert ".STATUS=ACTIVE" in describe(crm, all_of(rule("status", "=", "active")), "en", namer=shout)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda one: one.name)
def test_a_phrase_is_read_back_and_a_changed_one_is_not(shape: Shape) -> None:
    for operator in shape.says:
        value = {"n": 1, "unit": "day"} if operator == "olderThan" else None if operator in BARE else ["x"]
        made = shape.make(operator, value)
        assert recognised(made) == (shape, operator, value)
        key = "value" if "field" in made else "rules"
        changed = deepcopy(made)
        (changed[key]["rules"] if key == "value" else changed[key]).append(rule("paid_count", "=", 1))
        assert recognised(changed) is None


@pytest.mark.parametrize("odd", [None, [], "x", {}, {"rules": []}, {"rules": [None]}, {"field": "orders"}])
def test_what_is_no_tree_is_no_phrase(odd: object) -> None:
    assert recognised(odd) is None
