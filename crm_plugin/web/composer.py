"""The composer: four steps over one draft, saved at each; the last one checks, tests and launches."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import desk
from crm_plugin.campaigns.ledger import REASONS
from crm_plugin.campaigns.preview import Preview, preview
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.channels.base import Problem
from crm_plugin.channels.content import VARIABLES
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.channels.sms import templates as sms
from crm_plugin.channels.sms.segments import measure
from crm_plugin.kernel.errors import BadInput, Conflict
from crm_plugin.web import present, searches
from crm_plugin.web.campaigns import find
from crm_plugin.web.composer_form import content_of, policy_of
from crm_plugin.web.guard import actor, crm, page
from crm_plugin.web.i18n import explain, mark, say
from crm_plugin.web.view import fragment, render
from crm_plugin.web.words import word

STEPS = (
    ("audience", mark("Audience and channel")),
    ("content", mark("Content and link")),
    ("policy", mark("Rules and time")),
    ("check", mark("Check and launch")),
)
_NOTES = {
    "sms": mark("An approved text to the telephone."),
    "email": mark("HTML and plain text, with an opt-out link."),
    "message": mark("A message in the school's own inbox."),
}
HTML_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""Policy of a shown e-mail: it runs nothing and fetches nothing."""


def draft_of(ident: int) -> CampaignRow:
    """Return a draft of the actor's.

    :raises Conflict: ``campaign.bad_state`` once it was launched.
    """
    row = find(ident)
    if row.state != "draft":
        raise Conflict("campaign.bad_state", state=word("campaign", row.state), verb=say("changed"))
    return row


def _step(step: str, draft: CampaignRow, problem: str = "", **context: Any) -> Response:
    position = [name for name, _ in STEPS].index(step)
    return render(
        f"campaigns/{step}.html",
        title=draft.name,
        active="campaigns",
        status=400 if problem else 200,
        draft=draft,
        steps=STEPS,
        step=step,
        position=position,
        problem=problem,
        **context,
    )


def _save(ident: int, changes: Mapping[str, Any], following: str) -> ResponseReturnValue:
    """Write a draft with some keys changed (None removes one) and go to a step."""
    document = {**draft_of(ident).document(), **changes}
    document = {key: value for key, value in document.items() if value is not None}
    desk.update(crm(), actor(), ident, document)
    return redirect(url_for(f"crm.compose_{following}", ident=ident))


@page("/campaigns/<int:ident>/audience", "crm.send")
def compose_audience(ident: int) -> ResponseReturnValue:
    """Show the first step: name, audience, channel, purpose."""
    return _audience(draft_of(ident))


def _audience(draft: CampaignRow, problem: str = "") -> Response:
    return _step(
        "audience",
        draft,
        problem,
        channels=[(name, _NOTES.get(name, "")) for name in CHANNELS],
        saved=searches.saved(),
        chosen_query=_only_query(draft.audience),
        sentence=searches.sentence(draft.audience),
        counted=None,
        edit_href=searches.address(draft.audience),
    )


def _only_query(tree: Mapping[str, Any]) -> int | None:
    rules = tree.get("rules", [])
    if len(rules) == 1 and rules[0].get("field") == "segment" and rules[0].get("operator") == "=":
        return int(rules[0]["value"])
    return None


@page("/campaigns/<int:ident>/audience/save", "crm.send", post=True)
def compose_audience_save(ident: int) -> ResponseReturnValue:
    """Save the first step."""
    form = request.form
    changes: dict[str, Any] = {name: form.get(name, "") for name in ("name", "channel", "purpose")}
    draft = draft_of(ident)
    if form.get("source") == "query" and form.get("query", "").isdigit():
        rule = {"field": "segment", "operator": "=", "value": int(form["query"])}
        changes["audience"] = {"combinator": "and", "rules": [rule]}
    if changes["channel"] != draft.channel:
        # A text for one channel is none for another: only the link is kept.
        changes |= dict.fromkeys(("template", "subject", "html", "text", "variables"))
    try:
        return _save(ident, changes, "content")
    except BadInput as error:
        return _audience(draft, explain(error))


@page("/campaigns/<int:ident>/content", "crm.send")
def compose_content(ident: int) -> ResponseReturnValue:
    """Show the second step: text and link, with a preview."""
    draft = draft_of(ident)
    return _content(draft, draft.content)


def _content(draft: CampaignRow, content: dict[str, Any], problem: str = "") -> Response:
    with crm().db.read() as session:
        templates = sms.listed(session, draft.purpose) if draft.channel == "sms" else []
    blank = dict.fromkeys(("template", "subject", "html", "text", "link"), "")
    content = {**blank, "variables": {}, **content}
    return _step(
        "content",
        draft,
        problem,
        content=content,
        templates=templates,
        needed=_needed(draft, content),
        variables=VARIABLES,
        oob=False,
        **_shown(draft.id, content),
    )


def _needed(draft: CampaignRow, content: Mapping[str, Any]) -> list[str]:
    """Return the variables that are the same for everybody: titles, and the campaign's own."""
    titles = ["course_title", "class_title"]
    if draft.channel == "sms":
        with crm().db.read() as session:
            template = sms.find(session, str(content.get("template", "")))
        names = sms.placeholders(template.text) if template else []
        return [name for name in names if name in titles or name not in VARIABLES]
    written = " ".join(str(content.get(key, "")) for key in ("subject", "html", "text"))
    own = [name for name in content.get("variables", {}) if name not in titles]
    return [name for name in titles if name in written] + own


