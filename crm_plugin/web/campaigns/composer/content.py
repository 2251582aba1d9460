"""The second step: text, the course whose name fills in, the link; beside it, how one person would get it."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns.composing.preview import EXAMPLE_CODE, Preview, preview
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.channels.content import VARIABLES
from crm_plugin.channels.service import is_mainland
from crm_plugin.channels.sms import templates as sms
from crm_plugin.channels.sms.message_parts import measure
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.links.service import short_url
from crm_plugin.web.campaigns.composer import variables
from crm_plugin.web.campaigns.composer.form import CONTENT, content_of
from crm_plugin.web.campaigns.composer.steps import answer, draft_of, onward, save, show, spoken
from crm_plugin.web.segments.pickers import course_named, person_named
from crm_plugin.web.shell.guard import Routes, actor, crm, is_htmx
from crm_plugin.web.shell.rendering import fragment, framed_mail

ROUTES = Routes()

PIECES = (
    ("heading", Text("Heading")),
    ("paragraph", Text("Paragraph")),
    ("bold", Text("Bold")),
    ("list", Text("List")),
    ("link", Text("Link")),
    ("button", Text("Button")),
)
"""What the buttons above the HTML put in; ``assets/composer.js`` has the HTML of each."""


@ROUTES.page("/campaigns/<int:ident>/content", "crm.send")
def compose_content(ident: int) -> ResponseReturnValue:
    """Show the second step."""
    draft = draft_of(ident)
    return _page(draft, draft.content)


def _page(draft: CampaignRow, content: Mapping[str, Any], problem: CrmError | None = None) -> Response:
    blank = dict.fromkeys(CONTENT, "")
    content = {**blank, "variables": {}, **content}
    return show(
        "content",
        draft,
        problem,
        content=content,
        templates=_templates(draft),
        variables=[*VARIABLES, *variables.own_words(content)],
        pieces=PIECES,
        new={key: request.form.get(f"new_{key}", "") if problem else "" for key in ("name", "from", "value")},
        **variables.shown(draft, content, oob=False),
        **_places(content),
        **_shown(draft, content),
    )


def _templates(draft: CampaignRow) -> list[Any]:
    if draft.channel != "sms":
        return []
    with crm().db.read() as session:
        return sms.listed(session, draft.purpose, crm().settings.sms_carrier)


def _places(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the fields about course and link show."""
    pages = {what: _page_of(what, str(content.get(what) or "")) for what in ("course", "class")}
    link = content.get("link") or ""
    chosen = next((what for what, address in pages.items() if address and address == link), "url")
    asked = request.form.get("link_to", chosen)
    return {
        "named": {what: course_named(content[what]) for what in pages if content.get(what)},
        "pages": pages,
        "link_to": asked if asked in pages and not link else chosen,
        "short": short_url(crm().settings, EXAMPLE_CODE) if link else "",
    }


def _page_of(what: str, host_id: str) -> str:
    """Return the school's page of a course or a class; empty when it has none."""
    return (crm().host.url(what, host_id) if host_id else None) or ""


def _shown(draft: CampaignRow, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the preview shows of a content."""
    if not is_written(content):
        return shown_preview(None)
    return shown_preview(preview(crm(), actor(), draft.id, content, person_asked()))


def is_written(content: Mapping[str, Any]) -> bool:
    """Return whether there is a text to preview."""
    return any(content.get(key) for key in ("template", "subject", "html", "text"))


def person_asked() -> str | None:
    """Return whose data the preview is to be filled in with, as the request names them."""
    return request.values.get("as") or None


def shown_preview(found: Preview | None) -> dict[str, Any]:
    """Return what a page shows of a preview; None = nothing is written yet."""
    person = person_asked()
    shown: dict[str, Any] = {
        "preview": None,
        "problems": [],
        "size": None,
        "as_person": person_named(person) if person else None,
    }
    if found is None:
        return shown
    if found.message is not None:
        message = found.message
        told = {"subject": message.subject, "text": message.text, "html": bool(message.html)}
        shown["preview"] = {"person": found.person, **told}
    return {**shown, "problems": [spoken(one) for one in found.problems], "size": _size(found)}


def _size(found: Preview) -> dict[str, Any] | None:
    if found.message is None or found.message.channel != "sms":
        return None
    length = measure(found.message.text, is_mainland(crm()))
    return {"encoding": length.encoding, "length": len(found.message.text), "segments": length.segments}


@ROUTES.page("/campaigns/<int:ident>/content/save", "crm.send", post=True)
def compose_content_save(ident: int) -> ResponseReturnValue:
    """Save the second step; a template's own words are asked for before going on."""
    draft, problem = draft_of(ident), None
    content = content_of(request.form, draft.content, _page_of)
    try:
        if not is_htmx():  # while one types, a name is not whole yet
            content = variables.with_new(content, request.form)
        draft = save(draft, {**dict.fromkeys((*CONTENT, *variables.KEYS)), **content})
        content = draft.content
    except CrmError as error:
        problem = error
    if is_htmx():
        return answer(draft, problem, _pieces(draft, content))
    if problem:
        return _page(draft, content, problem)
    stay = bool(request.form.get("stay")) or _asks_anew(draft, content)
    return onward(ident, "content" if stay else "policy")


def _pieces(draft: CampaignRow, content: Mapping[str, Any]) -> str:
    """Return the preview, and the fields that what is written now asks for beyond those on the page."""
    filled = {**dict.fromkeys(CONTENT, ""), "variables": {}, **content}
    made = fragment("campaigns/composer/preview.html", draft=draft, oob=True, **_shown(draft, content))
    made += fragment("campaigns/composer/link_hint.html", oob=True, content=filled, **_places(filled))
    if _asks_anew(draft, content):
        made += fragment("campaigns/composer/variables.html", **variables.shown(draft, filled, oob=True))
    return made


def _asks_anew(draft: CampaignRow, content: Mapping[str, Any]) -> bool:
    """Return whether the form did not yet ask for all words that the text needs."""
    return any(f"var:{word.name}" not in request.form for word in variables.words_of(draft, content))


@ROUTES.page("/campaigns/<int:ident>/html", "crm.send")
def compose_html(ident: int) -> ResponseReturnValue:
    """Show the saved HTML of a draft alone, as one person would get it, for a sandboxed frame."""
    draft = draft_of(ident)
    message = preview(crm(), actor(), draft.id, None, person_asked()).message
    return framed_mail(message.html if message and message.html else "")
