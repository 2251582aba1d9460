"""The list of quick queries, and what is done to one."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.kernel.errors import CrmError, NotFound
from crm_plugin.kernel.i18n import Text
from crm_plugin.segments.saved import quick_queries
from crm_plugin.web.segments import links
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import render

ROUTES = Routes()


@ROUTES.page("/queries")
def queries() -> ResponseReturnValue:
    """Show the quick queries with their kept counts; nothing is counted now."""
    rows = [
        {
            "id": row.id,
            "name": row.name,
            "pinned": row.pinned,
            "shared": row.shared,
            "mine": row.mine,
            "count": row.count,
            "counted_at": row.counted_at,
            "sentence": words.sentence,
            "trouble": words.trouble,
        }
        for row, words in zip(links.saved(), links.spoken(links.saved()), strict=True)
    ]
    return render("people/quick_queries.html", title=say("Quick queries"), active="queries", rows=rows)


def _back() -> ResponseReturnValue:
    return redirect(url_for("crm.queries"))


@ROUTES.page("/queries/<int:ident>/rename", "crm.edit", post=True)
def query_rename(ident: int) -> ResponseReturnValue:
    """Give a quick query another name."""
    undo = quick_queries.rename(crm(), actor(), ident, request.form.get("name", "").strip())
    tell(say("Renamed."), "good", undo)
    return _back()


@ROUTES.page("/queries/<int:ident>/share", "crm.edit", post=True)
def query_share(ident: int) -> ResponseReturnValue:
    """Show a quick query to all colleagues, or to its owner only."""
    shared = bool(request.form.get("shared"))
    undo = quick_queries.share(crm(), actor(), ident, shared)
    tell(say("Colleagues see it now.") if shared else say("Only its owner sees it now."), "good", undo)
    return _back()


@ROUTES.page("/queries/<int:ident>/move", "crm.edit", post=True)
def query_move(ident: int) -> ResponseReturnValue:
    """Move a quick query one place ``up`` or ``down`` among those that the actor sees."""
    order = [row.id for row in links.saved()]
    if ident not in order:
        raise NotFound("object.missing", kind=say(Text("quick query")), id=ident)
    step = -1 if request.form.get("to") == "up" else 1
    undo = quick_queries.move(crm(), actor(), ident, order.index(ident) + step)
    tell(say("Moved."), "good", undo)
    return _back()


@ROUTES.page("/queries/<int:ident>/pin", "crm.edit", post=True)
def query_pin(ident: int) -> ResponseReturnValue:
    """Pin a quick query to the overview and the school's home, or take it off."""
    quick_queries.pin(crm(), actor(), ident, bool(request.form.get("pinned")))
    return _back()


@ROUTES.page("/queries/<int:ident>/delete", "crm.edit", post=True)
def query_delete(ident: int) -> ResponseReturnValue:
    """Delete a quick query; refused, with the names of its users, while something refers to it."""
    try:
        undo = quick_queries.delete(crm(), actor(), ident)
    except CrmError as error:
        tell(explain(error), "bad")
    else:
        tell(say("Deleted."), "good", undo)
    return _back()
