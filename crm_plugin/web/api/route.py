"""Endpoints of the API: one table from which come the routes, the check of what is sent, and the document."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, ValidationError
from werkzeug.datastructures import MultiDict

from crm_plugin.kernel import storable
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.segments.language.json_input import load
from crm_plugin.web.shell.guard import Route, Routes

View = TypeVar("View", bound=Callable[..., Any])
ROOT = "/api"
"""All below it is for programs: what is not there is said in JSON."""
PREFIX = f"{ROOT}/v1"


@dataclass(frozen=True)
class Given:
    """What came with a request, checked.

    :param body: the document, as its schema read it; as it is where a capability has a language of its own.
    :param query: the parameters of the address.
    """

    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """What an endpoint takes and gives.

    :param body: schema of the document that it takes; :class:`Tree`, :class:`CampaignFile` and
        :class:`MessageFile` stand for documents that a capability reads itself.
    :param query: schema of its parameters.
    :param answer: schema of what it gives; None = nothing, or a file.
    :param status: of a good answer.
    :param files: media types of the file that it gives.
    """

    body: type[Schema] | None = None
    query: type[Schema] | None = None
    answer: type[Schema] | None = None
    status: int = 200
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """One operation of the API."""

    method: str
    rule: str
    name: str
    permission: str
    summary: str
    shape: Shape


class Tree(Schema):
    """A document of the filter language."""


class CampaignFile(Schema):
    """A campaign file."""


class AutomationFile(Schema):
    """The file of an automation."""


class MessageFile(Schema):
    """A campaign file without an audience."""


READ_ELSEWHERE = (Tree, CampaignFile, MessageFile, AutomationFile)
"""Bodies that a capability reads itself: its messages name the place in its own language."""


class Endpoints(Routes):
    """The operations of one module of the API."""

    def __init__(self) -> None:
        super().__init__()
        self.endpoints: list[Endpoint] = []

    def endpoint(
        self, method: str, rule: str, permission: str = "crm.view", shape: Shape | None = None
    ) -> Callable[[View], View]:
        """Make a function ``api_…(given, **values of the path)`` an operation.

        What it returns is dumped by the schema of its answer; a response is handed on as it is.
        """
        found = shape or Shape()

        def taken(view: View) -> View:
            summary = (inspect.getdoc(view) or "").partition("\n")[0]
            one = Endpoint(method, PREFIX + rule, view.__name__, permission, summary, found)
            self.endpoints.append(one)
            self.add(Route(one.rule, one.name, permission, (method,), _served(view, found)))
            return view

        return taken


def _served(view: Callable[..., Any], shape: Shape) -> Callable[..., ResponseReturnValue]:
    @wraps(view)
    def served(**values: Any) -> ResponseReturnValue:
        given = Given(_body(shape.body), _checked(shape.query, request.args) if shape.query else {})
        answer = view(given, **values)
        if isinstance(answer, Response):
            return answer
        if shape.answer is None:
            return Response(status=204)
        return jsonify(shape.answer().dump(answer)), shape.status

    return served


def _body(schema: type[Schema] | None) -> Any:
    if schema is None:
        return None
    if not request.data:
        raise BadInput("input.not_json", reason=Clause("the body is empty"))
    document = load(request.get_data())
    return document if schema in READ_ELSEWHERE else _checked(schema, document)


def _checked(schema: type[Schema], found: Any) -> dict[str, Any]:
    if isinstance(found, MultiDict):
        found = found.to_dict()
    try:
        checked: dict[str, Any] = schema().load(found)
    except ValidationError as error:
        place, reason = _first(error.messages)
        raise BadInput("input.bad", place, reason=reason) from None
    # Once more: numbers in the address were texts before.
    storable.check(checked)
    return checked


def _first(messages: Any, place: str = "") -> tuple[str, str]:
    """Return (place, reason) of the first mistake."""
    while isinstance(messages, dict):
        name, messages = next(iter(messages.items()))
        step = f"[{name}]" if isinstance(name, int) else f".{name}"
        place += "" if name == "_schema" else step
    reason = messages[0] if isinstance(messages, list) else messages
    return place.removeprefix("."), str(reason)
