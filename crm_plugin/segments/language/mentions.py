"""What a stored document mentions, understood or not: names of fields, and quick queries."""

from collections.abc import Iterator, Mapping, Set
from copy import deepcopy
from typing import Any

from crm_plugin.host.records import Actor
from crm_plugin.profiles.store.masking import may_see_contacts
from crm_plugin.segments.language.fields import FIELDS
from crm_plugin.segments.language.parse import REFERENCE
from crm_plugin.segments.language.sources import Written

PRIVATE = frozenset(name for name, field in FIELDS.items() if field.private)
"""Fields that are contacts."""
HIDDEN = "***"
"""Stands for a value that may not be read; saved like that, it is refused as every condition on contacts."""
WRITTEN = frozenset(name for name, field in FIELDS.items() if isinstance(field.source, Written))
"""Fields of texts that may hold one."""


def mentions(document: Any, ident: int) -> bool:
    """Return whether a document names a quick query itself."""
    return ident in references(document)


def references(document: Any) -> set[int]:
    """Return the quick queries that a document names itself."""
    named = (one.get("value") for one in _rules(document) if one["field"] == REFERENCE)
    return {value for value in named if isinstance(value, int) and not isinstance(value, bool)}


def asks(document: Any, fields: Set[str]) -> bool:
    """Return whether a document itself has a condition on one of these fields."""
    return any(one["field"] in fields for one in _rules(document))


def as_seen(actor: Actor, document: Any) -> Any:
    """Return a document as an actor may read it: values of conditions on contacts are left out of it."""
    if may_see_contacts(actor) or not asks(document, PRIVATE):
        return document
    seen = deepcopy(document)
    for one in _rules(seen):
        if one["field"] in PRIVATE and "value" in one:
            one["value"] = HIDDEN
    return seen


def asks_written(document: Any) -> bool:
    """Return whether what a document finds may depend on who sees contacts."""
    return any(_is_written(one["field"]) or one["field"] == REFERENCE for one in _rules(document))


def _is_written(name: str) -> bool:
    return name in WRITTEN or name.startswith("attributes.")


def hidden(trees: Mapping[int, Any]) -> set[int]:
    """Return the quick queries that ask for contacts, themselves or through others.

    :param trees: all there are.
    """
    found = {ident for ident, tree in trees.items() if asks(tree, PRIVATE)}
    named = {ident: references(tree) for ident, tree in trees.items()}
    while more := {ident for ident, ids in named.items() if ident not in found and ids & found}:
        found |= more
    return found


def _rules(document: Any) -> Iterator[dict[str, Any]]:
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("field"), str):
                yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
