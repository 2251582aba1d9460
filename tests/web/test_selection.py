"""Ticks as a form carries them, and the search that finds exactly the ticked."""

import json
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from crm_plugin.kernel.errors import BadInput
from crm_plugin.web.listing.selection import MOST, Selection

EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
MEMBER = {"field": "is_member", "operator": "=", "value": True}


def form(mode: str, shown: list[str], picked: list[str], carried: list[str]) -> MultiDict[str, str]:
    fields = [("mode", mode), ("shown", json.dumps(shown)), ("carried", json.dumps(carried))]
    return MultiDict([*fields, *(("pick", one) for one in picked)])


def test_some_are_what_was_ticked_here_and_elsewhere() -> None:
    selection = Selection.read(form("some", ["a", "b"], ["a"], ["c"]))
    assert selection == Selection(False, frozenset("ac"))
    assert (selection.has("a"), selection.has("b"), selection.size(10)) == (True, False, 2)
    assert selection.carried(["a", "b"]) == '["c"]'


def test_all_are_all_but_what_was_unticked_here_and_elsewhere() -> None:
    selection = Selection.read(form("all", ["a", "b"], ["a"], ["c", "a"]))
    assert selection == Selection(True, frozenset("bc"))
    assert (selection.has("a"), selection.has("b"), selection.size(10)) == (True, False, 8)


def test_somebody_who_is_not_on_the_page_cannot_be_ticked_there() -> None:
    assert Selection.read(form("some", ["a"], ["a", "z"], [])).ids == {"a"}


def test_the_tree_finds_exactly_the_ticked() -> None:
    some, most = Selection(False, frozenset("ba")), Selection(True, frozenset("b"))
    assert some.tree(EVERYBODY)["rules"] == [{"field": "id", "operator": "in", "value": ["a", "b"]}]
    left_out = {"field": "id", "operator": "notIn", "value": ["b"]}
    assert most.tree({"combinator": "and", "rules": [MEMBER]})["rules"] == [MEMBER, left_out]
    either = {"combinator": "or", "rules": [MEMBER]}
    assert most.tree(either) == {"combinator": "and", "rules": [either, left_out]}
    nobody = {"combinator": "and", "not": True, "rules": [MEMBER]}
    assert most.tree(nobody)["rules"] == [nobody, left_out]
    assert Selection().tree(either) == Selection(everybody=True).tree(either) == either


@pytest.mark.parametrize("carried", ["{", '"a"', "[1]", json.dumps([str(n) for n in range(MOST + 1)])])
def test_a_forged_or_endless_selection_is_refused(carried: str) -> None:
    with pytest.raises(BadInput):
        Selection.read(MultiDict({"carried": carried}))
