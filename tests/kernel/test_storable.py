"""What no database keeps is found wherever it stands in a document, with its place."""

from typing import Any

import pytest

from crm_plugin.kernel import storable
from crm_plugin.kernel.errors import BadInput


@pytest.mark.parametrize(
    ("found", "place"),
    [
        ("a\0b", ""),
        ("\ud83d", ""),
        ({"name": "\udc00"}, "name"),
        ({"a": [{"b": 2**63}]}, "a[0].b"),
        ({"a": [0, -(2**63) - 1]}, "a[1]"),
        ({"n": float("inf")}, "n"),
        ({"n": float("nan")}, "n"),
        ({"good": {"bad\0": "bad\0"}}, "good"),
    ],
)
def test_what_no_database_keeps_is_refused_with_its_place(found: Any, place: str) -> None:
    with pytest.raises(BadInput) as refused:
        storable.check(found)
    assert refused.value.place == place


def test_what_databases_keep_is_taken() -> None:
    storable.check({"text": "王芳 🎹 \x7f\uffff", "numbers": [2**63 - 1, -(2**63), 1e308, True, None]})


def test_a_document_may_be_as_deep_as_its_parser_takes_it() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    storable.check(deep)
