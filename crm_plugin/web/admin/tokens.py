"""Tokens of programs that use the JSON API: made, shown once, revoked."""

from datetime import datetime, time, timedelta

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.host import token_actors
from crm_plugin.host.records import PERMISSIONS
from crm_plugin.kernel.credentials.tokens import Grant
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.people.queries import courses_by_host_id
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.formatting import zone
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import render

ROUTES = Routes()

RIGHTS = {
    "crm.view": Text("See people, campaigns and numbers"),
    "crm.contacts": Text("See telephones and addresses in clear, and filter by them"),
    "crm.edit": Text("Write follow-ups, save quick queries, edit templates"),
    "crm.send": Text("Write and send campaigns"),
    "crm.export": Text("Export lists of people"),
    "crm.money": Text("See what people paid, and filter by it"),
    "crm.admin": Text("Everything, including settings and tokens"),
}


@ROUTES.page("/tokens", "crm.admin")
def tokens() -> ResponseReturnValue:
    """Show the tokens that there are, and the form for a new one."""
    return _page()


@ROUTES.page("/tokens/new", "crm.admin", post=True)
def token_new() -> ResponseReturnValue:
    """Make a token and show it this once: the answer of a form is in no history and no log."""
    try:
        grant = _grant()
        _ident, text = token_actors.create(crm(), actor(), grant)
    except BadInput as error:
        return _page(problem=explain(error))
    return _page(made=text, made_name=grant.name)


@ROUTES.page("/tokens/<int:ident>/revoke", "crm.admin", post=True)
def token_revoke(ident: int) -> ResponseReturnValue:
    """End a token at once."""
    token_actors.revoke(crm(), actor(), ident)
    tell(say("Revoked. Programs that use it lose access from now on."), "good")
    return redirect(url_for("crm.tokens"))


def _page(*, made: str = "", made_name: str = "", problem: str = "") -> ResponseReturnValue:
    rows = token_actors.listed(crm(), actor())
    named = sorted({course for row in rows for course in row.scope or ()})
    with crm().db.read() as session:
        titles = {ident: course.title for ident, course in courses_by_host_id(session, named).items()}
    return render(
        "admin/tokens.html",
        title=say("API tokens"),
        active="tokens",
        status=400 if problem else 200,
        rows=rows,
        titles=titles,
        rights=[(name, RIGHTS[name]) for name in PERMISSIONS],
        chosen=request.form.getlist("permission") if problem else ["crm.view"],
        form=request.form if problem else {},
        made=made,
        made_name=made_name,
        problem=problem,
        base=url_for("crm.home", _external=True).rstrip("/") + "/api/v1",
        document=url_for("crm.api_get_openapi"),
    )


def _grant() -> Grant:
    courses = [one.strip() for one in request.form.get("scope", "").replace("\n", ",").split(",")]
    scope = [one for one in courses if one] or None
    rights = request.form.getlist("permission")
    return Grant(request.form.get("name", "").strip(), rights, scope, _end(request.form.get("expires", "")))


def _end(text: str) -> datetime | None:
    """Return the end of a day, in the reader's zone; None without one."""
    if not text.strip():
        return None
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").date()
    except ValueError:
        reason = Clause("expected a day such as 2026-01-31")
        raise BadInput("input.bad", "expires_at", reason=reason) from None
    return datetime.combine(day + timedelta(days=1), time.min, zone())
