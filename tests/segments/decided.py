"""Whether the decision for one person says yes."""

from typing import Any

from crm_plugin.segments.explain.evaluate import explain


def matches(tree: Any, person: Any, world: Any) -> bool:
    """Tell whether a tree matches a person."""
    return explain(tree, person, world).outcome
