"""A filter document as JSON Schema, for the document of the API.

Made of the parser's own keys, operators and limits, so that the two cannot differ in them. What depends on
the field (which operators, which values) is not here: ``GET fields`` says it.
"""

from collections.abc import Sequence
from typing import Any

from crm_plugin.segments.language import parse
from crm_plugin.segments.language.dates import UNITS
from crm_plugin.segments.language.value_types import (
    KNOWN,
    LARGEST,
    LISTS,
    LONGEST_SPAN,
    LONGEST_TEXT,
    OPERATORS,
    SPANS,
)

Json = dict[str, Any]

_PAIRS = ("between", "notBetween")
_ONE = tuple(one for one in OPERATORS if one not in (*KNOWN, *LISTS, *_PAIRS, *SPANS))
_FIGURES = "|".join(one for one in parse.FUNCTIONS if one != "count")
_ANYTHING: Json = {"description": "Ignored."}
_NAME: Json = {"type": "string", "minLength": 1, "description": "As `GET fields` lists it."}
_SCALAR: Json = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
        {"type": "number", "minimum": -LARGEST, "maximum": LARGEST},
        {"type": "boolean"},
    ]
}


def schemas() -> dict[str, Json]:
    """Return the schemas of the language by their names; ``Tree`` is a whole document."""
    return {
        "Tree": _group("A document of the filter language; without rules it means everybody.", least=0),
        "Group": _group("Conditions joined by and, or.", least=1),
        "ValueRule": _rule(_ONE, _SCALAR, "A field compared with a value."),
        "ListRule": _rule(LISTS, _list(1, parse.VALUES), "A field compared with several values."),
        "RangeRule": _rule(
            _PAIRS, _list(2, 2), "A field between two values, the lower first, both included."
        ),
        "SpanRule": _rule(SPANS, _reference("Span"), "A date compared with a span of time."),
        "KnownRule": _rule(KNOWN, None, "Whether a field is known."),
        "RowsRule": _rows(),
        "SomeRows": _object(
            ("mode",), "All, some or none of the rows.", mode=_one_of(parse.MODES[:3]), threshold=_ANYTHING
        ),
        "NumberOfRows": _object(
            ("mode", "threshold"),
            "So many of the rows.",
            mode=_one_of(parse.MODES[3:]),
            threshold={"type": "integer", "minimum": 0, "maximum": parse.MOST_ROWS},
        ),
        "FigureRule": _figure(),
        "Span": _object(
            ("n", "unit"),
            "So much time.",
            n={"type": "integer", "minimum": 0, "maximum": LONGEST_SPAN},
            unit=_one_of(UNITS),
        ),
    }


def _object(required: Sequence[str], description: str, **properties: Json) -> Json:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [*required],
        "additionalProperties": False,
    }


def _one_of(known: Sequence[str]) -> Json:
    return {"type": "string", "enum": [*known]}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _of(keys: Sequence[str], known: Json) -> dict[str, Json]:
    """Return the properties of an object that takes these keys; what nobody describes is ignored."""
    return {key: known.get(key, _ANYTHING) for key in keys}


def _list(least: int, most: int) -> Json:
    return {"type": "array", "items": _SCALAR, "minItems": least, "maxItems": most}


_RULES = ("ValueRule", "ListRule", "RangeRule", "SpanRule", "KnownRule", "RowsRule", "FigureRule")
_SOURCE: Json = {
    "type": "string",
    "enum": ["value"],
    "description": "As the React Query Builder says it; no other is taken.",
}


def _group(description: str, least: int) -> Json:
    rules = {
        "type": "array",
        "items": {"anyOf": [_reference(name) for name in (*_RULES, "Group")]},
        "minItems": least,
        "maxItems": parse.RULES,
    }
    known = {"combinator": _one_of(("and", "or")), "not": {"type": "boolean"}, "rules": rules}
    return _object(("combinator", "rules"), description, **_of(parse.GROUP_KEYS, known))


def _rule(operators: Sequence[str], value: Json | None, description: str) -> Json:
    """Return a comparison; without a schema of the value none is needed, and none is looked at."""
    known = {"field": _NAME, "operator": _one_of(operators), "valueSource": _SOURCE}
    known |= {"value": value} if value is not None else {}
    required = ("field", "operator") if value is None else ("field", "operator", "value")
    return _object(required, description, **_of(parse.RULE_KEYS, known))


def _rows() -> Json:
    known = {
        "field": _NAME,
        "match": {"anyOf": [_reference("SomeRows"), _reference("NumberOfRows")]},
        "value": {"anyOf": [_reference("Group"), {"type": "null"}]},
        "valueSource": _SOURCE,
    }
    about = "How many related rows fulfil a group; without one every row counts."
    return _object(("field", "match"), about, **_of(parse.RELATED_KEYS, known))


def _figure() -> Json:
    known = {
        "field": _NAME,
        "aggregate": {"type": "string", "pattern": f"^(count|({_FIGURES}):[a-z_]+)$"},
        "operator": _one_of([one for one in OPERATORS if one not in LISTS]),
        "value": {"description": "As the operator wants it for a field of the kind of the figure."},
        "where": {"anyOf": [_reference("Group"), {"type": "null"}]},
        "valueSource": _SOURCE,
    }
    about = "A figure over related rows, such as `sum:amount`, compared with a value."
    return _object(("field", "aggregate", "operator"), about, **_of(parse.AGGREGATE_KEYS, known))
