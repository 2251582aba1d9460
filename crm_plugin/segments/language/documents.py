"""Writes filter documents: the JSON of ``docs/segments.md``, for segments that the code itself needs."""

from typing import Any

Document = dict[str, Any]


def rule(field: str, operator: str, value: Any = None) -> Document:
    """Return a comparison."""
    return {"field": field, "operator": operator, "value": value}


def all_of(*rules: Document) -> Document:
    """Return a group all of whose rules must hold; without rules it is everybody."""
    return {"combinator": "and", "rules": list(rules)}


def any_of(*rules: Document) -> Document:
    """Return a group one of whose rules must hold."""
    return {"combinator": "or", "rules": list(rules)}


def rows(relation: str, *rules: Document, mode: str = "some") -> Document:
    """Return a statement about related rows that fulfil all of these rules."""
    return {"field": relation, "match": {"mode": mode}, "value": all_of(*rules)}
