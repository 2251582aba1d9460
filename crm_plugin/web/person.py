"""One person: facts, contacts with consent, courses, orders, timeline, and why (not) in a search."""

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import CrmError, NotFound
from crm_plugin.profiles.archive import archive, timeline
from crm_plugin.profiles.queries import people
from crm_plugin.segments import queries, service
from crm_plugin.segments.evaluate import Explanation
from crm_plugin.web import searches
from crm_plugin.web.builder import EVERYBODY
from crm_plugin.web.guard import actor, crm, page
from crm_plugin.web.i18n import explain, say
from crm_plugin.web.view import render

MOMENTS = 60


@page("/people/<int:ident>")
def person(ident: int) -> ResponseReturnValue:
    """Show a person; ``why`` is a quick query to explain."""
    with crm().db.read() as session:
        rows = people(session, [ident])
        if not rows:
            raise NotFound("object.missing", kind=say("person"), id=ident)
        host_id = rows[0].host_id
        # Refused for somebody outside the actor's courses, as if there were no such person.
        service.explain(crm(), EVERYBODY, host_id, actor=actor())
        found = archive(session, ident, contacts=actor().may("crm.contacts"))
        moments = timeline(session, ident, MOMENTS)
    return render(
        "person/page.html",
        title=found.person.display_name or host_id,
        active="people",
        archive=found,
        one=found.person,
        moments=moments,
        at_school=crm().host.url("person", host_id),
        currency=service.catalogue(crm()).currency,
        saved=searches.saved(),
        **_why(host_id),
    )


def _why(host_id: str) -> dict[str, Any]:
    ident = request.args.get("why", type=int)
    if ident is None:
        return {"why": None, "why_query": None, "why_problem": ""}
    query = queries.get(crm(), ident, actor())
    try:
        found = service.explain(crm(), query.tree, host_id, actor=actor())
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
