"""What pickers need, and addresses that nobody writes to."""

from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.channels import suppressions
from crm_plugin.profiles.people.queries import CourseRow, labels, search_courses
from crm_plugin.profiles.store.masking import among_seen
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

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


class StoppedPage(Schema):
    """A page of stopped addresses."""

    reason = fields.String(load_default="", validate=validate.OneOf(["", *suppressions.REASONS]))
    address = fields.String(load_default="")
    after = schemas.after()
    limit = schemas.limit()


StoppedList = schemas.paged("StoppedList", schemas.of(suppressions.Stopped))


@ROUTES.endpoint("GET", "/courses", shape=Shape(query=FindCourse, answer=Courses))
def api_find_courses(given: Given) -> Any:
    """Find courses and classes by title."""
    query = given.query
    with crm().db.read() as session:
        return {"items": search_courses(session, query["q"], query["kind"], query["limit"], actor().scope)}


@ROUTES.endpoint("GET", "/labels/<kind>", shape=Shape(query=Find, answer=Labels))
def api_find_labels(given: Given, kind: str) -> Any:
    """Find tags (`tag`) or categories of courses (`category`)."""
    with crm().db.read() as session:
        found = labels(session, kind, given.query["q"], given.query["limit"], actor().scope)
    return {"items": among_seen(actor(), found)}


@ROUTES.endpoint("GET", "/stopped", "crm.admin", Shape(query=StoppedPage, answer=StoppedList))
def api_list_stopped_addresses(given: Given) -> Any:
    """List the addresses that are not written to, the latest first, with the reasons."""
    query = given.query
    asked = {"reason": query["reason"], "text": query["address"], "before": query["after"]}
    rows = suppressions.listed(crm(), actor(), **asked, limit=query["limit"])
    return {"items": rows, "next": rows[-1].id if len(rows) == query["limit"] else None}


@ROUTES.endpoint("POST", "/stopped", "crm.admin", Shape(Address))
def api_stop_address(given: Given) -> None:
    """Write nothing more to an address, neither marketing nor service messages."""
    suppressions.block(crm(), actor(), given.body["channel"], given.body["address"])


@ROUTES.endpoint("DELETE", "/stopped/<int:ident>", "crm.admin")
def api_lift_stopped_address(_given: Given, ident: int) -> None:
    """Let an address be written to again; only the people themselves undo opt-outs."""
    suppressions.lift(crm(), actor(), ident)
