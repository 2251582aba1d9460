"""The SMS templates: the list, the page of one, and its way to approval."""

from collections.abc import Sequence
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.channels.base import SmsText
from crm_plugin.channels.carrier_capabilities import link_mode_of
from crm_plugin.channels.sms.template_states import APPROVED, STATES
from crm_plugin.channels.sms.templates import listed, versions
from crm_plugin.channels.sms_templates import approval, editing, preview
from crm_plugin.kernel.errors import BadInput, CrmError
from crm_plugin.kernel.i18n import Text, locales
from crm_plugin.links import shared_links
from crm_plugin.links.service import signer
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.formatting import language_name, unit_price
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, locale, say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

LINKS = {
    "per_recipient": Text("Each person gets their own short link: the report shows who clicked."),
    "per_campaign": Text("Everybody gets the same short link: clicks are counted, but not who clicked."),
    "fixed": Text(
        "Your carrier allows no links in blanks. The approved text may contain one short link, the same "
        "for everybody. Clicks are counted, but not who clicked."
    ),
    "none": Text("Your carrier allows no web addresses in SMS: nobody can click, and nothing is counted."),
}
"""What a way of linking means and costs."""


@ROUTES.page("/sms-templates")
def sms_templates() -> ResponseReturnValue:
    """Show the templates of one language."""
    language = request.args.get("language", locale())
    state, away = request.args.get("state", ""), bool(request.args.get("archived"))
    with crm().db.read() as session:
        found = listed(session, carrier=crm().settings.sms_carrier, archived=away)
    spoken = [one for one in found if one.locale.split("-")[0].split("_")[0] == language]
    return render(
        "sms/list.html",
        title=say("SMS templates"),
        active="templates",
        rows=_rows([one for one in spoken if state in ("", one.state)]),
        counts=[(name, sum(one.state == name for one in spoken)) for name in STATES],
        language=language,
        languages=[(name, language_name(name)) for name in locales()],
        state=state,
        away=away,
        carrier=crm().settings.sms_carrier,
    )


def _rows(templates: Sequence[SmsText]) -> list[dict[str, Any]]:
    segments = preview.segments(crm(), templates)
    return [{"template": one, "length": len(one.text), "segments": segments[one.key]} for one in templates]


@ROUTES.page("/sms-templates/<key>")
def sms_template(key: str) -> ResponseReturnValue:
    """Show one template: its text, its state, what it costs, who uses it."""
    carrier = crm().settings.sms_carrier
    with crm().db.read() as session:
        every = versions(session, key, carrier)
        if not every:
            raise editing.missing(key)
        users = editing.users_of(crm(), session, actor(), key, ended=True)
    rules = approval.rules_of(crm())
    newest, whole = every[0], actor().scope is None
    return render(
        "sms/page.html",
        title=newest.name or key,
        active="templates",
        sms=newest,
        versions=every,
        force=next((one for one in every if one.state == APPROVED), None),
        users=[one for one in users if one is not None],
        hidden=list(users).count(None),
        changeable=actor().may("crm.edit") and (whole or all(editing.is_open(one) for one in every)),
        signs=actor().may("crm.admin") and whole,
        carrier=carrier,
        has_review=approval.text_review_of(crm()) is not None,
        needs_code=rules.needs_template,
        code=newest.carrier_codes.get(carrier, ""),
        trouble=trouble(newest.reason),
        shared=_shared(newest),
        **shown(newest),
    )


def shown(template: SmsText) -> dict[str, Any]:
    """Return what the preview shows of a template, whole or half-written."""
    rules = approval.rules_of(crm())
    mode = link_mode_of(crm().settings, rules)
    links = LINKS["fixed" if mode == "per_campaign" and rules.needs_template else mode]
    try:
        look = preview.look(crm(), template)
    except BadInput as error:
        return {"look": None, "problems": [{"text": explain(error), "severe": True}], "links": links}
    spoken = [BadInput(one.code, "", **one.params) for one in look.problems]
    lines = [
        {"text": explain(error), "severe": one.severe}
        for one, error in zip(look.problems, spoken, strict=True)
    ]
    return {"look": look, "problems": lines, "links": links, "prices": _prices(look)}


