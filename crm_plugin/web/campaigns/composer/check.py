"""The last step: check, preview, test send, launch."""

from datetime import datetime
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.campaigns import access, service
from crm_plugin.campaigns.composing.check import check
from crm_plugin.campaigns.composing.preflight import Preflight, preflight
from crm_plugin.campaigns.composing.repeating import NOBODY
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.document.personalisation import leaves_out
from crm_plugin.campaigns.policy.rules import KEYS, LACKING
from crm_plugin.campaigns.queries import CampaignRow, row_of
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.errors import CrmError
from crm_plugin.links import draft_link_check
from crm_plugin.web.campaigns.composer import repeat_form
from crm_plugin.web.campaigns.composer.content import is_written, person_asked, shown_preview
from crm_plugin.web.campaigns.composer.policy import zone_of
from crm_plugin.web.campaigns.composer.steps import draft_of, drafted, save, show, spoken
from crm_plugin.web.campaigns.page import topic_name
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import fragment
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()


@ROUTES.page("/campaigns/<int:ident>/check", "crm.send")
def compose_check(ident: int) -> ResponseReturnValue:
    """Show the last step."""
    return page(ident)


def page(ident: int, problem: CrmError | None = None) -> ResponseReturnValue:
    """Return the page of the last step.

    :param problem: why it does not repeat: the form shows what was typed.
    """
    checked = check(crm(), actor(), ident, person_asked())
    draft, found = checked.draft, checked.found
    _ask_about_links(found)
    reached = found.reach.reached
    return show(
        "check",
        draft,
        problem,
        reach=_reach(found),
        topic=topic_name(draft),
        will_reach=reached,
        as_of=found.as_of,
        must_type=reached > crm().settings.confirm_above,
        starts=formatting.in_zone(draft.planned_at, zone_of(draft)) if draft.planned_at else "",
        **_found(draft, found),
        **repeat_form.shown(draft, problem),
        repeat_blocked=any(one.code != NOBODY for one in found.errors),
        **shown_preview(checked.preview if is_written(draft.content) else None),
    )


def _ask_about_links(found: Preflight) -> None:
    """Let a worker look at links that nobody looked at yet."""
    if found.unseen:
        draft_link_check.ask(crm(), found.unseen)


def _found(draft: CampaignRow, found: Preflight) -> dict[str, Any]:
    return {
        "left_out": leaves_out(draft.content),
        "leave": LACKING[1],
        "errors": [spoken(one)["text"] for one in found.errors],
        "warnings": [spoken(one)["text"] for one in found.warnings],
        "unseen": len(found.unseen),
        "cost": found.cost,
        "missing": list(found.missing.items()),
        "data_as_of": found.data_as_of,
        "takes": formatting.seconds(found.seconds) if found.seconds else "",
    }


def _reach(found: Preflight) -> list[tuple[str, int]]:
    excluded = found.reach.excluded
    lost = [(word("reason", one), excluded[one]) for one in KEYS if one in excluded]
    considered, reached = found.reach.considered, found.reach.reached
    return [(say("In the audience"), considered), *lost, (say("Will get it"), reached)]


@ROUTES.page("/campaigns/<int:ident>/check/found", "crm.send")
def compose_found(ident: int) -> ResponseReturnValue:
    """Return what the pre-flight says now: the page asks while links are looked at."""
    with crm().db.read() as session:
        campaign = access.one(session, actor(), ident, "crm.send")
        draft, found = drafted(row_of(campaign)), preflight(crm(), session, campaign)
    _ask_about_links(found)
    return fragment("campaigns/composer/preflight.html", draft=draft, **_found(draft, found))


@ROUTES.page("/campaigns/<int:ident>/lacking", "crm.send", post=True)
def compose_lacking(ident: int) -> ResponseReturnValue:
    """Decide about people who lack a word: left out, written to with another text, or in the way again."""
    draft = draft_of(ident)
    decision, texts = request.form.get("do", ""), _fallbacks()
    if decision == "fallback" and not texts:
        tell(say("Write the text for people without a value."), "bad")
    else:
        known = draft.content.get("fallbacks", {})
        changes: dict[str, Any] = {"lacking": decision if decision in LACKING[1:] else None}
        if decision == "fallback":
            changes = {"fallbacks": {**known, **texts}}
        try:
            save(draft, changes)
        except CrmError as error:
            tell(explain(error), "bad")
    return redirect(url_for("crm.compose_check", ident=ident))


def _fallbacks() -> dict[str, str]:
    said = ((key, value.strip()) for key, value in request.form.items() if key.startswith("else:"))
    return {key.removeprefix("else:"): value for key, value in said if value}


@ROUTES.page("/campaigns/<int:ident>/test", "crm.send", post=True)
def campaign_test(ident: int) -> ResponseReturnValue:
    """Send one labelled test to a typed address, filled in as for a chosen person."""
    person = request.form.get("as", "").strip() or None
    address = request.form.get("address", "").strip()
    try:
        receipt = send_test(crm(), actor(), ident, address, person)
    except CrmError as error:
        tell(explain(error), "bad")
    else:
        taken = receipt.status == "accepted"
        tell(
            say("The test was sent. In test mode it is in the outbox.")
            if taken
            else say("The carrier did not accept it: %(reason)s", reason=receipt.reason or receipt.status),
            "good" if taken else "bad",
        )
    chosen: dict[str, Any] = {"as": person, "_anchor": "test"}
    return redirect(url_for("crm.compose_check", ident=ident, **chosen))


@ROUTES.page("/campaigns/<int:ident>/launch", "crm.send", post=True)
def campaign_launch(ident: int) -> ResponseReturnValue:
    """Launch a draft, once the number of people was confirmed. Posted again, it changes nothing."""
    try:
        state = service.launch(crm(), actor(), ident, typed(), as_of())
    except CrmError as error:
        if access.get(crm(), actor(), ident).state != "draft":  # launched before, or a twin was quicker
            return _launched_already(ident)
        tell(explain(error), "bad")
        return redirect(url_for("crm.compose_check", ident=ident))
    tell(say("Scheduled.") if state == "scheduled" else say("Sending."), "good")
    return redirect(url_for("crm.campaign", ident=ident))


def typed() -> str:
    """Return the number of people that the form confirms."""
    return request.form.get("confirm", "").replace(",", "").replace(" ", "")


def as_of() -> datetime | None:
    """Return the instant of the check that the form was filled in at."""
    try:
        return parse_instant(request.form.get("as_of", ""))
    except ValueError:
        return None


def _launched_already(ident: int) -> ResponseReturnValue:
    tell(say("Already sent. Nothing was changed."), "note")
    return redirect(url_for("crm.campaign", ident=ident))
