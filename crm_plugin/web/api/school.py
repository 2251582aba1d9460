"""The actor behind a token, the state of the school's data, the settings in force, and tokens."""

from typing import Any

from marshmallow import Schema, fields

from crm_plugin.host import token_actors
from crm_plugin.host.permissions import need_whole
from crm_plugin.host.token_actors import Program
from crm_plugin.kernel.credentials.tokens import Grant
from crm_plugin.kernel.settings import TABLE
from crm_plugin.profiles.sync import admin
from crm_plugin.profiles.sync.health import BadRow, StreamHealth, bad_rows, streams_for
from crm_plugin.profiles.sync.host_checks import Check, last
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

Me = schemas.answer(
    "Me",
    id=fields.String(),
    display_name=fields.String(),
    permissions=fields.List(fields.String()),
    scope=fields.List(fields.String(), allow_none=True),
)
Health = schemas.answer(
    "Health",
    database=fields.String(),
    queue=fields.Boolean(),
    streams=fields.List(fields.Nested(schemas.of(StreamHealth))),
    checks=fields.List(fields.Nested(schemas.of(Check))),
)
Setting = schemas.answer("Setting", name=fields.String(), value=fields.Raw(), help=fields.String())
Token = schemas.of(Program)


BadRows = schemas.answer("BadRows", items=fields.List(fields.Nested(schemas.of(BadRow))))


class BadRowsPage(Schema):
    """Which rows set aside to list."""

    stream = fields.String(load_default=None)
    limit = schemas.limit(50)


class NewToken(Schema):
    """A token to make."""

    name = fields.String(required=True)
    permissions = schemas.permissions()
    scope = fields.List(fields.String(), load_default=None, allow_none=True)
    expires_at = schemas.instant(load_default=None, allow_none=True)


class Confirmed(Schema):
    """A stream whose rows are gone indeed."""

    stream = fields.String(required=True)


@ROUTES.endpoint("GET", "/me", shape=Shape(answer=Me))
def api_get_me(_given: Given) -> Any:
    """Return who you are and what you may do."""
    me = actor()
    scope = None if me.scope is None else sorted(me.scope)
    return {
        "id": me.id,
        "display_name": me.display_name,
        "permissions": sorted(me.permissions),
        "scope": scope,
    }


@ROUTES.endpoint("GET", "/health", shape=Shape(answer=Health))
def api_get_health(_given: Given) -> Any:
    """Return how old the school's data are, and whether database and queue answer."""
    with crm().db.read() as session:
        streams = streams_for(session, crm().clock(), actor())
        _asked_at, checks = last(session)
    return {"database": crm().db.dialect, "queue": crm().queue.is_up(), "streams": streams, "checks": checks}


@ROUTES.endpoint(
    "GET",
    "/settings",
    "crm.admin",
    Shape(answer=schemas.answer("Settings", items=fields.List(fields.Nested(Setting)))),
)
def api_list_settings(_given: Given) -> Any:
    """List the settings in force; secrets are never shown."""
    shown = crm().settings.shown()
    return {"items": [{"name": row.name, "value": shown[row.name], "help": row.help} for row in TABLE]}


@ROUTES.endpoint(
    "POST",
    "/data/read",
    "crm.admin",
    Shape(answer=schemas.answer("Woken", woken=fields.Boolean()), status=202),
)
def api_read_school(_given: Given) -> Any:
    """Let everything be read from the school again, by a worker."""
    return {"woken": admin.read_all(crm(), actor())}


@ROUTES.endpoint("POST", "/data/confirm", "crm.admin", Shape(Confirmed))
def api_confirm_gone_rows(given: Given) -> None:
    """Let a stream go on that stopped because many of its rows are gone."""
    admin.confirm_gone(crm(), actor(), given.body["stream"])


@ROUTES.endpoint("GET", "/data/bad-rows", "crm.admin", Shape(query=BadRowsPage, answer=BadRows))
def api_list_bad_rows(given: Given) -> Any:
    """List rows of the school that were set aside, with the reasons, the newest first."""
    need_whole(actor())
    with crm().db.read() as session:
        return {"items": bad_rows(session, given.query["stream"], given.query["limit"])}


@ROUTES.endpoint(
    "GET",
    "/tokens",
    "crm.admin",
    Shape(answer=schemas.answer("Tokens", items=fields.List(fields.Nested(Token)))),
)
def api_list_tokens(_given: Given) -> Any:
    """List the tokens of programs, without their texts."""
    return {"items": token_actors.listed(crm(), actor())}


@ROUTES.endpoint(
    "POST",
    "/tokens",
    "crm.admin",
    Shape(NewToken, None, schemas.answer("Made", id=fields.Integer(), token=fields.String()), 201),
)
def api_create_token(given: Given) -> Any:
    """Make a token; its text is shown only this once."""
    need_whole(actor())
    ident, text = token_actors.create(crm(), actor(), Grant(**given.body))
    return {"id": ident, "token": text}


@ROUTES.endpoint("DELETE", "/tokens/<int:ident>", "crm.admin")
def api_revoke_token(_given: Given, ident: int) -> None:
    """End a token at once."""
    token_actors.revoke(crm(), actor(), ident)
