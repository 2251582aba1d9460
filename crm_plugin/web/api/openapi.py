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
from crm_plugin.automations.language import file_schema as automation_files
from crm_plugin.campaigns.document.file_schema import file_schemas
from crm_plugin.host.context import Crm
from crm_plugin.kernel.storable import LARGEST
from crm_plugin.segments.language import document_schema
from crm_plugin.web.api.route import PREFIX, READ_ELSEWHERE, Endpoint, Endpoints, Given, Shape
from crm_plugin.web.api.schemas import Document, Error
from crm_plugin.web.shell.extension import WebExtension
from crm_plugin.web.shell.guard import crm

ROUTES = Endpoints()

_VALUE = re.compile(r"<(?:(\w+):)?(\w+)>")
_MEANINGS = {
    400: "What was sent cannot be understood.",
    401: "No token, or one that is good no more.",
    403: "A permission is missing, or this is about the whole school.",
    404: "It is not there, or lies outside the courses of the token.",
    409: "It is there, but in another state.",
    503: "Something outside does not answer.",
}
"""Status → why an operation is refused; a question is never refused for a state."""
_TEXT = {"type": "string"}
_BYTES = {"type": "string", "format": "binary"}
_ABOUT = (
    "What pages can do, for programs. Send a token as `Authorization: Bearer crm_…`. Lists come in pages: "
    "pass `next` of a page as `after`. A refusal has a code, a line of words and the place in what was sent."
)


@ROUTES.endpoint("GET", "/openapi.json")
def api_get_openapi(_given: Given) -> ResponseReturnValue:
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
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(
        title="CRM",
        version=__version__,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": _ABOUT},
        servers=[{"url": base or "/"}],
        security=[{"token": []}],
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    assert plugin.converter is not None  # there once the plug-in is part of a document
    plugin.converter.add_attribute_function(_reference)  # type: ignore[no-untyped-call]
    described_elsewhere = (document_schema.schemas(), file_schemas(), automation_files.file_schemas())
    for name, described in (one for found in described_elsewhere for one in found.items()):
        spec.components.schema(name, described)
    for status, meaning in _MEANINGS.items():
        spec.components.response(f"Refused{status}", {"description": meaning, "content": _json(Error)})
    for one in sorted(endpoints, key=lambda one: one.rule):
        spec.path(_VALUE.sub(r"{\2}", one.rule), operations={one.method.lower(): _operation(one)})
    found: dict[str, Any] = spec.to_dict()
    return found


def _reference(_converter: Any, field: Any, **_ret: Any) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{field.name_of_schema}"} if isinstance(field, Document) else {}


def _name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)


def _operation(one: Endpoint) -> dict[str, Any]:
    shape = one.shape
    good: dict[str, Any] = {"description": one.summary}
    if content := _good(shape):
        good["content"] = content
    status = shape.status if shape.answer is not None or one.method == "GET" else 204
    found: dict[str, Any] = {
        "operationId": one.name.removeprefix("api_"),
        "summary": one.summary,
        "description": f"Needs the permission `{one.permission}`.",
        "tags": [one.rule.removeprefix(PREFIX).split("/")[1].partition(".")[0]],
        "parameters": [_value(match) for match in _VALUE.finditer(one.rule)],
        "responses": {str(status): good, **_refusals(one)},
    }
    if shape.query is not None:
        found["parameters"].append({"in": "query", "schema": shape.query})
    if shape.body is not None:
        found["requestBody"] = {"required": True, "content": _json(shape.body)}
    return found


def _good(shape: Shape) -> dict[str, Any]:
    """Return what a good answer has."""
    if shape.answer is not None:
        return _json(shape.answer)
    return {kind: {"schema": _TEXT if kind.startswith("text/") else _BYTES} for kind in shape.files}


def _refusals(one: Endpoint) -> dict[str, str]:
    known = [status for status in _MEANINGS if status != 409 or one.method != "GET"]
    return {str(status): f"Refused{status}" for status in known}


def _json(schema: type[Schema]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema.__name__}"} if schema in READ_ELSEWHERE else schema
    return {"application/json": {"schema": reference}}


def _value(match: re.Match[str]) -> dict[str, Any]:
    number = {"type": "integer", "format": "int64", "minimum": 0, "maximum": LARGEST}
    schema = number if match[1] == "int" else {"type": "string", "minLength": 1}
    return {"in": "path", "name": match[2], "required": True, "schema": schema}
