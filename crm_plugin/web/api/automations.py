"""Automations: their files, switching them on and off, and the people of each step."""

from dataclasses import replace
from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.automations import queries, service
from crm_plugin.automations.queries import AutomationRow, Counts, StepCount
from crm_plugin.automations.ready_made import READY_MADE
from crm_plugin.channels.base import Problem
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.segments.language import mentions
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import AutomationFile, Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()


def _numbers_by_name() -> schemas.Field:
    return fields.Dict(keys=fields.String(), values=fields.Integer())


Automation = schemas.of(
    AutomationRow,
    document=fields.Dict(keys=fields.String()),
    searches=fields.Dict(keys=fields.String(), allow_none=True),
)
Step = schemas.of(
    StepCount,
    **{name: _numbers_by_name() for name in ("stopped", "states", "excluded")},
)
Stuck = schemas.answer(
    "StuckCampaign", id=fields.Integer(), state=fields.String(), reason=fields.String(allow_none=True)
)
People = schemas.of(
    Counts,
    stopped=_numbers_by_name(),
    steps=fields.List(fields.Nested(Step)),
    stuck=fields.List(fields.Nested(Stuck)),
)
Numbered = schemas.answer(
    "AutomationNumbers", automation=fields.Nested(Automation), people=fields.Nested(People)
)
Listed = schemas.answer("Automations", items=fields.List(fields.Nested(Numbered)))
Wrong = schemas.answer("AutomationProblem", step=fields.Integer(), problem=fields.Nested(schemas.of(Problem)))
Check = schemas.answer(
    "AutomationCheck", would_reach=fields.Integer(), problems=fields.List(fields.Nested(Wrong))
)
ReadyMade = schemas.answer(
    "ReadyMadeAutomation",
    key=fields.String(),
    name=fields.String(),
    about=fields.String(),
    channels=fields.List(fields.String()),
)


class SwitchingOn(Schema):
    """Whether those are taken in too who have given cause already, and how many these are."""

    older = schemas.Flag(load_default=False)
    count = schemas.Whole(
        load_default=None,
        allow_none=True,
        metadata={"description": "As the check says; needed with `older`."},
    )


class CopyName(Schema):
    """The name of a copy."""

    name = fields.String(required=True, validate=validate.Length(1, 120))


class FromReadyMade(Schema):
    """What a ready-made automation sends by, and the language of its texts."""

    channel = fields.String(load_default="email", validate=validate.OneOf(list(CHANNELS)))
    language = schemas.language()


class Language(Schema):
    """The language of names."""

    language = schemas.language()


@ROUTES.endpoint("GET", "/automations", shape=Shape(answer=Listed))
def api_list_automations(_given: Given) -> Any:
    """List the automations with the people in them, the newest first."""
    return {"items": [_numbers(row, people) for row, people in queries.list_for(crm(), actor())]}


def _numbers(row: AutomationRow, people: Counts) -> dict[str, Any]:
    stuck = [dict(zip(("id", "state", "reason"), one, strict=True)) for one in people.stuck]
    seen = replace(row, document=mentions.as_seen(actor(), row.document), searches=None)
    return {"automation": seen, "people": {**_plain(people), "stuck": stuck}}


def _plain(people: Counts) -> dict[str, Any]:
    return {name: getattr(people, name) for name in Counts.__slots__}


@ROUTES.endpoint("POST", "/automations", "crm.send", Shape(AutomationFile, None, schemas.Id, 201))
def api_create_automation(given: Given) -> Any:
    """Make an automation of its file; it is a draft and does nothing."""
    return {"id": service.create(crm(), actor(), given.body)}


@ROUTES.endpoint(
    "GET",
    "/automations/ready-made",
    shape=Shape(
        query=Language,
        answer=schemas.answer("ReadyMadeAutomations", items=fields.List(fields.Nested(ReadyMade))),
    ),
)
def api_list_ready_made_automations(given: Given) -> Any:
    """List the automations that are shipped to start from."""
    spoken = given.query["language"]
    items = [
        {"key": one.key, "name": one.name.of(spoken), "about": one.about.of(spoken), "channels": one.channels}
        for one in READY_MADE.values()
    ]
    return {"items": items}


