"""The topics of the school's marketing: the list that campaigns and people choose from."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.host.permissions import need_whole
from crm_plugin.kernel.errors import BadInput, Conflict, CrmError
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.consent import topics as service
from crm_plugin.profiles.models.topics import NAME
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import render

ROUTES = Routes()


@ROUTES.page("/topics", "crm.admin")
def topics() -> ResponseReturnValue:
    """Show the list with how many people want none of each."""
    return _page()


@ROUTES.page("/topics/start", "crm.admin", post=True)
def topics_start() -> ResponseReturnValue:
    """Take the proposed list."""
    service.begin(crm(), actor())
    return _back(say("These topics are offered now. Change them as you like."))


@ROUTES.page("/topics/new", "crm.admin", post=True)
def topic_new() -> ResponseReturnValue:
    """Put a topic on the list."""
    try:
        service.create(crm(), actor(), *_names())
    except (BadInput, Conflict) as error:
        return _page(error, "new")
    return _back(say("Topic added."))


@ROUTES.page("/topics/<int:ident>/rename", "crm.admin", post=True)
def topic_rename(ident: int) -> ResponseReturnValue:
    """Give a topic other names."""
    try:
        service.rename(crm(), actor(), ident, *_names())
    except (BadInput, Conflict) as error:
        return _page(error)
    return _back(say("Renamed."))


@ROUTES.page("/topics/<int:ident>/move", "crm.admin", post=True)
def topic_move(ident: int) -> ResponseReturnValue:
    """Put a topic at another ``place`` of the list."""
    service.move(crm(), actor(), ident, request.form.get("place", 0, type=whole))
    return _back(say("Moved."))


@ROUTES.page("/topics/<int:ident>/archive", "crm.admin", post=True)
def topic_archive(ident: int) -> ResponseReturnValue:
    """Offer a topic no more, or again when ``back`` is given."""
    verb = service.restore if request.form.get("back") else service.archive
    try:
        verb(crm(), actor(), ident)
    except Conflict as error:
        return _page(error)
    return _back(say("Restored.") if request.form.get("back") else say("Archived: no longer offered."))


def _names() -> tuple[str, str]:
    return request.form.get("name", ""), request.form.get("name_zh", "")


def _back(line: str) -> ResponseReturnValue:
    tell(line, "good")
    return redirect(url_for("crm.topics"))


def _page(problem: CrmError | None = None, form: str = "") -> ResponseReturnValue:
    """Return the page.

    :param problem: why what was asked for was not done.
    :param form: ``new`` to show again what was typed for a new topic.
    """
    need_whole(actor())
    with crm().db.read() as session:
        rows, refused = service.every(session), service.opted_out(session)
    return render(
        "admin/topics.html",
        title=say("Topics"),
        active="topics",
        status=problem.http_status if problem else 200,
        problem=explain(problem) if problem else "",
        offered=[row for row in rows if not row.archived],
        archived=[row for row in rows if row.archived],
        refused=refused,
        proposed=service.PROPOSED,
        most=service.MOST,
        longest=NAME,
        form=request.form if form else {},
    )
