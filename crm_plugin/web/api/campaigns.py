"""Campaigns: drafts, launch, steering, numbers, and the people behind each number."""

from dataclasses import replace
from typing import Any

from marshmallow import Schema, fields, validate

from crm_plugin.campaigns import access, queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.preflight import preflight
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.delivery.retry import retry_failed
from crm_plugin.campaigns.ledger.states import STATES
from crm_plugin.campaigns.policy.rules import KEYS
from crm_plugin.campaigns.queries import CampaignRow, Listed
from crm_plugin.campaigns.reporting import messages
from crm_plugin.campaigns.reporting.report import WRITTEN, Member, Report, people_of, report
from crm_plugin.channels.base import Problem, Receipt
from crm_plugin.channels.outbox import Taken
from crm_plugin.links.measures import Measures
from crm_plugin.profiles.store.masking import as_seen
from crm_plugin.segments.language import mentions
from crm_plugin.web.api import schemas
from crm_plugin.web.api.route import CampaignFile, Endpoints, Given, Shape
from crm_plugin.web.shell.guard import actor, crm

ROUTES = Endpoints()

_WHAT = f"`considered`, a state, `excluded:` with a reason ({', '.join(KEYS)}), or `clicked`."
Campaign = schemas.of(
    CampaignRow,
    audience=schemas.Document("Tree"),
    content=schemas.Document("Content"),
    policy=schemas.Document("Policy"),
)
Books = schemas.answer(
    "Books",
    considered=fields.Integer(),
    excluded=fields.Dict(keys=fields.String(), values=fields.Integer()),
    **{state: fields.Integer() for state in STATES if state != "excluded"},
)
RowsOfReason = schemas.answer(
    "RowsOfReason", state=fields.String(), reason=fields.String(), people=fields.Integer()
)
Status = schemas.answer(
    "Status",
    id=fields.Integer(),
    state=fields.String(),
    reason=fields.String(allow_none=True),
    last_words=fields.String(allow_none=True),
    books=fields.Nested(Books),
    reasons=fields.List(fields.Nested(RowsOfReason)),
    hits=fields.Integer(),
    human_hits=fields.Integer(),
    people_clicked=fields.Integer(),
)
Numbers = schemas.answer(
    "Numbers",
    campaign=fields.Nested(Campaign),
    books=fields.Nested(Books),
    clicks=fields.Nested(schemas.of(Measures)),
)
Check = schemas.answer(
    "Preflight",
    errors=fields.List(fields.Nested(schemas.of(Problem))),
    warnings=fields.List(fields.Nested(schemas.of(Problem))),
    considered=fields.Integer(attribute="reach.considered"),
    excluded=fields.Dict(keys=fields.String(), values=fields.Integer(), attribute="reach.excluded"),
    reached=fields.Integer(attribute="reach.reached"),
)
Message = schemas.of(Taken)


class CampaignPage(Schema):
    """A page of campaigns, the newest first."""

    state = fields.String(load_default=None)
    after = schemas.after()
    limit = schemas.limit()


class RowsPage(Schema):
    """A page of the people behind a number."""

    what = fields.String(
        load_default="considered",
        metadata={"description": _WHAT},
    )
    after = schemas.after(0)
    limit = schemas.limit(100)


class AboutDoubt(Schema):
    """What becomes of messages in doubt."""

    decision = fields.String(required=True, validate=validate.OneOf(["sent", "again"]))
    ids = fields.List(schemas.Whole(), load_default=None, allow_none=True)


class TestSend(Schema):
    """Where a test goes, and whose data fill it."""

    address = fields.String(required=True)
    person = fields.String(load_default=None, allow_none=True)


class Copy(Schema):
    """The name of a copy."""

    name = fields.String(required=True, validate=validate.Length(1, 120))


