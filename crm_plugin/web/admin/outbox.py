"""What the outbox carrier took instead of sending, word for word."""

from collections.abc import Iterable

from flask import request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access
from crm_plugin.campaigns.reporting import messages
from crm_plugin.channels.outbox import Taken
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.storable import whole
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import say
from crm_plugin.web.shell.rendering import framed_mail, render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

PAGE = 50


@ROUTES.page("/outbox", "crm.send")
def outbox() -> ResponseReturnValue:
    """Show messages, newest first, of a channel or of one campaign."""
    campaign_id = request.args.get("campaign", type=whole)
    channel = request.args.get("channel", "")
    rows, following = _of_campaign(campaign_id) if campaign_id else _latest(channel)
    names = _names(row.campaign_id for row in rows)
    return render(
        "admin/outbox.html",
        title=say("Outbox"),
        active="outbox",
        rows=[_line(row, names) for row in rows],
        filters=[("", say("All")), *((name, word("channel", name)) for name in CHANNELS)],
        channel=channel,
        campaign_id=campaign_id,
        campaign_name=names.get(campaign_id, "") if campaign_id else "",
        next=following,
        first=url_for("crm.outbox", channel=channel or None, campaign=campaign_id) if _is_later() else "",
    )


def _is_later() -> bool:
    return "before" in request.args or "after" in request.args


def _latest(channel: str) -> tuple[list[Taken], str]:
    before = request.args.get("before", type=whole)
    rows = messages.latest_messages(crm(), actor(), channel=channel, before=before, limit=PAGE + 1)
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    return rows, url_for("crm.outbox", channel=channel or None, before=rows[-1].id) if more else ""


def _of_campaign(campaign_id: int) -> tuple[list[Taken], str]:
    after = request.args.get("after", 0, type=whole)
    rows = messages.messages(crm(), actor(), campaign_id, after=after, limit=PAGE + 1)
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    return rows, url_for("crm.outbox", campaign=campaign_id, after=rows[-1].id) if more else ""


def _names(ids: Iterable[int | None]) -> dict[int | None, str]:
    names: dict[int | None, str] = {}
    for ident in set(ids):
        try:
            names[ident] = access.get(crm(), actor(), ident).name if ident else ""
        except CrmError:
            names[ident] = ""
    return names


def _line(row: Taken, names: dict[int | None, str]) -> dict[str, object]:
    return {
        "id": row.id,
        "address": row.address,
        "channel": row.channel,
        "person": row.person,
        "subject": row.subject,
        "text": row.text,
        "at": row.at,
        "campaign_id": row.campaign_id,
        "campaign": names.get(row.campaign_id, ""),
    }


@ROUTES.page("/outbox/<int:ident>", "crm.send")
def outbox_message(ident: int) -> ResponseReturnValue:
    """Show one message."""
    row = messages.message(crm(), actor(), ident)
    shown = {**_line(row, {}), "html": row.html, "links": row.links}
    return render(
        "admin/outbox_message.html",
        title=say("Outbox"),
        active="outbox",
        message=shown,
        campaign_name=_names([row.campaign_id])[row.campaign_id],
    )


@ROUTES.page("/outbox/<int:ident>/html", "crm.send")
def outbox_html(ident: int) -> ResponseReturnValue:
    """Show an e-mail's HTML alone, for a sandboxed frame."""
    return framed_mail(messages.message(crm(), actor(), ident).html or "")
