"""Recurring campaigns: their list, one with its periods, and the verbs that steer it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.automations.recurring import queries, service
from crm_plugin.automations.recurring.queries import Recurring
from crm_plugin.web.automations.words import rhythm_words
from crm_plugin.web.campaigns.list_page import line
from crm_plugin.web.campaigns.page import topic_name
from crm_plugin.web.segments import links
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

PAGE = 30


@ROUTES.page("/recurring")
def recurring() -> ResponseReturnValue:
    """Show the campaigns that repeat."""
    rows = queries.listing(crm(), actor())
    return render(
        "automations/recurring_list.html",
        title=say("Campaigns"),
        active="campaigns",
        tab="recurring",
        rows=[(one, rhythm_words(one.rhythm), _next(one)) for one in rows],
    )


def _next(one: Recurring) -> str:
    return formatting.in_zone(one.next_at, ZoneInfo(one.rhythm.zone)) if one.next_at else ""


@ROUTES.page("/recurring/<int:ident>")
def recurring_campaign(ident: int) -> ResponseReturnValue:
    """Show one campaign that repeats, with what became of each period."""
    one = queries.get(crm(), actor(), ident)
    before = request.args.get("before", "")[:10] or None
    periods = queries.history(crm(), actor(), ident, before=before, limit=PAGE)
    campaign = one.campaign
    return render(
        "automations/recurring.html",
        title=campaign.name,
        active="campaigns",
        one=one,
        campaign=campaign,
        rhythm=rhythm_words(one.rhythm),
        zone=formatting.named_zone(ZoneInfo(one.rhythm.zone)),
        next_at=_next(one),
        ends=_ends(one),
        once=bool(campaign.policy.get("once")),
        topic=topic_name(campaign),
        sentence=links.sentence(campaign.audience),
        lead=say(
            "%(channel)s · %(purpose)s",
            channel=word("channel", campaign.channel),
            purpose=word("purpose", campaign.purpose),
        ),
        periods=[(each, line(each.child) if each.child else None) for each in periods],
        older=url_for("crm.recurring_campaign", ident=ident, before=periods[-1].day)
        if len(periods) == PAGE
        else "",
        first=url_for("crm.recurring_campaign", ident=ident) if before else "",
    )


def _ends(one: Recurring) -> str:
    expires: Any = one.campaign.policy.get("expires_at")
    zone = ZoneInfo(one.rhythm.zone)
    return formatting.in_zone(datetime.fromisoformat(expires), zone) if expires else ""


def _to(ident: int) -> ResponseReturnValue:
    return redirect(url_for("crm.recurring_campaign", ident=ident))


@ROUTES.page("/recurring/<int:ident>/pause", "crm.send", post=True)
def recurring_pause(ident: int) -> ResponseReturnValue:
    """Begin no further period."""
    service.pause(crm(), actor(), ident)
    tell(say("Paused. No further period begins until you continue."), "good")
    return _to(ident)


@ROUTES.page("/recurring/<int:ident>/resume", "crm.send", post=True)
def recurring_resume(ident: int) -> ResponseReturnValue:
    """Go on with the next period."""
    service.resume(crm(), actor(), ident)
    tell(say("Continued. Periods that passed meanwhile are not made up for."), "good")
    return _to(ident)


@ROUTES.page("/recurring/<int:ident>/edit", "crm.send", post=True)
def recurring_edit(ident: int) -> ResponseReturnValue:
    """Make a draft of it again."""
    service.edit(crm(), actor(), ident)
    tell(say("This is a draft again. It repeats no more until you start it at the last step."), "good")
    return redirect(url_for("crm.compose_audience", ident=ident))


@ROUTES.page("/recurring/<int:ident>/end", "crm.send", post=True)
def recurring_end(ident: int) -> ResponseReturnValue:
    """End it for good."""
    service.end(crm(), actor(), ident)
    tell(say("Ended. What was sent stays in the report."), "good")
    return _to(ident)
