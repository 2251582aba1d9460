"""The OpenAPI document, made of the table of endpoints and their schemas."""

import re
from collections.abc import Iterable
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema

from crm_plugin import __version__
from crm_plugin.campaigns.document import schemas as campaign_file
from crm_plugin.host.context import Crm
from crm_plugin.web.api.route import PREFIX, READ_ELSEWHERE, Endpoint, Endpoints, Given
from crm_plugin.web.api.schemas import Error
from crm_plugin.web.shell.extension import WebExtension
from crm_plugin.web.shell.guard import crm

ROUTES = Endpoints()

_VALUE = re.compile(r"<(?:(\w+):)?(\w+)>")
_FREE: dict[str, dict[str, Any]] = {
    "Tree": {"description": "A document of the filter language: a group with combinator and rules."},
    "File": {
        "description": "A campaign file: name, channel, purpose, audience, content, policy.",
        "properties": {"policy": campaign_file.policy_schema()},
    },
}
_ABOUT = (
    "What pages can do, for programs. Send a token as `Authorization: Bearer crm_…`. Lists come in pages: "
    "pass `next` of a page as `after`. A refusal has a code, a line of words and the place in what was sent."
)


@ROUTES.endpoint("GET", "/openapi.json")
def api_openapi(_given: Given) -> ResponseReturnValue:
    """Return this document."""
    return jsonify(made(endpoints_of(crm()), request.script_root + _base()))


def _base() -> str:
    return request.path.removesuffix(f"{PREFIX}/openapi.json").removeprefix(request.script_root)


def endpoints_of(crm: Crm) -> list[Endpoint]:
    """Return the operations of this application."""
    every = (routes for room in crm.contributed(WebExtension) for routes in room.routes)
    return [one for routes in every if isinstance(routes, Endpoints) for one in routes.endpoints]


def made(endpoints: Iterable[Endpoint], base: str) -> dict[str, Any]:
    """Return the document.

    :param base: address of the pages, to which the paths of the document are added.
    """
    spec = APISpec(
        title="CRM",
        version=__version__,
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
        info={"description": _ABOUT},
        servers=[{"url": base or "/"}],
        security=[{"token": []}],
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for name, described in _FREE.items():
        spec.components.schema(name, {"type": "object", **described})
    for one in sorted(endpoints, key=lambda one: one.rule):
        spec.path(_VALUE.sub(r"{\2}", one.rule), operations={one.method.lower(): _operation(one)})
    found: dict[str, Any] = spec.to_dict()
    return found


def _name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)


def _operation(one: Endpoint) -> dict[str, Any]:
    shape = one.shape
    good: dict[str, Any] = {"description": one.summary}
    if shape.answer is not None:
        good["content"] = _json(shape.answer)
    status = shape.status if shape.answer is not None or one.method == "GET" else 204
    found: dict[str, Any] = {
        "operationId": one.name.removeprefix("api_"),
        "summary": one.summary,
        "description": f"Needs the permission `{one.permission}`.",
        "tags": [one.rule.removeprefix(PREFIX).split("/")[1].partition(".")[0]],
        "parameters": [_value(match) for match in _VALUE.finditer(one.rule)],
        "responses": {str(status): good, "default": {"description": "Refused.", "content": _json(Error)}},
    }
    if shape.query is not None:
        found["parameters"].append({"in": "query", "schema": shape.query})
    if shape.body is not None:
        found["requestBody"] = {"required": True, "content": _json(shape.body)}
    return found


def _json(schema: type[Schema]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema.__name__}"} if schema in READ_ELSEWHERE else schema
    return {"application/json": {"schema": reference}}


def _value(match: re.Match[str]) -> dict[str, Any]:
    kind = "integer" if match[1] == "int" else "string"
    return {"in": "path", "name": match[2], "required": True, "schema": {"type": kind}}