def _prices(look: preview.Look) -> list[str]:
    """Return what a message costs, and at worst where that is more; a segment may cost a part of a cent."""
    price = look.price
    if price is None:
        return []
    counts = sorted({look.length.segments, look.worst.segments})
    return [unit_price(price.amount * count, price.currency) for count in counts]


def trouble(reason: str | None) -> str:
    """Return why a carrier took or approved nothing: our words for its code, or its own words."""
    kind, _, code = (reason or "").partition(":")
    said = word("sms_trouble", kind)
    if not reason or said == kind:
        return reason or ""
    return f"{said} ({code})" if code else said


def _shared(template: SmsText) -> dict[str, Any] | None:
    """Return what is counted on the short links that stand in the text itself."""
    if "/r/" not in template.text:
        return None
    links = shared_links.shared_in(crm().settings, signer(crm()), template.text)
    with crm().db.read() as session:
        targets = shared_links.targets_of_shared(session, links)
        hits = shared_links.shared_hits(session, links)
    return {"targets": targets, "hits": hits} if targets else None


def _back(key: str) -> ResponseReturnValue:
    return redirect(url_for("crm.sms_template", key=key))


@ROUTES.page("/sms-templates/<key>/submit", "crm.edit", post=True)
def sms_template_submit(key: str) -> ResponseReturnValue:
    """Hand a template to the carrier."""
    try:
        refused = approval.submit(crm(), actor(), key, request.form.get("remark", ""))
    except CrmError as error:
        tell(explain(error), "bad")
    else:
        if refused is None:
            tell(say("Submitted. The carrier's answer will appear here."), "good")
        else:
            tell(say("The carrier did not accept it: %(reason)s", reason=trouble(refused)), "bad")
    return _back(key)


@ROUTES.page("/sms-templates/<key>/ask", "crm.edit", post=True)
def sms_template_ask(key: str) -> ResponseReturnValue:
    """Ask the carrier now instead of waiting for a worker to."""
    asked = approval.ask(crm(), key)
    if asked.trouble:
        tell(say("The carrier did not answer: %(reason)s", reason=trouble(asked.trouble)), "bad")
    else:
        decided = say("The carrier has answered."), say("The carrier has not decided yet.")
        tell(decided[0 if asked.known else 1], "note")
    return _back(key)


@ROUTES.page("/sms-templates/<key>/sign-off", "crm.admin", post=True)
def sms_template_sign_off(key: str) -> ResponseReturnValue:
    """Approve a template by hand."""
    try:
        approval.sign_off(crm(), actor(), key, request.form.get("code", ""))
    except CrmError as error:
        tell(explain(error), "bad")
    else:
        tell(say("Approved: campaigns may send it."), "good")
    return _back(key)


@ROUTES.page("/sms-templates/<key>/take-back", "crm.edit", post=True)
def sms_template_take_back(key: str) -> ResponseReturnValue:
    """Make a template a draft again."""
    try:
        approval.take_back(crm(), actor(), key)
    except CrmError as error:
        tell(explain(error), "bad")
    else:
        tell(say("It is a draft again: campaigns no longer use it."), "good")
    return _back(key)


@ROUTES.page("/sms-templates/<key>/archive", "crm.edit", post=True)
def sms_template_archive(key: str) -> ResponseReturnValue:
    """Put a template away, or offer it again."""
    away = bool(request.form.get("away"))
    try:
        editing.put_away(crm(), actor(), key, away)
    except CrmError as error:
        tell(explain(error), "bad")
    else:
        tell(say("Archived: it is no longer offered.") if away else say("Restored."), "good")
    return _back(key)


@ROUTES.page("/sms-templates/<key>/delete", "crm.edit", post=True)
def sms_template_delete(key: str) -> ResponseReturnValue:
    """Delete a template that nothing has used."""
    try:
        editing.delete(crm(), actor(), key)
    except CrmError as error:
        tell(explain(error), "bad")
        return _back(key)
    tell(say("Deleted."), "good")
    return redirect(url_for("crm.sms_templates"))


def chosen(key: str) -> SmsText:
    """Return the version of a template that an editor begins with: the newest.

    :raises NotFound: ``object.missing``.
    """
    with crm().db.read() as session:
        return approval.newest(crm(), session, key)