@ROUTES.endpoint(
    "GET", "/campaigns", shape=Shape(query=CampaignPage, answer=schemas.paged("Campaigns", Numbers))
)
def api_list_campaigns(given: Given) -> Any:
    """List campaigns with their numbers."""
    query = given.query
    states = [query["state"]] if query["state"] else []
    rows: list[Listed] = access.listing(
        crm(), actor(), states=states, before=query["after"], limit=query["limit"]
    )
    following = rows[-1].campaign.id if len(rows) == query["limit"] else None
    return {"items": [_numbers(row) for row in rows], "next": following}


def _numbers(row: Listed | Report) -> dict[str, Any]:
    seen = {name: mentions.as_seen(actor(), getattr(row.campaign, name)) for name in ("audience", "policy")}
    return {"campaign": replace(row.campaign, **seen), "books": row.books.document(), "clicks": row.clicks}


@ROUTES.endpoint("POST", "/campaigns", "crm.send", Shape(CampaignFile, None, schemas.Id, 201))
def api_create_campaign(given: Given) -> Any:
    """Make a draft of a campaign file."""
    return {"id": drafts.create(crm(), actor(), given.body)}


@ROUTES.endpoint("GET", "/campaigns/<int:ident>", shape=Shape(answer=Status))
def api_get_campaign_status(_given: Given, ident: int) -> Any:
    """Return state, reason, books and clicks of a campaign."""
    with crm().db.read() as session:
        return queries.status(session, access.find(session, actor(), ident))


@ROUTES.endpoint(
    "GET",
    "/campaigns/<int:ident>/file",
    shape=Shape(answer=schemas.answer("StoredFile", file=schemas.Document("CampaignFile"))),
)
def api_get_campaign_file(_given: Given, ident: int) -> Any:
    """Return a campaign as a campaign file, to edit or to copy."""
    return {"file": mentions.as_seen(actor(), access.get(crm(), actor(), ident).document())}


@ROUTES.endpoint("PUT", "/campaigns/<int:ident>", "crm.send", Shape(CampaignFile))
def api_replace_campaign(given: Given, ident: int) -> None:
    """Replace a draft."""
    drafts.update(crm(), actor(), ident, given.body)


@ROUTES.endpoint("DELETE", "/campaigns/<int:ident>", "crm.send")
def api_delete_campaign(_given: Given, ident: int) -> None:
    """Delete a draft."""
    drafts.remove(crm(), actor(), ident)


@ROUTES.endpoint("POST", "/campaigns/<int:ident>/restore", "crm.send")
def api_restore_campaign(_given: Given, ident: int) -> None:
    """Restore a draft that you deleted."""
    drafts.restore(crm(), actor(), ident)


@ROUTES.endpoint("POST", "/campaigns/<int:ident>/copy", "crm.send", Shape(Copy, None, schemas.Id, 201))
def api_copy_campaign(given: Given, ident: int) -> Any:
    """Make a draft of an earlier campaign."""
    return {"id": drafts.copy(crm(), actor(), ident, given.body["name"])}


@ROUTES.endpoint("GET", "/campaigns/<int:ident>/preflight", "crm.send", Shape(answer=Check))
def api_check_campaign(_given: Given, ident: int) -> Any:
    """Check a campaign as if it were launched now."""
    with crm().db.read() as session:
        return preflight(crm(), session, access.one(session, actor(), ident, "crm.send"))


@ROUTES.endpoint(
    "POST", "/campaigns/<int:ident>/test", "crm.send", Shape(TestSend, None, schemas.of(Receipt))
)
def api_test_campaign(given: Given, ident: int) -> Any:
    """Send one labelled test."""
    return send_test(crm(), actor(), ident, given.body["address"], given.body["person"])


@ROUTES.endpoint("POST", "/campaigns/<int:ident>/launch", "crm.send", Shape(answer=schemas.State))
def api_launch_campaign(_given: Given, ident: int) -> Any:
    """Freeze the audience and send, or wait for the planned time; no typed confirmation is needed."""
    return {"state": service.launch(crm(), actor(), ident)}


@ROUTES.endpoint("POST", "/campaigns/<int:ident>/pause", "crm.send")
def api_pause_campaign(_given: Given, ident: int) -> None:
    """Stop sending for now."""
    service.pause(crm(), actor(), ident)


