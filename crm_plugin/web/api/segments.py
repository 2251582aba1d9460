"""People by a filter tree: how many, who, why, how they are reached; the tree is the body."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.campaigns.launch.reach import Funnel, funnel
from crm_plugin.campaigns.policy.fields import MAX_DAYS
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.profiles.people import access
from crm_plugin.profiles.people.queries import PersonRow
from crm_plugin.segments import service
from crm_plugin.segments.language.definitions import Field
from crm_plugin.segments.listing.paging import DEFAULT_SORT, SORTS
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.service import Counted
from crm_plugin.segments.wording.describe import describe
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape, Tree
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

Person = schemas.of(PersonRow)
ORDERS = [*SORTS, *(f"-{name}" for name in SORTS)]


class At(Schema):
    """The present to decide by."""

    at = schemas.instant(load_default=None)


class Page(At):
    """A page of people."""

    sort = fields.String(load_default=DEFAULT_SORT, validate=validate.OneOf(ORDERS))
    after = fields.String(load_default=None)
    limit = schemas.limit()


class Reach(Schema):
    """How marketing would reach them."""

    channel = fields.String(required=True, validate=validate.OneOf([*CHANNELS]))
    days = fields.Integer(load_default=7, validate=validate.Range(0, MAX_DAYS))


class Sentence(Schema):
    """The language of a sentence."""

    locale = schemas.language()


class Explained(Schema):
    """What one condition decided about a person."""

    place = fields.String()
    kind = fields.String()
    outcome = fields.Boolean()
    field = fields.String()
    operator = fields.String()
    seen = fields.Raw(allow_none=True)
    children = fields.List(fields.Nested(lambda: Explained()))


FieldRow = schemas.answer(
    "Field",
    name=fields.String(),
    label=fields.String(),
    kind=fields.String(),
    operators=fields.List(fields.String()),
    values=fields.List(fields.String()),
)
Relation = schemas.answer(
    "Relation", name=fields.String(), label=fields.String(), fields=fields.List(fields.Nested(FieldRow))
)
Fields = schemas.answer(
    "Conditions", fields=fields.List(fields.Nested(FieldRow)), relations=fields.List(fields.Nested(Relation))
)


@ROUTES.endpoint("POST", "/segments/count", shape=Shape(Tree, At, schemas.of(Counted)))
def api_count_people(given: Given) -> Any:
    """Count the people of a tree."""
    return service.count(crm(), given.body, at=given.query["at"], actor=actor())


@ROUTES.endpoint(
    "POST",
    "/segments/ids",
    shape=Shape(
        Tree,
        Page,
        schemas.answer("PersonIds", ids=fields.List(fields.String()), next=fields.String(allow_none=True)),
    ),
)
def api_list_person_ids(given: Given) -> Any:
    """List the school's ids of the people of a tree."""
    rows, following, _as_of = _page(given)
    return {"ids": [row.host_id for row in rows], "next": following}


@ROUTES.endpoint(
    "POST",
    "/segments/people",
    shape=Shape(Tree, Page, schemas.paged("People", Person, fields.String, as_of=schemas.instant())),
)
def api_list_people(given: Given) -> Any:
    """List the people of a tree with their facts; a sample is a short page."""
    rows, following, as_of = _page(given)
    return {"items": rows, "next": following, "as_of": as_of}


def _page(given: Given) -> tuple[list[PersonRow], str | None, datetime]:
    query = given.query
    page = service.page(
        crm(),
        Part(given.body),
        actor=actor(),
        at=query["at"],
        sort=query["sort"],
        after=query["after"],
        limit=query["limit"],
    )
    with crm().db.read() as session:
        return access.rows(crm(), session, actor(), page.ids), page.next, page.as_of


@ROUTES.endpoint("POST", "/segments/explain/<person_id>", shape=Shape(Tree, At, Explained))
def api_explain_person(given: Given, person_id: str) -> Any:
    """Explain why a person is, or is not, among those of a tree."""
    found = service.explain(crm(), given.body, person_id, at=given.query["at"], actor=actor())
    return found.document()


@ROUTES.endpoint(
    "POST",
    "/segments/describe",
    shape=Shape(Tree, Sentence, schemas.answer("Said", sentence=fields.String())),
)
def api_describe_segment(given: Given) -> Any:
    """Say a tree as one sentence."""
    return {"sentence": describe(crm(), given.body, given.query["locale"], actor())}


@ROUTES.endpoint(
    "POST",
    "/segments/reach",
    shape=Shape(
        Tree, Reach, schemas.of(Funnel, steps=fields.Dict(keys=fields.String(), values=fields.Integer()))
    ),
)
def api_count_reach(given: Given) -> Any:
    """Count the people left of a tree at each step on the way to a channel."""
    return funnel(crm(), given.body, given.query["channel"], given.query["days"], actor())


@ROUTES.endpoint("GET", "/fields", shape=Shape(query=Sentence, answer=Fields))
def api_list_fields(given: Given) -> Any:
    """List what conditions can be made of."""
    found, locale = service.catalogue(crm(), actor()), given.query["locale"]
    return {
        "fields": [_field(one, locale) for one in found.fields()],
        "relations": [
            {
                "name": one.name,
                "label": one.label.of(locale),
                "fields": [_field(inner, locale) for inner in found.fields_of(one)],
            }
            for one in found.relations()
        ],
    }


def _field(one: Field, locale: str) -> dict[str, Any]:
    operators, values = list(one.kind.operators), list(one.values)
    return {
        "name": one.name,
        "label": one.label.of(locale),
        "kind": one.kind.name,
        "operators": operators,
        "values": values,
    }
