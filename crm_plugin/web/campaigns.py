"""The list of campaigns, new drafts, and the verbs that steer a campaign."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import desk
from crm_plugin.campaigns.queries import CampaignRow, Listed
from crm_plugin.kernel.errors import BadInput, CrmError
from crm_plugin.web import present
from crm_plugin.web.guard import actor, crm, page
from crm_plugin.web.i18n import explain, say
from crm_plugin.web.notes import tell
from crm_plugin.web.view import render

PAGE = 50
PROPOSED: dict[str, Any] = {
    "leave_out_days": 7,
    "cap": {"n": 3, "days": 30},
    "quiet_hours": {"from": "21:00", "to": "08:00"},
}
"""The policy that the composer proposes for a new draft of marketing."""
_HANDED = ("sending", "sent", "delivered", "unknown")


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
    return [line(one) for one in desk.listing(crm(), actor(), before=before, limit=limit)]


def find(ident: int) -> CampaignRow:
    """Return a campaign that the actor may see.

    :raises NotFound: ``object.missing``, for one of somebody else's as well when the actor has a scope.
    """
    return desk.find(crm(), actor(), ident)


@page("/campaigns")
def campaigns() -> ResponseReturnValue:
    """Show campaigns with their measures, newest first."""
    before = request.args.get("before", type=int)
    rows = lines(PAGE, before)
    return render(
        "campaigns/list.html",
        title=say("Campaigns"),
        active="campaigns",
        rows=rows,
        next=url_for("crm.campaigns", before=rows[-1].id) if len(rows) == PAGE else "",
        first=url_for("crm.campaigns") if before else "",
    )


@page("/campaigns/new", "crm.send", post=True)
def campaign_new() -> ResponseReturnValue:
    """Begin a draft for everybody."""
    return redirect(url_for("crm.compose_audience", ident=start_draft({"combinator": "and", "rules": []})))


def start_draft(tree: dict[str, Any], channel: str = "sms", leave_out_days: int | None = None) -> int:
    """Make a draft with this audience and the proposed policy; return its id.

    :param leave_out_days: in the place of the proposed ones; 0 = leave nobody out.
    :raises BadInput: ``segment.*``.
    """
    policy = dict(PROPOSED)
    if leave_out_days is not None:
        policy["leave_out_days"] = leave_out_days
        policy = {key: value for key, value in policy.items() if value}
    document = {
        "name": say("Campaign of %(day)s", day=present.day(crm().clock())),
        "channel": channel,
        "purpose": "marketing",
        "audience": tree,
        "policy": policy,
    }
    return desk.create(crm(), actor(), document)


def _to(ident: int) -> ResponseReturnValue:
    return redirect(url_for("crm.campaign", ident=ident))


@page("/campaigns/<int:ident>/launch", "crm.send", post=True)
def campaign_launch(ident: int) -> ResponseReturnValue:
    """Launch a draft, once the number of people was confirmed."""
    reached = desk.preflight(crm(), actor(), ident).reach.reached
    try:
        _confirmed(reached)
        state = desk.launch(crm(), actor(), ident)
    except CrmError as error:
        tell(explain(error), "bad")
        return redirect(url_for("crm.compose_check", ident=ident))
    tell(say("Scheduled.") if state == "scheduled" else say("Launched."), "good")
    return _to(ident)


def _confirmed(reached: int) -> None:
    typed = request.form.get("confirm", "").replace(",", "").replace(" ", "")
    if typed != str(reached):
        raise BadInput("campaign.not_confirmed", count=reached)


@page("/campaigns/<int:ident>/pause", "crm.send", post=True)
def campaign_pause(ident: int) -> ResponseReturnValue:
    """Pause."""
    desk.pause(crm(), actor(), ident)
    tell(say("Paused. Nothing more leaves until you go on."), "good")
    return _to(ident)


@page("/campaigns/<int:ident>/resume", "crm.send", post=True)
def campaign_resume(ident: int) -> ResponseReturnValue:
    """Go on after a pause, or confirm a held campaign."""
    desk.resume(crm(), actor(), ident)
    tell(say("It goes on."), "good")
    return _to(ident)


@page("/campaigns/<int:ident>/cancel", "crm.send", post=True)
def campaign_cancel(ident: int) -> ResponseReturnValue:
    """Cancel for good."""
    count = desk.cancel(crm(), actor(), ident)
    tell(say("Cancelled; %(count)s messages will not be sent.", count=present.number(count)), "good")
    return _to(ident)


@page("/campaigns/<int:ident>/discard", "crm.send", post=True)
def campaign_discard(ident: int) -> ResponseReturnValue:
    """Delete a draft."""
    desk.remove(crm(), actor(), ident)
    tell(say("The draft is gone."), "good")
    return redirect(url_for("crm.campaigns"))


@page("/campaigns/<int:ident>/resolve", "crm.send", post=True)
def campaign_resolve(ident: int) -> ResponseReturnValue:
    """Decide about unknown messages: ``decision`` is sent or again."""
    count = desk.resolve(crm(), actor(), ident, request.form.get("decision", ""))
    tell(say("Decided about %(count)s messages.", count=present.number(count)), "good")
    return _to(ident)


@page("/campaigns/<int:ident>/retry", "crm.send", post=True)
def campaign_retry(ident: int) -> ResponseReturnValue:
    """Send again what failed for a passing reason."""
    count = desk.retry_failed(crm(), actor(), ident)
    tell(say("%(count)s messages are tried again.", count=present.number(count)), "good")
    return _to(ident)


@page("/campaigns/<int:ident>/test", "crm.send", post=True)
def campaign_test(ident: int) -> ResponseReturnValue:
    """Send one labelled test to a typed address."""
    person = request.form.get("person", "").strip() or None
    address = request.form.get("address", "").strip()
    try:
        receipt = desk.send_test(crm(), actor(), ident, address, person)
    except CrmError as error:
        tell(explain(error), "bad")
    else:
        taken = receipt.status == "accepted"
        tell(
            say("The test was handed over. With the outbox carrier it stands in the outbox.")
            if taken
            else say("The carrier did not take it: %(reason)s", reason=receipt.reason or receipt.status),
            "good" if taken else "bad",
        )
    return redirect(url_for("crm.compose_check", ident=ident))
