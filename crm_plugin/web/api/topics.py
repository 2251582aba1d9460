"""The topics of the school's marketing: read, and kept by administrators."""

from typing import Any

from marshmallow import Schema, fields

from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.consent.topics import TopicRow
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

Topics = schemas.answer("Topics", items=fields.List(fields.Nested(schemas.of(TopicRow))))


class TopicNames(Schema):
    """The names of a topic; an empty Chinese one is the same in both languages."""

    name = fields.String(required=True)
    name_zh = fields.String(load_default="")


class TopicPlace(Schema):
    """A place of the list; 0 is the first."""

    place = schemas.Whole(required=True)


class TopicAway(Schema):
    """Whether a topic is put away."""

    away = schemas.Flag(required=True)


@ROUTES.endpoint("GET", "/topics", shape=Shape(answer=Topics))
def api_list_topics(_given: Given) -> Any:
    """List the topics in the school's order, the archived ones last."""
    with crm().db.read() as session:
        return {"items": topics.every(session)}


@ROUTES.endpoint("POST", "/topics", "crm.admin", Shape(TopicNames, None, schemas.Id, 201))
def api_create_topic(given: Given) -> Any:
    """Put a topic on the list."""
    return {"id": topics.create(crm(), actor(), **given.body)}


@ROUTES.endpoint("PUT", "/topics/<int:ident>", "crm.admin", Shape(TopicNames))
def api_rename_topic(given: Given, ident: int) -> None:
    """Give a topic other names."""
    topics.rename(crm(), actor(), ident, **given.body)


@ROUTES.endpoint("POST", "/topics/<int:ident>/place", "crm.admin", Shape(TopicPlace))
def api_move_topic(given: Given, ident: int) -> None:
    """Put a topic at another place of the list."""
    topics.move(crm(), actor(), ident, given.body["place"])


@ROUTES.endpoint("POST", "/topics/<int:ident>/away", "crm.admin", Shape(TopicAway))
def api_archive_topic(given: Given, ident: int) -> None:
    """Offer a topic no more, or again."""
    verb = topics.archive if given.body["away"] else topics.restore
    verb(crm(), actor(), ident)