@ROUTES.endpoint(
    "POST", "/automations/ready-made/<key>", "crm.send", Shape(FromReadyMade, None, schemas.Id, 201)
)
def api_create_ready_made_automation(given: Given, key: str) -> Any:
    """Make a draft of an automation that is shipped."""
    wanted = given.body
    return {"id": service.create_from_ready_made(crm(), actor(), key, wanted["channel"], wanted["language"])}


@ROUTES.endpoint("GET", "/automations/<int:ident>", shape=Shape(answer=Numbered))
def api_get_automation(_given: Given, ident: int) -> Any:
    """Return an automation; of each step how many wait, got it, and stopped, and why."""
    return _numbers(queries.get(crm(), actor(), ident), queries.counts(crm(), actor(), ident))


@ROUTES.endpoint("PUT", "/automations/<int:ident>", "crm.send", Shape(AutomationFile))
def api_replace_automation(given: Given, ident: int) -> None:
    """Write over an automation; once it was on, its texts only."""
    service.update(crm(), actor(), ident, given.body)


@ROUTES.endpoint("DELETE", "/automations/<int:ident>", "crm.send")
def api_delete_automation(_given: Given, ident: int) -> None:
    """Delete one that never was on, or has ended."""
    service.remove(crm(), actor(), ident)


@ROUTES.endpoint("POST", "/automations/<int:ident>/restore", "crm.send")
def api_restore_automation(_given: Given, ident: int) -> None:
    """Restore one that was deleted."""
    service.restore(crm(), actor(), ident)


@ROUTES.endpoint("POST", "/automations/<int:ident>/copy", "crm.send", Shape(CopyName, None, schemas.Id, 201))
def api_copy_automation(given: Given, ident: int) -> Any:
    """Make a draft of another automation."""
    return {"id": service.copy(crm(), actor(), ident, given.body["name"])}


@ROUTES.endpoint("GET", "/automations/<int:ident>/check", "crm.send", Shape(answer=Check))
def api_check_automation(_given: Given, ident: int) -> Any:
    """Count who has given cause already, and list what is wrong with the messages."""
    problems = service.problems(crm(), actor(), ident)
    return {
        "would_reach": service.would_reach(crm(), actor(), ident),
        "problems": [{"step": step, "problem": problem} for step, problem in problems],
    }


@ROUTES.endpoint("POST", "/automations/<int:ident>/on", "crm.send", Shape(SwitchingOn))
def api_switch_automation_on(given: Given, ident: int) -> None:
    """Switch it on: people who give cause from now on enter, and older ones only with their count."""
    service.switch_on(crm(), actor(), ident, **_older(given))


def _older(given: Given) -> dict[str, Any]:
    count = given.body["count"]
    return {"older": given.body["older"], "typed": None if count is None else str(count)}


@ROUTES.endpoint("POST", "/automations/<int:ident>/pause", "crm.send")
def api_pause_automation(_given: Given, ident: int) -> None:
    """Stop it for now, and its messages under way too."""
    service.pause(crm(), actor(), ident)


@ROUTES.endpoint("POST", "/automations/<int:ident>/resume", "crm.send", Shape(SwitchingOn))
def api_resume_automation(given: Given, ident: int) -> None:
    """Go on; those of the pause enter only with their count."""
    service.resume(crm(), actor(), ident, **_older(given))


@ROUTES.endpoint("POST", "/automations/<int:ident>/end", "crm.send", Shape(answer=schemas.Number))
def api_end_automation(_given: Given, ident: int) -> Any:
    """End it for good: everybody in it stops."""
    return {"count": service.end(crm(), actor(), ident)}
