"""The home page's numbers for programs: the same as on the page, with the segments that they count."""

from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.dashboard.service import Home, home
from crm_plugin.dashboard.slices import Slice
from crm_plugin.dashboard.spans import LENGTHS, USUAL, Span, between, last_days
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.profiles.store.host_info_cache import school_today
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()


class Days(Schema):
    """The days that sends are of: the last ``days``, or ``from`` one day ``to`` another."""

    days = fields.Integer(load_default=USUAL, validate=validate.OneOf(LENGTHS))
    first = fields.Date(data_key="from", load_default=None, allow_none=True)
    last = fields.Date(data_key="to", load_default=None, allow_none=True)


def _nested(name: str, /, **more: schemas.Field) -> schemas.Field:
    return fields.Nested(schemas.answer(name, **more))


def _slice_fields() -> dict[str, schemas.Field]:
    return {
        "kind": fields.String(),
        "low": fields.Integer(),
        "high": fields.Integer(allow_none=True),
        "people": fields.Integer(),
        "tree": schemas.Document("Tree"),
    }


_STOPPED = schemas.answer(
    "HomeStopped", id=fields.Integer(), name=fields.String(), reason=fields.String(allow_none=True)
)
_SENT = schemas.answer(
    "HomeCampaign",
    id=fields.Integer(),
    name=fields.String(),
    channel=fields.String(),
    state=fields.String(),
    at=fields.AwareDateTime(allow_none=True),
    messages=fields.Integer(),
    received=fields.Integer(),
    people_clicked=fields.Integer(),
    rate=fields.Float(allow_none=True),
)
_DAY = schemas.answer(
    "HomeDay",
    day=fields.Date(),
    channel=fields.String(),
    messages=fields.Integer(),
    parts=fields.Integer(),
    measured=fields.Integer(),
)
_SENDS = schemas.answer(
    "HomeSends",
    bulk=fields.Integer(),
    messages=fields.Integer(),
    reached=fields.Integer(allow_none=True),
    reached_tree=schemas.Document("Tree"),
    last=fields.Nested(_SENT, allow_none=True),
    parts=fields.Integer(),
    unmeasured=fields.Integer(),
    cost=schemas.Amount(allow_none=True),
    cost_currency=fields.String(allow_none=True),
    volume=fields.List(fields.Nested(_DAY)),
)
Answer = schemas.answer(
    "Home",
    first=fields.Date(data_key="from"),
    last=fields.Date(data_key="to"),
    counted_at=fields.AwareDateTime(allow_none=True),
    currency=fields.String(),
    taken=schemas.Amount(allow_none=True),
    closing=fields.Integer(allow_none=True),
    closing_uncounted=fields.Boolean(),
    sends=fields.Nested(_SENDS, allow_none=True),
    figures=fields.List(_nested("HomeFigure", key=fields.String(), **_slice_fields())),
    charts=fields.List(
        _nested("HomeChart", key=fields.String(), slices=fields.List(_nested("HomeSlice", **_slice_fields())))
    ),
    stopped=fields.List(fields.Nested(_STOPPED)),
    under_way=fields.List(fields.Nested(_SENT)),
    recent=fields.List(fields.Nested(_SENT)),
)


@ROUTES.endpoint("GET", "/home", shape=Shape(query=Days, answer=Answer))
def api_get_home(given: Given) -> Any:
    """Return what was sent in some days, the make-up of people, and what needs attention."""
    return _answer(home(crm(), actor(), _span(**given.query)))


def _span(days: int, first: date | None, last: date | None) -> Span:
    if first is None and last is None:
        return last_days(days, school_today(crm()))
    if first is None or last is None:
        raise BadInput(
            "input.bad", "to" if last is None else "from", reason=Clause("a day such as 2026-01-31")
        )
    return between(first, last)


def _answer(found: Home) -> dict[str, Any]:
    return {
        "first": found.span.first,
        "last": found.span.last,
        "counted_at": found.counted_at,
        "currency": found.currency,
        "taken": found.taken[1] if found.taken else None,
        "closing": found.closing[1] if found.closing else None,
        "closing_uncounted": found.uncounted,
        "sends": _sends(found),
        "figures": [{"key": key, **_slice(*pair)} for key, pair in found.figures.items()],
        "charts": [
            {"key": chart.key, "slices": [_slice(*pair) for pair in slices]} for chart, slices in found.charts
        ],
        "stopped": found.stopped,
        "under_way": found.under_way,
        "recent": found.recent,
    }


def _slice(one: Slice, people: int) -> dict[str, Any]:
    return {"kind": one.kind, "low": one.low, "high": one.high, "people": people, "tree": one.tree}


def _sends(found: Home) -> dict[str, Any] | None:
    sent = found.sends
    if sent is None:
        return None
    names = ("bulk", "messages", "last", "parts", "unmeasured", "volume")
    return {name: getattr(sent, name) for name in names} | {
        "reached": sent.reached.people,
        "reached_tree": sent.reached.tree,
        "cost": sent.price.amount * sent.parts if sent.price else None,
        "cost_currency": sent.price.currency if sent.price else None,
    }
