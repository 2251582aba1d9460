"""The board of a course or class: its stages with counts, the people of one, and ready actions as drafts."""

from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.boards.board import leaving, one_course, tab_filters, tabs
from crm_plugin.boards.board.tabs import TABS, Tab
from crm_plugin.campaigns.ready import actions
from crm_plugin.campaigns.ready.start import Wanted, start
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.profiles.people import access
from crm_plugin.profiles.people.queries import PersonRow
from crm_plugin.profiles.staff import purchase_intent
from crm_plugin.segments import service
from crm_plugin.segments.language.documents import Document, all_of, rule
from crm_plugin.segments.listing.paging import SORTS
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()


class OfCourse(Schema):
    """A course or class."""

    course = fields.String(required=True, metadata={"description": "The school's id."})


class OfStage(OfCourse):
    """A stage of a course or class."""

    stage = fields.String(required=True, validate=validate.OneOf(TABS))
    filters = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        load_default=dict,
        metadata={"description": "As the address of the board names them, such as `act` or `idle`."},
    )


class StagePage(OfStage):
    """A page of the people of a stage."""

    sort = fields.String(load_default="")
    after = fields.String(load_default=None, allow_none=True)
    limit = schemas.limit()


class SomeOfStage(OfStage):
    """People of a stage: all of them, or some by their ids."""

    ids = fields.List(fields.String(), load_default=None, allow_none=True, validate=validate.Length(1, 5_000))


class NewAction(SomeOfStage):
    """A ready action to start."""

    action = fields.String(required=True)
    channel = fields.String(required=True, validate=validate.OneOf([*CHANNELS]))
    target = fields.String(load_default="")
    locale = schemas.language()


class NewIntentions(SomeOfStage):
    """An intention for many people."""

    level = fields.String(
        required=True, allow_none=True, validate=validate.OneOf([*purchase_intent.LEVELS, None])
    )


class AtStage(Schema):
    """The stage whose actions are wanted, and the language of their names."""

    stage = fields.String(load_default="", validate=validate.OneOf(["", *TABS]))
    locale = schemas.language()


Stages = schemas.answer(
    "Stages",
    course=fields.String(),
    title=fields.String(),
    kind=fields.String(),
    stages=fields.Dict(keys=fields.String(), values=fields.Integer()),
)
Action = schemas.answer(
    "ReadyAction",
    name=fields.String(),
    label=fields.String(),
    stages=fields.List(fields.String()),
    purpose=fields.String(),
    goal=fields.String(),
    invites=fields.Boolean(),
)
Actions = schemas.answer("ReadyActions", items=fields.List(fields.Nested(Action)))
People = schemas.paged(
    "StagePeople", schemas.of(PersonRow), fields.String, tree=fields.Dict(keys=fields.String())
)
Reasons = schemas.answer(
    "Leaving",
    items=fields.List(
        fields.Nested(
            schemas.answer(
                "LeavingReason",
                reason=fields.String(),
                text=fields.String(),
                kind=fields.String(),
                total=fields.Integer(),
                months=fields.Dict(keys=fields.String(), values=fields.Integer()),
            )
        )
    ),
)
Changed = schemas.answer("Changed", count=fields.Integer(), undo=fields.Integer(allow_none=True))


@ROUTES.endpoint("GET", "/board/stages", shape=Shape(query=OfCourse, answer=Stages))
def api_count_stages(given: Given) -> Any:
    """Count the people of a course or class by stage."""
    course = _course(given.query["course"])
    found = tabs.counts(crm(), actor(), course)
    return {"course": course.host_id, "title": course.title, "kind": course.kind, "stages": found}


@ROUTES.endpoint("POST", "/board/people", shape=Shape(StagePage, None, People))
def api_list_stage_people(given: Given) -> Any:
    """List the people of a stage, with the tree that finds them."""
    tab, body = _tab(given.body), given.body
    search = service.selected(crm(), tab.tree, actor=actor())
    sort = tabs.sort_of(tab, body["sort"], SORTS)
    page = service.listed(crm(), search, sort, body["after"], body["limit"], tabs.own_sorts(crm(), tab))
    with crm().db.read() as session:
        rows = access.rows(crm(), session, actor(), page.ids)
    return {"items": rows, "next": page.next, "tree": tab.tree}


@ROUTES.endpoint("GET", "/board/leaving", shape=Shape(query=OfCourse, answer=Reasons))
def api_list_leaving_reasons(given: Given) -> Any:
    """List why people left a course or class, by month."""
    course = _course(given.query["course"])
    found = leaving.of_course(crm(), actor(), course, Tab(course, "left").tree)
    return {
        "items": [
            {
                "reason": one.key,
                "text": one.text,
                "kind": one.kind,
                "total": found.totals[one.key],
                "months": {month: found.counts.get((month, one.key), 0) for month in found.months},
            }
            for one in found.reasons
        ]
    }


@ROUTES.endpoint("GET", "/board/actions", shape=Shape(query=AtStage, answer=Actions))
def api_list_ready_actions(given: Given) -> Any:
    """List the ready actions of a stage, or of all stages."""
    locale = given.query["locale"]
    names = ("name", "stages", "purpose", "goal", "invites")
    return {
        "items": [
            {**{name: getattr(one, name) for name in names}, "label": one.label.of(locale)}
            for one in actions.offered(crm(), given.query["stage"])
        ]
    }


@ROUTES.endpoint("POST", "/board/actions", "crm.send", Shape(NewAction, None, schemas.Id, 201))
def api_start_ready_action(given: Given) -> Any:
    """Start a ready action: a draft with audience, course, text, link and goal."""
    body, tab = given.body, _tab(given.body)
    wanted = Wanted(body["action"], body["channel"], body["target"], body["locale"])
    return {"id": start(crm(), actor(), tab, wanted, _some(tab, body["ids"]))}


@ROUTES.endpoint("POST", "/board/intentions", "crm.edit", Shape(NewIntentions, None, Changed))
def api_set_intentions(given: Given) -> Any:
    """Set the intention of people of a stage; `undo` takes it back."""
    body, tab = given.body, _tab(given.body)
    people = service.selected(crm(), _some(tab, body["ids"]), actor=actor()).people
    return purchase_intent.put_many(crm(), actor(), people, tab.course.host_id, body["level"])


def _course(host_id: str) -> one_course.BoardCourse:
    with crm().db.read() as session:
        return one_course.find(session, actor(), host_id)


def _tab(body: dict[str, Any]) -> Tab:
    course, stage = _course(body["course"]), body["stage"]
    filters = tab_filters.read(tab_filters.of_tab(crm(), stage, course), body["filters"])
    return Tab(course, stage, filters)


def _some(tab: Tab, ids: list[str] | None) -> Document:
    return tab.tree if ids is None else all_of(tab.tree, rule("id", "in", ids))