@ROUTES.endpoint("POST", "/campaigns/<int:ident>/resume", "crm.send", Shape(answer=schemas.State))
def api_resume_campaign(_given: Given, ident: int) -> Any:
    """Go on, or confirm what was held."""
    return {"state": service.resume(crm(), actor(), ident)}


@ROUTES.endpoint("POST", "/campaigns/<int:ident>/cancel", "crm.send", Shape(answer=schemas.Number))
def api_cancel_campaign(_given: Given, ident: int) -> Any:
    """Send nothing more, for good."""
    return {"count": service.cancel(crm(), actor(), ident)}


@ROUTES.endpoint(
    "POST", "/campaigns/<int:ident>/resolve", "crm.send", Shape(AboutDoubt, None, schemas.Number)
)
def api_resolve_campaign(given: Given, ident: int) -> Any:
    """Decide about messages of which nobody knows whether they left."""
    return {"count": service.resolve(crm(), actor(), ident, given.body["decision"], given.body["ids"])}


@ROUTES.endpoint("POST", "/campaigns/<int:ident>/retry", "crm.send", Shape(answer=schemas.Number))
def api_retry_campaign(_given: Given, ident: int) -> Any:
    """Send again what failed for a passing reason."""
    return {"count": retry_failed(crm(), actor(), ident)}


@ROUTES.endpoint("GET", "/campaigns/<int:ident>/report", shape=Shape(answer=Numbers))
def api_get_campaign_report(_given: Given, ident: int) -> Any:
    """Return a campaign with its numbers."""
    with crm().db.read() as session:
        return _numbers(report(session, access.find(session, actor(), ident)))


@ROUTES.endpoint(
    "GET",
    "/campaigns/<int:ident>/rows",
    shape=Shape(query=RowsPage, answer=schemas.paged("Rows", schemas.of(Member))),
)
def api_list_campaign_rows(given: Given, ident: int) -> Any:
    """List the people behind a number."""
    query = given.query
    with crm().db.read() as session:
        row = access.find(session, actor(), ident)
        page = (query["what"], query["after"], query["limit"])
        rows = people_of(session, row, *page, scope=actor().scope)
    return {
        "items": [as_seen(actor(), one, *WRITTEN) for one in rows],
        "next": rows[-1].delivery_id if len(rows) == query["limit"] else None,
    }


class OutboxPage(Schema):
    """A page of the outbox, the newest first."""

    channel = fields.String(load_default="")
    after = schemas.after()
    limit = schemas.limit()


class MessagesPage(Schema):
    """A page of a campaign's messages, in the order in which they were taken."""

    after = schemas.after(0)
    limit = schemas.limit()


Messages = schemas.paged("Messages", Message)


@ROUTES.endpoint(
    "GET", "/campaigns/<int:ident>/messages", "crm.send", Shape(query=MessagesPage, answer=Messages)
)
def api_list_campaign_messages(given: Given, ident: int) -> Any:
    """List what the outbox took of a campaign, word for word."""
    query = given.query
    rows = messages.messages(crm(), actor(), ident, after=query["after"], limit=query["limit"])
    return _messages(rows, query["limit"])


@ROUTES.endpoint("GET", "/outbox", "crm.send", Shape(query=OutboxPage, answer=Messages))
def api_list_outbox_messages(given: Given) -> Any:
    """List what the outbox took of all campaigns and tests."""
    query = given.query
    rows = messages.latest_messages(
        crm(), actor(), channel=query["channel"], before=query["after"], limit=query["limit"]
    )
    return _messages(rows, query["limit"])


@ROUTES.endpoint("GET", "/outbox/<int:ident>", "crm.send", Shape(answer=Message))
def api_get_outbox_message(_given: Given, ident: int) -> Any:
    """Return one message of the outbox."""
    return _plain(messages.message(crm(), actor(), ident))


def _messages(rows: list[Taken], limit: int) -> dict[str, Any]:
    following = rows[-1].id if len(rows) == limit else None
    return {"items": [_plain(row) for row in rows], "next": following}


def _plain(row: Taken) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Taken.__slots__}
