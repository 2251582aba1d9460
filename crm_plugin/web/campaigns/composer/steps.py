"""The composer: four steps over one draft, saved while one writes, and checked against a second writer."""

from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.drafts import Form
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.channels.base import Problem
from crm_plugin.kernel.errors import BadInput, Clause, Conflict, CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.storable import whole
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import fragment, render

ROUTES = Routes()

STEPS = (
    ("audience", Text("Audience and channel")),
    ("content", Text("Content and link")),
    ("policy", Text("Rules and time")),
    ("check", Text("Check and send")),
)


def draft_of(ident: int) -> CampaignRow:
    """Return a draft that the actor may write.

    :raises Conflict: ``campaign.bad_state`` once it was launched.
    """
    return drafted(access.get(crm(), actor(), ident))


def drafted(row: CampaignRow) -> CampaignRow:
    """Return a campaign that is still a draft.

    :raises Conflict: ``campaign.bad_state`` once it was launched.
    """
    if row.state != "draft":
        raise Conflict("campaign.bad_state", state=row.state, verb=Clause("changed"))
    return row


def show(step: str, draft: CampaignRow, problem: CrmError | None = None, **context: Any) -> Response:
    """Return the page of a step.

    :param problem: why what was posted was not saved; the page shows it as it was typed.
    """
    return render(
        f"campaigns/composer/{step}.html",
        title=draft.name,
        active="campaigns",
        status=200 if problem is None else 409 if isinstance(problem, Conflict) else 400,
        draft=draft,
        steps=STEPS,
        step=step,
        position=[name for name, _ in STEPS].index(step),
        problem=explain(problem) if problem else "",
        **kept(draft, problem),
        **context,
    )


def kept(draft: CampaignRow, problem: CrmError | None = None) -> dict[str, Any]:
    """Return what the line "saved at" of a form shows, and the revision that the form is of."""
    changed = isinstance(problem, Conflict)
    form = _form()
    return {
        "seen": form.seen if form and problem else draft.revision,
        "writer": form.writer if form else token_hex(8),
        "saved_at": draft.updated_at,
        "unsaved": explain(problem) if problem else "",
        "changed": changed,
    }


def save(draft: CampaignRow, changes: Mapping[str, Any]) -> CampaignRow:
    """Write a draft with some keys changed (None removes one); return it as it is then.

    :raises Conflict: ``campaign.changed`` when the form was of an older revision, and nobody said that it
        is to be saved all the same.
    """
    document = {**draft.document(), **changes}
    document = {key: value for key, value in document.items() if value is not None}
    drafts.update(crm(), actor(), draft.id, document, None if request.form.get("over") else _form())
    return access.get(crm(), actor(), draft.id)


def _form() -> Form | None:
    """Return which form was posted; None for one without a revision, such as a program's."""
    seen = request.form.get("seen", type=whole)
    return None if seen is None else Form(seen, request.form.get("writer", "")[:64])


def answer(draft: CampaignRow, problem: CrmError | None = None, pieces: str = "") -> str:
    """Return what htmx puts in after saving by itself: the line "saved at", and pieces of the step."""
    return fragment("campaigns/composer/autosave.html", **kept(draft, problem)) + pieces


def onward(ident: int, step: str) -> ResponseReturnValue:
    """Go to a step; a form that says ``stay`` stays where it is."""
    return redirect(url_for(f"crm.compose_{step}", ident=ident))


def spoken(problem: Problem) -> dict[str, Any]:
    """Return a problem as a line, with whether it stands in the way."""
    return {"text": explain(BadInput(problem.code, "", **problem.params)), "severe": problem.severe}


@ROUTES.page("/campaigns/<int:ident>/copy", "crm.send", post=True)
def campaign_copy(ident: int) -> ResponseReturnValue:
    """Begin a draft that is like an earlier campaign."""
    name = say("Copy of %(name)s", name=access.get(crm(), actor(), ident).name)[:191]
    copied = drafts.copy(crm(), actor(), ident, name)
    tell(say("This is a copy. Nothing was sent yet."), "good")
    return onward(copied, "audience")


@ROUTES.page("/campaigns/<int:ident>/discard", "crm.send", post=True)
def campaign_discard(ident: int) -> ResponseReturnValue:
    """Delete a draft; the list of campaigns offers to take it back."""
    drafts.remove(crm(), actor(), ident)
    tell(say("The draft is deleted. You can restore it below the list for 30 days."), "good")
    return redirect(url_for("crm.campaigns"))


@ROUTES.page("/campaigns/<int:ident>/restore", "crm.send", post=True)
def campaign_restore(ident: int) -> ResponseReturnValue:
    """Take a deleted draft back."""
    drafts.restore(crm(), actor(), ident)
    tell(say("The draft is back."), "good")
    return onward(ident, "audience")
