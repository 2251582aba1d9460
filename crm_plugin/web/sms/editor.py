"""The editor of an SMS template: text with placeholders on one side, how it looks and costs on the other.

Without the bundle every button posts the form and the page comes back with what was written; with it the
preview follows the typing.
"""

from dataclasses import replace
from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.channels.base import PURPOSES, SmsText
from crm_plugin.channels.carrier_capabilities import link_mode_of
from crm_plugin.channels.sms.channel import TAIL
from crm_plugin.channels.sms.template_states import DRAFT
from crm_plugin.channels.sms.templates import declared
from crm_plugin.channels.sms_templates import approval, editing
from crm_plugin.channels.sms_templates.editing import Written
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.i18n import Text, choose, locales
from crm_plugin.links import shared_links
from crm_plugin.links.service import signer
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, locale, say
from crm_plugin.web.shell.rendering import fragment, render
from crm_plugin.web.sms.templates import chosen, shown

ROUTES = Routes()

PIECES = (
    ("course_title", Text("Course name")),
    ("class_title", Text("Class name")),
    ("display_name", Text("Display name")),
    ("real_name", Text("Real name")),
    ("link", Text("Link")),
)
"""The placeholders that fill themselves in, on buttons."""
_EXAMPLE = "ex:"


def _written() -> Written:
    form = request.form
    examples = {name.removeprefix(_EXAMPLE): form[name] for name in form if name.startswith(_EXAMPLE)}
    names = ("name", "locale", "purpose", "text", "signature")
    return Written(**{name: form.get(name, "") for name in names}, examples=examples)


def _as_text(written: Written) -> SmsText:
    """Return what was written for the preview, however unfinished."""
    text = written.text.replace("\r\n", "\n").strip()
    return SmsText(
        "",
        text,
        written.purpose if written.purpose in PURPOSES else PURPOSES[0],
        DRAFT,
        choose(written.locale),
        name=written.name,
        signature=written.signature.strip()[: editing.LONGEST_SIGNATURE],
        examples={name: value.strip() for name, value in written.examples.items() if value.strip()},
    )


def _editor(key: str, written: Written, problem: str = "") -> Response:
    base = chosen(key) if key else None
    return render(
        "sms/edit.html",
        title=say("Edit template") if key else say("New template"),
        active="templates",
        status=400 if problem else 200,
        key=key,
        problem=problem,
        written=written,
        next_version=base is not None and not editing.is_open(base),
        locales=locales(),
        purposes=PURPOSES,
        pieces=[piece for piece in PIECES if piece[0] != "link" or not _is_fixed()],
        tails={name: TAIL.of(name) for name in locales()},
        own_link=_is_fixed(),
        target=request.form.get("target", ""),
        **_beside(written),
    )


def _is_fixed() -> bool:
    """Return whether the carrier takes links in the approved text only, the same for everybody."""
    rules = approval.rules_of(crm())
    return rules.needs_template and link_mode_of(crm().settings, rules) == "per_campaign"


def _beside(written: Written) -> dict[str, Any]:
    """Return what follows the typing: the preview, and a field for each variable of one's own."""
    template = _as_text(written)
    facts = shown(template) if template.text else {"look": None, "problems": [], "links": ""}
    needed = [(name, written.examples.get(name, "")) for name in declared(template.text)]
    return {**facts, "needed": needed, "sms": template, "oob": False}


@ROUTES.page("/sms-templates/new", "crm.edit")
def sms_template_new() -> ResponseReturnValue:
    """Show an empty editor, or one with the text of another template."""
    source = request.args.get("from", "")
    if not source:
        return _editor("", Written(locale=locale()))
    found = chosen(source)
    names = ("locale", "purpose", "text", "signature", "examples")
    return _editor("", Written(say("Copy of %(name)s", name=found.name), *(getattr(found, n) for n in names)))


@ROUTES.page("/sms-templates/<key>/edit", "crm.edit")
def sms_template_edit(key: str) -> ResponseReturnValue:
    """Show the editor of a template."""
    found = chosen(key)
    names = ("name", "locale", "purpose", "text", "signature", "examples")
    return _editor(key, Written(*(getattr(found, name) for name in names)))


@ROUTES.page("/sms-templates/new/save", "crm.edit", post=True)
def sms_template_create() -> ResponseReturnValue:
    """Keep a new template."""
    return _save("")


@ROUTES.page("/sms-templates/<key>/save", "crm.edit", post=True)
def sms_template_save(key: str) -> ResponseReturnValue:
    """Keep a template that was changed."""
    return _save(key)


def _save(key: str) -> ResponseReturnValue:
    written, button = _written(), request.form.get("do", "save")
    try:
        if button.startswith("put:"):
            return _editor(key, _with(written, f"{{{{ {button.removeprefix('put:')} }}}}"))
        if button == "link":
            return _editor(key, _with(written, _short_link(request.form.get("target", "").strip())))
        if button == "preview":
            return _editor(key, written)
        if key:
            editing.change(crm(), actor(), key, written)
        else:
            key = editing.create(crm(), actor(), written)
    except CrmError as error:
        return _editor(key, written, explain(error))
    tell(say("Saved."), "good")
    return redirect(url_for("crm.sms_template", key=key))


def _with(written: Written, piece: str) -> Written:
    """Put a piece at the end of a text, with a blank before it where letters would run together."""
    text = written.text
    gap = " " if text and text[-1].isascii() and not text[-1].isspace() else ""
    return replace(written, text=f"{text}{gap}{piece}")


def _short_link(target: str) -> str:
    """Make the short link that stands in the text itself, the same for everybody."""
    sign = signer(crm())
    return crm().db.run(
        lambda session: shared_links.make_shared(session, crm().settings, sign, target, crm().clock())
    )


@ROUTES.page("/sms-templates/preview", "crm.edit", post=True)
def sms_template_preview() -> ResponseReturnValue:
    """Render what is being written; new variables get a field for their example."""
    beside = _beside(_written())
    answer = fragment("sms/preview.html", **beside)
    asked = [name.removeprefix(_EXAMPLE) for name in request.form if name.startswith(_EXAMPLE)]
    if [name for name, _ in beside["needed"]] == asked:
        return answer
    return answer + fragment("sms/examples.html", **{**beside, "oob": True})
