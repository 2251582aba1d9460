"""Quick queries."""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.segments import queries
from crm_plugin.segments.queries import QueryRow
from crm_plugin.segments.saved import quick_queries
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

Query = schemas.of(QueryRow, tree=schemas.Document("Tree"))
Queries = schemas.answer("Queries", items=fields.List(fields.Nested(Query)))


class NewQuery(Schema):
    """A segment to save as a quick query."""

    name = fields.String(required=True)
    tree = schemas.Document("Tree", required=True)
    shared = schemas.Flag(load_default=False)
    pinned = schemas.Flag(load_default=False)


class QueryChange(Schema):
    """What to change of a quick query."""

    name = fields.String()
    tree = schemas.Document("Tree")
    shared = schemas.Flag()
    pinned = schemas.Flag()
    position = schemas.Whole(metadata={"description": "Its place among those that you see; 0 is the first."})


@ROUTES.endpoint("GET", "/queries", shape=Shape(answer=Queries))
def api_list_quick_queries(_given: Given) -> Any:
    """List the quick queries with their kept counts; nothing is counted now."""
    return {"items": queries.list_for(crm(), actor())}


@ROUTES.endpoint("POST", "/queries", "crm.edit", Shape(NewQuery, None, schemas.Id, 201))
def api_create_quick_query(given: Given) -> Any:
    """Save a segment as a quick query."""
    new = given.body
    flags = {"shared": new["shared"], "pinned": new["pinned"]}
    return {"id": quick_queries.save(crm(), actor(), new["name"], new["tree"], **flags)}


@ROUTES.endpoint("GET", "/queries/<int:ident>", shape=Shape(answer=Query))
def api_get_quick_query(_given: Given, ident: int) -> Any:
    """Return a quick query; nothing is counted now."""
    return queries.get(crm(), ident, actor())


@ROUTES.endpoint("PATCH", "/queries/<int:ident>", "crm.edit", Shape(QueryChange, None, Query))
def api_change_quick_query(given: Given, ident: int) -> Any:
    """Change a quick query: what is named in the body, and nothing else."""
    verbs: dict[str, Callable[[Crm, Actor, int, Any], object]] = {
        "tree": quick_queries.change,
        "name": quick_queries.rename,
        "shared": quick_queries.share,
        "pinned": quick_queries.pin,
        "position": quick_queries.move,
    }
    queries.get(crm(), ident, actor())
    for name, verb in verbs.items():
        if name in given.body:
            verb(crm(), actor(), ident, given.body[name])
    return queries.get(crm(), ident, actor())


@ROUTES.endpoint("DELETE", "/queries/<int:ident>", "crm.edit")
def api_delete_quick_query(_given: Given, ident: int) -> None:
    """Delete a quick query; refused while something uses it."""
    quick_queries.delete(crm(), actor(), ident)
