"""Campaigns that repeat: start, steer, and what became of each period."""

from dataclasses import replace
from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.automations.recurring import queries, service
from crm_plugin.automations.recurring.queries import PeriodRow, Recurring
from crm_plugin.automations.recurring.rhythm import EVERY, KEYS
from crm_plugin.campaigns.queries import Sums
from crm_plugin.segments.language import mentions
from crm_plugin.web.api import schemas
from crm_plugin.web.api.campaigns import Campaign
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

_ONE = schemas.of(Recurring, campaign=fields.Nested(Campaign), sums=fields.Nested(schemas.of(Sums)))
_PERIOD = schemas.answer(
    "Period",
    day=fields.String(),
    due_at=fields.AwareDateTime(),
    child_id=fields.Integer(allow_none=True),
    reason=fields.String(allow_none=True),
    missed=fields.Integer(),
)
_NEXT = schemas.answer("NextPeriod", next_at=fields.AwareDateTime())


class NewRecurrence(Schema):
    """A draft that is to repeat, and when."""

    campaign = schemas.Whole(required=True, metadata={"description": "The number of a draft."})
    every = fields.String(required=True, validate=validate.OneOf(EVERY))
    days = fields.List(
        schemas.Whole(),
        load_default=None,
        metadata={"description": "Days of the week from Monday = 0, or the one day of the month."},
    )
    at = fields.String(required=True, metadata={"description": "Time of day, such as `09:00`."})
    zone = fields.String(load_default=None, metadata={"description": "The school's without one."})


class PeriodsPage(Schema):
    """A page of periods, the last one first."""

    after = fields.String(load_default=None, validate=validate.Regexp("[0-9]{4}-[0-9]{2}-[0-9]{2}$"))
    limit = schemas.limit()


def _shown(one: Recurring) -> Recurring:
    """Return it as its reader may see it: values of conditions on contacts are hidden."""
    seen = {name: mentions.as_seen(actor(), getattr(one.campaign, name)) for name in ("audience", "policy")}
    return replace(one, campaign=replace(one.campaign, **seen))


@ROUTES.endpoint(
    "GET",
    "/recurring",
    shape=Shape(answer=schemas.answer("Recurrences", items=fields.List(fields.Nested(_ONE)))),
)
def api_list_recurring_campaigns(_given: Given) -> Any:
    """List the campaigns that repeat, with the numbers of all their children together."""
    return {"items": [_shown(one) for one in queries.listing(crm(), actor())]}


@ROUTES.endpoint("POST", "/recurring", "crm.send", Shape(NewRecurrence, None, _NEXT, 201))
def api_start_recurring_campaign(given: Given) -> Any:
    """Let a draft repeat; nothing is sent before its first period."""
    rhythm = {key: given.body[key] for key in KEYS if given.body[key] is not None}
    return {"next_at": service.start(crm(), actor(), given.body["campaign"], rhythm)}


@ROUTES.endpoint("GET", "/recurring/<int:ident>", shape=Shape(answer=_ONE))
def api_get_recurring_campaign(_given: Given, ident: int) -> Any:
    """Return a campaign that repeats."""
    return _shown(queries.get(crm(), actor(), ident))


@ROUTES.endpoint(
    "GET",
    "/recurring/<int:ident>/periods",
    shape=Shape(query=PeriodsPage, answer=schemas.paged("Periods", _PERIOD, fields.String)),
)
def api_list_periods(given: Given, ident: int) -> Any:
    """List the periods of a campaign; the numbers of a child are those of its campaign."""
    page = {"before": given.query["after"], "limit": given.query["limit"]}
    rows: list[PeriodRow] = queries.history(crm(), actor(), ident, **page)
    return {"items": rows, "next": rows[-1].day if len(rows) == page["limit"] else None}


@ROUTES.endpoint("POST", "/recurring/<int:ident>/pause", "crm.send")
def api_pause_recurring_campaign(_given: Given, ident: int) -> None:
    """Begin no further period; a child under way goes on."""
    service.pause(crm(), actor(), ident)


@ROUTES.endpoint("POST", "/recurring/<int:ident>/resume", "crm.send", Shape(answer=_NEXT))
def api_resume_recurring_campaign(_given: Given, ident: int) -> Any:
    """Go on with the next period; those that passed meanwhile are not made up for."""
    return {"next_at": service.resume(crm(), actor(), ident)}


@ROUTES.endpoint("POST", "/recurring/<int:ident>/edit", "crm.send")
def api_edit_recurring_campaign(_given: Given, ident: int) -> None:
    """Make a draft of it again; it repeats no more until it is started."""
    service.edit(crm(), actor(), ident)


@ROUTES.endpoint("POST", "/recurring/<int:ident>/end", "crm.send")
def api_end_recurring_campaign(_given: Given, ident: int) -> None:
    """End it for good; a child under way goes on."""
    service.end(crm(), actor(), ident)
