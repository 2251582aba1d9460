"""Bad documents: one line that names the place, never a traceback."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.kernel.errors import BadInput
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.json_input import load
from crm_plugin.segments.language.parse import parse

SAVED: dict[int, dict[str, Any]] = {
    1: {"combinator": "and", "rules": [{"field": "segment", "operator": "=", "value": 2}]},
    2: {"combinator": "and", "rules": [{"field": "segment", "operator": "=", "value": 1}]},
    3: {"combinator": "and", "rules": [{"field": "age", "operator": ">", "value": "old"}]},
}
CATALOGUE = Catalogue(
    knows=lambda stream, field: (stream, field) != ("persons", "gender"),
    currencies=lambda: frozenset({"GBP", "EUR"}),
    query=SAVED.get,
)


def rule(field: Any, operator: Any, value: Any = None) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def tree(*rules: Any, **more: Any) -> dict[str, Any]:
    return {"combinator": "and", "rules": list(rules)} | more


def orders(*rules: Any, **more: Any) -> dict[str, Any]:
    return {"field": "orders", "match": {"mode": "some"}, "value": tree(*rules)} | more


def total(**more: Any) -> dict[str, Any]:
    return {"field": "orders", "aggregate": "sum:amount", "operator": ">=", "value": "500.00"} | more


def deep(levels: int) -> dict[str, Any]:
    return tree(rule("age", ">", 1)) if levels == 1 else tree(deep(levels - 1))


SPAN = {"n": 30, "unit": "day"}
BAD: list[tuple[Any, str, str, str]] = [
    (None, "segment.not_a_group", "", "nothing"),
    ([], "segment.not_a_group", "", "a list"),
    (rule("age", ">", 1), "segment.not_a_group", "", "an object"),
    (
        {"rules": []},
        "segment.unknown_combinator",
        "combinator",
        'is an empty value; it must be "and" or "or"',
    ),
    ({"combinator": "xor", "rules": []}, "segment.unknown_combinator", "combinator", "'xor'"),
    (tree(colour=1), "segment.unknown_key", "", "colour"),
    (tree(**{"not": "yes"}), "segment.bad_value", "not", "true or false"),
    ({"combinator": "and", "rules": {}}, "segment.bad_value", "rules", "a list"),
    (tree(tree()), "segment.empty_group", "rules[0]", "no rules"),
    (tree("age"), "segment.not_a_tree", "rules[0]", "'age'"),
    (tree(orders()), "segment.empty_group", "rules[0].value", "no rules"),
    (tree(rule("agee", ">", 1)), "segment.unknown_field", "rules[0].field", "did you mean 'age'?"),
    (tree(rule(["age"], ">", 1)), "segment.unknown_field", "rules[0].field", "unknown field"),
    (tree(rule("consent.fax", "=", "granted")), "segment.unknown_field", "rules[0].field", "consent.fax"),
    (tree(rule("attributes.x", "=", "1")), "segment.unknown_field", "rules[0].field", "attributes.x"),
    (tree(rule("gender", "=", "f")), "segment.field_not_offered", "rules[0].field", "gender"),
    (tree(rule("age", "=>", 1)), "segment.unknown_operator", "rules[0].operator", "between"),
    (tree(rule("age", None, 1)), "segment.unknown_operator", "rules[0].operator", "by an empty value;"),
    (tree(rule("age", "inLast", SPAN)), "segment.unknown_operator", "rules[0].operator", "it takes"),
    (tree(rule("age", ">", "18")), "segment.bad_value", "rules[0].value", "age: '18' is not a whole number"),
    (tree(rule("age", ">", True)), "segment.bad_value", "rules[0].value", "whole number"),
    (tree(rule("age", ">", 1.5)), "segment.bad_value", "rules[0].value", "whole number"),
    (tree(rule("age", ">", 10**4000)), "segment.bad_value", "rules[0].value", "a huge number"),
    (tree(rule("age", "between", [3, 1])), "segment.bad_value", "rules[0].value", "the lower first"),
    (tree(rule("age", "between", [1])), "segment.bad_value", "rules[0].value", "two values"),
    (tree(rule("age", "in", [])), "segment.bad_value", "rules[0].value", "age: [] is not a list of at least"),
    (
        tree(rule("age", "between", [1])),
        "segment.bad_value",
        "rules[0].value",
        "age: [1] is not a list of two",
    ),
    (
        tree(rule("age", "between", [3, 1])),
        "segment.bad_value",
        "rules[0].value",
        "age: [3, 1] is not a list",
    ),
    (tree(rule("age", "between", [[1]])), "segment.bad_value", "rules[0].value", "age: this list is not a"),
    (tree(rule("age", "between", [1] * 9)), "segment.bad_value", "rules[0].value", "age: this list is not a"),
    (
        tree(rule("age", ">", None)),
        "segment.bad_value",
        "rules[0].value",
        "age: an empty value is not a whole",
    ),
    (tree(rule("age", ">", {"a": True})), "segment.bad_value", "rules[0].value", 'age: {"a": true} is not a'),
    (tree(rule("city", "=", ["\ud800"])), "segment.bad_value", "rules[0].value", "is not a text"),
    *(
        (tree(rule("country", operator, "CN")), "segment.unknown_operator", "rules[0].operator", operator)
        for operator in ("contains", "doesNotContain", "beginsWith", "endsWith")
    ),
    (tree(rule("age", "in", [1, "2"])), "segment.bad_value", "rules[0].value[1]", "whole number"),
    (tree(rule("has_phone", "=", 1)), "segment.bad_value", "rules[0].value", "true or false"),
    (tree(rule("city", "=", "")), "segment.bad_value", "rules[0].value", "a text"),
    (tree(rule("city", "=", "\ud800")), "segment.bad_value", "rules[0].value", "can be stored"),
    (tree(rule("city", "=", "a\x00b")), "segment.bad_value", "rules[0].value", "can be stored"),
    (tree(rule("city", "=", "x" * 1001)), "segment.bad_value", "rules[0].value", "1,000 characters"),
    (tree(rule("status", "=", "aktive")), "segment.bad_value", "rules[0].value", "did you mean 'active'?"),
    (tree(rule("status", "in", ["active", "x"])), "segment.bad_value", "rules[0].value[1]", "one of active"),
    (tree(rule("paid_total", ">", "1.00001")), "segment.bad_value", "rules[0].value", "4 decimals"),
    (tree(rule("paid_total", ">", "NaN")), "segment.bad_value", "rules[0].value", "number"),
    (tree(rule("paid_total", ">", float("inf"))), "segment.bad_value", "rules[0].value", "number"),
    (tree(rule("birthday", "=", "2026-02-30")), "segment.bad_value", "rules[0].value", "a day"),
    (tree(rule("registered_at", "<", "yesterday")), "segment.bad_value", "rules[0].value", "a day such as"),
    (tree(rule("registered_at", "<", "0001-01-01")), "segment.bad_value", "rules[0].value", "years 1000"),
    (tree(rule("registered_at", "inLast", 30)), "segment.bad_value", "rules[0].value", '"unit"'),
    (tree(rule("registered_at", "inLast", SPAN | {"n": -1})), "segment.bad_value", "rules[0].value", "n is"),
    (
        tree(rule("registered_at", "inLast", SPAN | {"n": True})),
        "segment.bad_value",
        "rules[0].value",
        "n is",
    ),
    (
        tree(rule("registered_at", "inLast", SPAN | {"unit": "eon"})),
        "segment.bad_value",
        "rules[0].value",
        "units",
    ),
    (
        tree(rule("birthday", "inLast", SPAN | {"unit": "hour"})),
        "segment.bad_value",
        "rules[0].value",
        "units",
    ),
    (tree({"field": "orders", "value": tree()}), "segment.bad_match", "rules[0].match", "atLeast"),
    (tree(orders(match={"mode": "most"})), "segment.bad_match", "rules[0].match.mode", "'most'"),
    (tree(orders(match={"mode": "atLeast"})), "segment.bad_match", "rules[0].match.threshold", "threshold"),
    (
        tree(orders(match={"mode": "exactly", "threshold": 0.5})),
        "segment.bad_match",
        "rules[0].match.threshold",
        "whole number",
    ),
    (tree(orders(rule("age", ">", 1))), "segment.unknown_field", "rules[0].value.rules[0].field", "age"),
    (tree(orders(orders())), "segment.unknown_field", "rules[0].value.rules[0].field", "orders"),
    (tree(total(aggregate="sum:state")), "segment.bad_aggregate", "rules[0].aggregate", "cannot be taken"),
    (tree(total(aggregate="median:amount")), "segment.bad_aggregate", "rules[0].aggregate", "sum:amount"),
    (tree(total(aggregate="sum:amuont")), "segment.unknown_field", "rules[0].aggregate", "'amount'"),
    (tree(total(aggregate=7)), "segment.bad_aggregate", "rules[0].aggregate", "7"),
    (tree(total()), "segment.needs_currency", "rules[0].where", "one currency"),
    (tree(total(operator="null")), "segment.unknown_operator", "rules[0].operator", "null"),
    (tree(rule("segment", "=", 9)), "segment.missing_query", "rules[0].value", "9"),
    (tree(rule("segment", "=", "1")), "segment.bad_value", "rules[0].value", "quick query"),
    (
        tree(rule("segment", "=", 1)),
        "segment.cycle",
        "rules[0].value(1).rules[0].value(2).rules[0].value",
        "1",
    ),
    (tree(rule("segment", "=", 3)), "segment.bad_value", "rules[0].value(3).rules[0].value", "age"),
    (deep(11), "segment.too_deep", ".".join(["rules[0]"] * 10), "10"),
    (tree(*[rule("age", ">", 1)] * 201), "segment.too_many_rules", "rules[200]", "200"),
    (tree(rule("age", "in", list(range(10_001)))), "segment.too_many_values", "rules[0].value", "10000"),
]


@pytest.mark.parametrize(("document", "code", "place", "words"), BAD, ids=[f"{b[1]}-{b[2]}" for b in BAD])
def test_a_bad_document_is_told_where_it_is_bad(document: Any, code: str, place: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(document, CATALOGUE)
    assert (caught.value.code, caught.value.place) == (code, place)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


GOOD = [
    tree(),
    tree(**{"not": True}),
    tree(rule("age", ">", 1) | {"id": "x"}, id="root"),
    tree(rule("last_login_at", "null")),
    tree({"field": "last_login_at", "operator": "null"}),
    tree({"field": "orders", "match": {"mode": "some"}, "operator": "="}),
    tree(total(where=tree(rule("currency", "=", "GBP")))),
    tree(total(aggregate="distinct:course_id", value=2)),
    tree(
        total(aggregate="avg:amount", where=tree(rule("currency", "in", ["GBP"]), rule("state", "=", "paid")))
    ),
    tree(rule("age", "in", list(range(10_000)))),
    tree(*[rule("age", ">", 1)] * 200),
    deep(10),
]


@pytest.mark.parametrize("document", GOOD)
def test_a_good_document_is_understood(document: Any) -> None:
    assert len(parse(document, CATALOGUE).root.members) == len(document["rules"])


def test_the_place_begins_with_the_name_of_the_document() -> None:
    with pytest.raises(BadInput, match=r"^policy\.goal\.rules\[0\]\.field: unknown field 'x'"):
        parse(tree(rule("x", "=", 1)), CATALOGUE, "policy.goal")


def test_a_quick_query_may_not_lead_back_to_itself() -> None:
    with pytest.raises(BadInput) as caught:
        parse(tree(rule("segment", "=", 2)), CATALOGUE, inside=frozenset({1}))
    assert caught.value.code == "segment.cycle"


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', '{"a": NaN}', "[", "1" * 5000, "[" * 100_000, b"\xff", '{"a": Infinity}']
)
def test_what_is_no_json_is_bad_input(text: str | bytes) -> None:
    with pytest.raises(BadInput) as caught:
        load(text)
    assert caught.value.code == "input.not_json"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["and", "age", "orders", "some", "="]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "combinator",
                    "rules",
                    "not",
                    "field",
                    "operator",
                    "value",
                    "match",
                    "mode",
                    "aggregate",
                    "where",
                    "n",
                    "unit",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    rules=st.lists(JSON, max_size=3),
    field=st.sampled_from(["age", "orders", "registered_at", "tags", "segment"]),
)
def test_nothing_breaks_the_parser(rules: list[Any], field: str) -> None:
    named = [one | {"field": field} if isinstance(one, dict) else one for one in rules]
    with suppress(BadInput):
        parse(tree(*named), CATALOGUE)
