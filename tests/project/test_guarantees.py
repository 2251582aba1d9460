"""The page of guarantees names tests that are there, and no promise is without one."""

import ast
import re
from functools import cache

from tests.project.tree import ROOT

WANTED = {
    f"AC-{number:02}" for number in (*range(1, 29), 34, 37, 42, 43, *range(51, 59), *range(61, 76), 77, 81)
}
_LINE = re.compile(r"\| (AC-\d\d) \| ([^|]+) \| ([^|]+) \|")


def lines() -> dict[str, list[str]]:
    """Return promise → its tests."""
    text = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    return {number: re.findall(r"`([^`]+)`", tests) for number, _, tests in _LINE.findall(text)}


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of a file's tests."""
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_promise_has_its_line() -> None:
    assert set(lines()) == WANTED
    assert [number for number, tests in lines().items() if not tests] == []


def test_every_test_that_is_named_is_there() -> None:
    named = [test for tests in lines().values() for test in tests]
    missing = [test for test in named if test.partition("::")[2] not in names_in(test.partition("::")[0])]
    assert missing == []
