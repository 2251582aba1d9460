"""Replies to SMS that are to be read."""

from typing import Any

from marshmallow import fields

from crm_plugin.campaigns.feedback import reply_list
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

Unread = schemas.answer(
    "UnreadReply",
    id=fields.Integer(),
    text=fields.String(),
    at=schemas.instant(),
    opt_out=fields.Boolean(),
    people=fields.List(fields.String()),
)
Replies = schemas.answer("UnreadReplies", items=fields.List(fields.Nested(Unread)))


@ROUTES.endpoint("GET", "/replies", "crm.send", Shape(answer=Replies))
def api_list_unread_replies(_given: Given) -> Any:
    """List the replies that the home page shows, the oldest first, with everybody who has the number."""
    with crm().db.read() as session:
        found = reply_list.unread(session, actor())
    return {"items": [_plain(one) for one in found]}


def _plain(reply: reply_list.OpenReply) -> dict[str, Any]:
    people = [one.host_id for one in reply.people]
    return {
        "id": reply.id,
        "text": reply.text,
        "at": reply.at,
        "opt_out": reply.wish == "stop",
        "people": people,
    }


@ROUTES.endpoint("POST", "/replies/<int:ident>/done", "crm.send")
def api_mark_reply_done(_given: Given, ident: int) -> None:
    """Take a reply off the list of what is to be read."""
    reply_list.mark_done(crm(), actor(), ident)
