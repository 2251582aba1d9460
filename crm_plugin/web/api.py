"""The JSON API of pages and programs that share the page's session; refusals come as one error document."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import service as campaigns
from crm_plugin.kernel.errors import BadInput
from crm_plugin.segments import service
from crm_plugin.segments.parse import load
from crm_plugin.web.campaigns import find
from crm_plugin.web.guard import actor, crm, page


def _document() -> Any:
    if not request.data:
        raise BadInput("input.not_json", reason="the body is empty")
    return load(request.get_data())


@page("/api/v1/segments/count", post=True)
def api_count() -> ResponseReturnValue:
    """Count the people of the tree in the body."""
    counted = service.count(crm(), _document(), actor=actor())
    return jsonify(count=counted.count, as_of=counted.as_of.isoformat(), seconds=counted.seconds)


@page("/api/v1/segments/explain/<person_id>", post=True)
def api_explain(person_id: str) -> ResponseReturnValue:
    """Tell why the school's person is, or is not, among those of the tree in the body."""
    return jsonify(service.explain(crm(), _document(), person_id, actor=actor()).document())


@page("/api/v1/campaigns", "crm.send", post=True)
def api_create() -> ResponseReturnValue:
    """Make a draft of the campaign file in the body."""
    ident = campaigns.create(crm(), actor().id, _document(), scope=actor().scope)
    return jsonify(id=ident), 201


@page("/api/v1/campaigns/<int:ident>")
def api_status(ident: int) -> ResponseReturnValue:
    """Return state, books and clicks of a campaign."""
    find(ident)
    return jsonify(campaigns.status(crm(), ident))
