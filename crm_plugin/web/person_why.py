"""Why somebody is, or is not, in a saved search: the decisions, from the top down."""

from typing import Any

from flask import request

from crm_plugin.kernel.errors import CrmError
from crm_plugin.profiles.queries import PersonRow
from crm_plugin.segments import queries, service
from crm_plugin.segments.evaluate import Explanation
from crm_plugin.web import searches
from crm_plugin.web.guard import actor, crm
from crm_plugin.web.i18n import explain, say


def why(one: PersonRow) -> dict[str, Any]:
    """Return what the page says about the search that the address asks for."""
    ident = request.args.get("why", type=int)
    if ident is None:
        return {"why": None, "why_query": None, "why_problem": ""}
    query = queries.get(crm(), ident, actor())
    try:
        found = service.explain(crm(), query.tree, one.host_id, actor=actor())
    except CrmError as error:
        return {"why": None, "why_query": query, "why_problem": explain(error)}
    return {"why": _lines(found), "why_query": query, "why_problem": ""}


def _lines(found: Explanation, depth: int = 0) -> list[dict[str, Any]]:
    """Return the decisions about a person from the top down, each with its depth."""
    menus = searches.fields()
    offered = menus.find(found.field) if found.field else None
    about = offered.label if offered else found.field
    line = {
        "outcome": found.outcome,
        "depth": depth,
        "text": about or say("All or any of the following"),
        "operator": found.operator,
        "seen": found.seen,
        "is_group": not found.field,
    }
    return [line, *(deeper for child in found.children for deeper in _lines(child, depth + 1))]
