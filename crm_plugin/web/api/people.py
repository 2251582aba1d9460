"""What pickers need, and addresses that nobody writes to."""

from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.profiles import wishes
from crm_plugin.profiles.lookup import labels
from crm_plugin.profiles.queries import CourseRow, search_courses
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Given, Shape, endpoint
from crm_plugin.web.guard import actor, crm

Courses = schemas.answer("Courses", items=fields.List(fields.Nested(schemas.of(CourseRow))))
Labels = schemas.answer("Labels", items=fields.List(fields.String()))


class Find(Schema):
    """What to look for."""

    q = fields.String(load_default="", validate=validate.Length(max=100))
    limit = schemas.limit(30)


class FindCourse(Find):
    """Which courses to look for."""

    kind = fields.String(load_default=None, validate=validate.OneOf(["course", "class", "open"]))


class Address(Schema):
    """An address of a channel."""

    channel = fields.String(required=True)
    address = fields.String(required=True)
    scope = fields.String(load_default="marketing", validate=validate.OneOf(wishes.SCOPES))


@endpoint("GET", "/courses", shape=Shape(query=FindCourse, answer=Courses))
def api_courses(given: Given) -> Any:
    """Find courses and classes by title."""
    query = given.query
    with crm().db.read() as session:
        return {"items": search_courses(session, query["q"], query["kind"], query["limit"], actor().scope)}


@endpoint("GET", "/labels/<kind>", shape=Shape(query=Find, answer=Labels))
def api_labels(given: Given, kind: str) -> Any:
    """Find tags (`tag`) or categories of courses (`category`)."""
    with crm().db.read() as session:
        found = labels(session, kind, given.query["q"], given.query["limit"], actor().scope)
    return {"items": found}


@endpoint("POST", "/suppressions", "crm.contacts", Shape(Address))
def api_suppress(given: Given) -> None:
    """Put an address on the list of those that are not written to."""
    wishes.suppress(crm(), actor(), **given.body)


@endpoint(
    "POST",
    "/suppressions/lift",
    "crm.contacts",
    Shape(Address, None, schemas.answer("Lifted", lifted=fields.Boolean())),
)
def api_unsuppress(given: Given) -> Any:
    """Take an address off that list, where staff put it; opt-outs and bounces stay."""
    return {"lifted": wishes.unsuppress(crm(), actor(), **given.body)}
