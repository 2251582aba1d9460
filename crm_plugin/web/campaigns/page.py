"""One campaign: what is sent, live progress, and the verbs that steer it."""

from datetime import timedelta
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access
from crm_plugin.campaigns.composing.preview import preview
from crm_plugin.campaigns.delivery.notifications import REFUSALS
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.campaigns.reporting.report import Report, report
from crm_plugin.channels.email.smtp.connect_faults import spoken
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.consent import topics
from crm_plugin.web.campaigns.composer.policy import zone_of
from crm_plugin.web.campaigns.figures import MOVING, bar_of, lines_of, pace_of, verbs_of
from crm_plugin.web.segments import links
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import locale, say
from crm_plugin.web.shell.rendering import fragment, framed_mail, render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

CLICKS_COME = timedelta(days=2)
"""So long after its end a campaign's page still looks for clicks by itself."""
HELP = {
    "late": Text("The planned time passed while sending was not possible. Is the message still right?"),
    "copied": Text("The database or the address of this installation has changed."),
    "stale_data": Text("Purchases and opt-outs since the school was last read are unknown."),
    "events_waiting": Text(
        "The school does not answer. Somebody in this campaign may have paid or opted out a moment ago. It "
        "can go on without that for an hour."
    ),
    "carrier_failing": Text("The carrier refused many messages in a row. Check its account first."),
    "refused_alike": Text(
        "So many addresses rarely go bad at once: the fault may be ours. No address was stopped. Repair it, "
        "continue, and send what failed again."
    ),
    "bounced_alike": Text(
        "So many addresses rarely go bad at once: the fault may be ours. No address was stopped. Ask who "
        "runs your mail server, then continue."
    ),
    "reported_alike": Text(
        "The carrier took the messages but did not deliver them. The reason may be the text, the signature "
        "or the account. Ask the carrier, then continue and send what failed again."
    ),
    "settle_failed": Text(
        "An administrator finds the error in the log. For some messages it is not known whether they were "
        "sent."
    ),
    "campaign": Text("Fix the template and continue, or cancel this campaign and send a copy."),
    "segment": Text("Fix the quick query and continue, or cancel this campaign and send a copy."),
    "content": Text("Cancel this campaign, fix the text in a copy, and send the copy."),
    "sms": Text("Fix the template and continue, or cancel this campaign and send a copy."),
    "link": Text("Cancel this campaign, fix the text in a copy, and send the copy."),
    "channel": Text("Ask an administrator to fix the settings, then continue."),
    "settings": Text("Ask an administrator to fix the settings, then continue."),
}
"""What to do about it, by the reason why a campaign stands still or by how the code of an error begins."""


def help_of(row: CampaignRow) -> str:
    """Return what a person should know or do before a campaign goes on; empty when that is plain."""
    reason = row.reason or ""
    if row.state not in ("held", "paused"):
        return ""
    return HELP.get(reason) or HELP.get(reason.partition(".")[0]) or ""


@ROUTES.page("/campaigns/<int:ident>")
def campaign(ident: int) -> ResponseReturnValue:
    """Show a campaign; a draft opens in the composer."""
    found = _report(ident)
    row = found.campaign
    if row.state == "draft" and actor().may("crm.send"):
        return redirect(url_for("crm.compose_audience", ident=ident))
    if row.kind == "recurring":
        return redirect(url_for("crm.recurring_campaign", ident=ident))
    return render(
        "campaigns/page.html",
        title=row.name,
        active="campaigns",
        lead=say(
            "%(channel)s · %(purpose)s",
            channel=word("channel", row.channel),
            purpose=word("purpose", row.purpose),
        ),
        oob=False,
        content=row.content,
        topic=topic_name(row),
        sentence=links.sentence(row.audience),
        planned=formatting.in_zone(row.planned_at, zone_of(row)) if row.planned_at else "",
        **_live(found),
    )


@ROUTES.page("/campaigns/<int:ident>/live")
def campaign_live(ident: int) -> ResponseReturnValue:
    """Return the moving part of the page."""
    return fragment("campaigns/live_parts.html", oob=True, **_live(_report(ident)))


def _report(ident: int) -> Report:
    with crm().db.read() as session:
        return report(session, access.find(session, actor(), ident))


@ROUTES.page("/campaigns/<int:ident>/preview")
def campaign_preview(ident: int) -> ResponseReturnValue:
    """Show what is sent as one person gets it; htmx loads it into the page, without it it is a page."""
    message = preview(crm(), actor(), ident).message
    shown: dict[str, Any] = {"ident": ident, "preview": message}
    if request.headers.get("HX-Request"):
        return fragment("campaigns/preview.html", **shown)
    return render("campaigns/preview.html", title=say("What is sent"), active="campaigns", **shown)


@ROUTES.page("/campaigns/<int:ident>/sent.html")
def campaign_html(ident: int) -> ResponseReturnValue:
    """Show the HTML of a launched campaign alone, as one person got it, for a sandboxed frame."""
    message = preview(crm(), actor(), ident).message
    return framed_mail(message.html if message and message.html else "")


def _live(found: Report) -> dict[str, Any]:
    row, books = found.campaign, found.books
    pieces = bar_of(books)
    return {
        "campaign": row,
        "books": books if books.considered else None,
        "bar": pieces,
        "bar_text": ", ".join(f"{one.label} {formatting.number(one.count)}" for one in pieces),
        "verbs": verbs_of(row, books),
        "help": help_of(row),
        "last_words": spoken(row.last_words, locale()) if row.reason in REFUSALS else "",
        "unknown": books.states["unknown"],
        "failed": books.states["failed_transient"],
        "moving": row.state in MOVING,
        "every": _every(row),
        "lines": lines_of(found),
        "clicks": found.clicks,
        "pace": pace_of(row, books),
        "now": crm().clock(),
    }


def topic_name(row: CampaignRow) -> str:
    """Return the name of a campaign's topic; empty without one."""
    if row.topic_id is None:
        return ""
    with crm().db.read() as session:
        return topics.find(session, row.topic_id).label(locale())


def _every(row: CampaignRow) -> int:
    """Return after how many seconds the page asks again; 0 = never."""
    if row.state in MOVING:
        return 2
    young = row.finished_at is not None and crm().clock() - row.finished_at < CLICKS_COME
    return 15 if young else 0