def _shown(ident: int, content: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the preview shows of a content."""
    if content is not None and not any(content.get(key) for key in ("template", "subject", "html", "text")):
        return {"preview": None, "problems": [], "size": None}
    found = preview(crm(), ident, content)
    message = found.message
    text = None
    if message is not None:
        text = {
            "person": found.person,
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
        }
    return {"preview": text, "problems": [_spoken(one) for one in found.problems], "size": _size(found)}


def _size(found: Preview) -> dict[str, Any] | None:
    if found.message is None or found.message.channel != "sms":
        return None
    length = measure(found.message.text)
    return {"encoding": length.encoding, "length": len(found.message.text), "segments": length.segments}


def _spoken(problem: Problem) -> dict[str, Any]:
    params = problem.params
    if problem.code == "campaign.single_excluded":
        params = {"reason": word("reason", params["reason"])}
    error = BadInput(problem.code, problem.place, **params)
    return {"text": explain(error), "severe": problem.severe}


@page("/campaigns/<int:ident>/content/save", "crm.send", post=True)
def compose_content_save(ident: int) -> ResponseReturnValue:
    """Save the second step; a template's own words are asked for before going on."""
    draft = draft_of(ident)
    content = content_of(request.form)
    empty = dict.fromkeys(("template", "subject", "html", "text", "variables", "link"))
    stay = bool(request.form.get("stay")) or _asks_anew(_needed(draft, content))
    try:
        return _save(ident, {**empty, **content}, "content" if stay else "policy")
    except BadInput as error:
        return _content(draft, content, explain(error))


def _asks_anew(needed: list[str]) -> bool:
    """Tell whether the form did not yet ask for all words that the text needs."""
    return any(f"var:{name}" not in request.form for name in needed)


@page("/campaigns/<int:ident>/preview", "crm.send", post=True)
def compose_preview(ident: int) -> ResponseReturnValue:
    """Render what is being written."""
    draft = draft_of(ident)
    content = content_of(request.form)
    shown = _shown(ident, content)
    if shown["preview"] and shown["preview"]["html"]:
        # The frame shows what is saved: while somebody types, the text stands in its place.
        shown["preview"] = {**shown["preview"], "html": None}
    answer = fragment("campaigns/preview.html", draft=draft, **shown)
    needed = _needed(draft, content)
    asked = [name.removeprefix("var:") for name in request.form if name.startswith("var:")]
    if needed == asked:
        return answer
    content = {"variables": {}, **content}
    return answer + fragment("campaigns/needed.html", needed=needed, content=content, oob=True)


@page("/campaigns/<int:ident>/html", "crm.send")
def compose_html(ident: int) -> ResponseReturnValue:
    """Show the saved HTML of a draft alone, for a sandboxed frame."""
    message = preview(crm(), draft_of(ident).id).message
    return framed_mail(message.html if message and message.html else "")


def framed_mail(html: str) -> Response:
    """Return an e-mail's HTML under a policy that lets it neither run nor fetch anything."""
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = HTML_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


@page("/campaigns/<int:ident>/policy", "crm.send")
def compose_policy(ident: int) -> ResponseReturnValue:
    """Show the third step: whom to spare, when to send."""
    draft = draft_of(ident)
    return _policy(draft, draft.policy, draft.holdout)


def _policy(draft: CampaignRow, policy: dict[str, Any], holdout: float, problem: str = "") -> Response:
    expires = policy.get("expires_at")
    shown = {key: policy.get(key) for key in ("leave_out_days", "cap", "quiet_hours", "rate")}
    return _step(
        "policy",
        draft,
        problem,
        policy=shown,
        holdout=f"{holdout * 100:g}" if holdout else "",
        expires_at=datetime.fromisoformat(expires) if expires else None,
    )


@page("/campaigns/<int:ident>/policy/save", "crm.send", post=True)
def compose_policy_save(ident: int) -> ResponseReturnValue:
    """Save the third step."""
    draft = draft_of(ident)
    try:
        return _save(ident, policy_of(request.form, draft.policy, present.zone()), "check")
    except BadInput as error:
        return _policy(draft, draft.policy, draft.holdout, explain(error))


@page("/campaigns/<int:ident>/check", "crm.send")
def compose_check(ident: int) -> ResponseReturnValue:
    """Show the last step: pre-flight, preview, test send, launch."""
    draft = draft_of(ident)
    found = desk.preflight(crm(), actor(), ident)
    reached = found.reach.reached
    return _step(
        "check",
        draft,
        errors=[_spoken(one)["text"] for one in found.errors],
        warnings=[_spoken(one)["text"] for one in found.warnings],
        reach=[
            (say("Match the audience"), found.reach.considered),
            *(
                (word("reason", one), found.reach.excluded[one])
                for one in REASONS
                if one in found.reach.excluded
            ),
            (say("Will be reached"), reached),
        ],
        will_reach=reached,
        must_type=reached > crm().settings.confirm_above,
        **_shown(ident, None),
    )
