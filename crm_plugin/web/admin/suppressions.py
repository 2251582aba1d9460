"""Addresses that are not written to: why, since when, and back again."""

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.channels import suppressions as service
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.storable import whole
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

PAGE = 50


@ROUTES.page("/stopped", "crm.admin")
def stopped() -> ResponseReturnValue:
    """Show the addresses, the latest first, and the form to block one."""
    return _page()


@ROUTES.page("/stopped/block", "crm.admin", post=True)
def stopped_block() -> ResponseReturnValue:
    """Block an address by hand."""
    try:
        service.block(crm(), actor(), request.form.get("channel", ""), request.form.get("address", ""))
    except BadInput as error:
        return _page(explain(error))
    tell(say("Blocked: nothing is sent there any more."), "good")
    return redirect(url_for("crm.stopped"))


@ROUTES.page("/stopped/<int:ident>/lift", "crm.admin", post=True)
def stopped_lift(ident: int) -> ResponseReturnValue:
    """Let an address be written to again."""
    service.lift(crm(), actor(), ident)
    tell(say("Messages to this address are allowed again. Earlier bounces no longer count."), "good")
    return redirect(url_for("crm.stopped"))


def _page(problem: str = "") -> ResponseReturnValue:
    reason, text = request.args.get("reason", ""), request.args.get("address", "")
    before = request.args.get("before", type=whole)
    asked: dict[str, Any] = {"reason": reason, "text": text, "before": before}
    rows = service.listed(crm(), actor(), **asked, limit=PAGE + 1)
    more, rows = len(rows) > PAGE, rows[:PAGE]
    chosen: dict[str, Any] = {"reason": reason or None, "address": text or None}
    return render(
        "admin/suppressions.html",
        title=say("Stopped addresses"),
        active="health",
        status=400 if problem else 200,
        problem=problem,
        rows=rows,
        reasons=[("", say("All")), *((name, word("stopped", name)) for name in service.REASONS)],
        channels=[(name, word("channel", name)) for name in CHANNELS],
        own=service.OWN_CHOICE,
        reason=reason,
        text=text,
        form=request.form if problem else {},
        next=url_for("crm.stopped", **chosen, before=rows[-1].id) if more else "",
        first=url_for("crm.stopped", **chosen) if before else "",
    )
