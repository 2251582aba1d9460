"""The list of campaigns, new drafts, and the verbs that steer a campaign."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery.retry import retry_failed
from crm_plugin.campaigns.document.default_policy import proposed
from crm_plugin.campaigns.policy.rules import REST
from crm_plugin.campaigns.queries import Listed
from crm_plugin.kernel.storable import whole
from crm_plugin.segments.language.documents import all_of
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import render

ROUTES = Routes()

PAGE = 50


@dataclass(frozen=True)
class Line:
    """A campaign in a list."""

    id: int
    name: str
    channel: str
    purpose: str
    state: str
    considered: int
    sent: int
    people_clicked: int
    at: datetime


def line(listed: Listed) -> Line:
    """Return what a list shows of a campaign."""
    row = listed.campaign
    return Line(
        *(row.id, row.name, row.channel, row.purpose, row.state),
        considered=listed.books.considered,
        sent=sum(listed.books.states[name] for name in ("sent", "delivered")),
        people_clicked=listed.clicks.people_clicked,
        at=row.finished_at or row.launched_at or row.updated_at,
    )


def lines(limit: int, before: int | None = None) -> list[Line]:
    """Return the newest campaigns that the actor may see: somebody with a scope sees only their own."""
    return [line(one) for one in access.listing(crm(), actor(), before=before, limit=limit)]


@ROUTES.page("/campaigns")
def campaigns() -> ResponseReturnValue:
    """Show campaigns with their measures, newest first."""
    before = request.args.get("before", type=whole)
    rows = lines(PAGE, before)
    return render(
        "campaigns/list.html",
        title=say("Campaigns"),
        active="campaigns",
        tab="campaigns",
        rows=rows,
        next=url_for("crm.campaigns", before=rows[-1].id) if len(rows) == PAGE else "",
        first=url_for("crm.campaigns") if before else "",
        removed=[] if before or not actor().may("crm.send") else drafts.removed(crm(), actor()),
    )


@ROUTES.page("/campaigns/new", "crm.send", post=True)
def campaign_new() -> ResponseReturnValue:
    """Begin a draft for everybody."""
    return redirect(url_for("crm.compose_audience", ident=start_draft(all_of())))


def start_draft(tree: dict[str, Any], channel: str = "sms", rest_days: int | None = None) -> int:
    """Make a draft with this audience and the proposed policy; return its id.

    :param rest_days: so long nobody is marketed to again, in the place of the proposed days; 0 = no rule.
    :raises BadInput: ``segment.*``.
    """
    policy = proposed(crm())
    if rest_days is not None:
        policy[REST.key] = rest_days
        policy = {key: value for key, value in policy.items() if value}
    document = {
        "name": say("Campaign of %(day)s", day=formatting.day(crm().clock())),
        "channel": channel,
        "purpose": "marketing",
        "audience": tree,
        "policy": policy,
    }
    return drafts.create(crm(), actor(), document | drafts.usual_topic(crm(), actor()))


def aim(ident: int, tree: dict[str, Any]) -> int:
    """Let a draft reach the people of a segment; return its id.

    :raises Conflict: ``campaign.bad_state`` once it was launched.
    """
    document = access.get(crm(), actor(), ident, "crm.send").document()
    drafts.update(crm(), actor(), ident, {**document, "audience": tree})
    return ident


def _to(ident: int) -> ResponseReturnValue:
    return redirect(url_for("crm.campaign", ident=ident))


@ROUTES.page("/campaigns/<int:ident>/pause", "crm.send", post=True)
def campaign_pause(ident: int) -> ResponseReturnValue:
    """Pause."""
    service.pause(crm(), actor(), ident)
    tell(say("Paused. Nothing more is sent until you continue."), "good")
    return _to(ident)


@ROUTES.page("/campaigns/<int:ident>/resume", "crm.send", post=True)
def campaign_resume(ident: int) -> ResponseReturnValue:
    """Go on after a pause, or confirm a held campaign."""
    service.resume(crm(), actor(), ident)
    tell(say("Continued."), "good")
    return _to(ident)


@ROUTES.page("/campaigns/<int:ident>/cancel", "crm.send", post=True)
def campaign_cancel(ident: int) -> ResponseReturnValue:
    """Cancel for good."""
    count = service.cancel(crm(), actor(), ident)
    tell(say("Cancelled; %(count)s messages will not be sent.", count=formatting.number(count)), "good")
    return _to(ident)


@ROUTES.page("/campaigns/<int:ident>/retry", "crm.send", post=True)
def campaign_retry(ident: int) -> ResponseReturnValue:
    """Send again what failed for a passing reason."""
    count = retry_failed(crm(), actor(), ident)
    tell(say("%(count)s messages are sent again.", count=formatting.number(count)), "good")
    return _to(ident)
