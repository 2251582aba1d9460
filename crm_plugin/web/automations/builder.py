"""The builder of an automation: what starts it, up to ten steps, the goal that ends it at once."""

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.automations import queries, service
from crm_plugin.automations.language.causes import DATES
from crm_plugin.automations.language.reading import MOST_STEPS, UNITS
from crm_plugin.automations.queries import AutomationRow
from crm_plugin.campaigns.document.default_policy import proposed
from crm_plugin.channels.content import VARIABLES
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.channels.sms import templates as sms
from crm_plugin.kernel.errors import Conflict, CrmError
from crm_plugin.kernel.i18n import Text
from crm_plugin.kernel.storable import whole
from crm_plugin.segments.language.json_input import load
from crm_plugin.web.automations import builder_form
from crm_plugin.web.automations.builder_form import BuilderForm
from crm_plugin.web.automations.sentences import condition_words, goal_words
from crm_plugin.web.campaigns.composer.audience import STAGES
from crm_plugin.web.segments import links
from crm_plugin.web.segments.pickers import course_named
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm, is_htmx
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import fragment, render

ROUTES = Routes()

UNIT_WORDS = {
    "minute": Text("minutes"),
    "hour": Text("hours"),
    "day": Text("days"),
    "week": Text("weeks"),
    "month": Text("months"),
}


@ROUTES.page("/automations/new", "crm.send")
def automation_new() -> ResponseReturnValue:
    """Show an empty form."""
    heads = dict.fromkeys(builder_form.HEADS, "") | builder_form.DATE_DEFAULTS
    steps = [{"kind": "wait", "n": "1", "unit": "hour"}, {"kind": "send", "channel": "email"}]
    return _page(None, BuilderForm(heads | {"purpose": "marketing"}, steps))


@ROUTES.page("/automations/<int:ident>/edit", "crm.send")
def automation_edit(ident: int) -> ResponseReturnValue:
    """Show the form of an automation."""
    row = queries.get(crm(), actor(), ident, "crm.send")
    return _page(row, builder_form.of_document(row.file()))


@ROUTES.page("/automations/build", "crm.send", post=True)
def automation_create() -> ResponseReturnValue:
    """Do what a button of the form of a new automation says."""
    return _posted(None)


@ROUTES.page("/automations/<int:ident>/build", "crm.send", post=True)
def automation_build(ident: int) -> ResponseReturnValue:
    """Do what a button of the form says; only its last one saves."""
    return _posted(queries.get(crm(), actor(), ident, "crm.send"))


def _posted(row: AutomationRow | None) -> ResponseReturnValue:
    form, do = builder_form.typed(request.form), request.form.get("do", "")
    if do != "save":
        builder_form.act(form, do)
        return _page(row, form)
    try:
        ident = _save(row, form)
    except CrmError as error:
        return _page(row, form, error)
    tell(say("Saved."), "good")
    return redirect(url_for("crm.automation", ident=ident))


def _save(row: AutomationRow | None, form: BuilderForm) -> int:
    document = builder_form.document_of(form, row.file() if row else None)
    if row is None:
        rules = proposed(crm(), document["purpose"])
        # No rest after a message: the next one of the same chase would stand in its own way.
        document["policy"] = {key: value for key, value in rules.items() if key != "leave_out_days"}
        return service.create(crm(), actor(), document)
    service.update(crm(), actor(), row.id, document, request.form.get("seen", type=whole))
    return row.id


def _page(
    row: AutomationRow | None, form: BuilderForm, problem: CrmError | None = None
) -> ResponseReturnValue:
    context = _context(row, form, problem)
    if is_htmx():
        return fragment("automations/form.html", **context)
    return render(
        "automations/edit.html",
        title=row.name if row else say("New automation"),
        active="campaigns",
        status=200 if problem is None else 409 if isinstance(problem, Conflict) else 400,
        **context,
    )


def _context(row: AutomationRow | None, form: BuilderForm, problem: CrmError | None) -> dict[str, Any]:
    stored = row.document if row else {}
    form.steps = [dict.fromkeys(builder_form.STEP, "") | step for step in form.steps]
    place = problem.place if problem else ""
    trigger = {"on": form.heads["on"], "date": form.heads["date"]}
    return {
        "row": row,
        "form": form,
        "seen": request.form.get("seen", row.revision if row else 0),
        "place": place,
        "wrong": explain(problem, placed=False) if problem else "",
        "fixed": bool(row and row.started_at),
        "queries": links.saved(),
        "stages": STAGES,
        "dates": DATES,
        "units": [(unit, UNIT_WORDS[unit]) for unit in UNITS],
        "channels": list(CHANNELS),
        "templates": _templates(form),
        "words": [_words(step) for step in form.steps],
        "kept_trigger": condition_words(stored["trigger"]["segment"]) if _keeps(form, "query") else "",
        "kept_goal": goal_words(stored["goal"]) if _keeps(form, "goal") and stored.get("goal") else "",
        "kept_steps": [_kept(step) for step in form.steps],
        "goals": builder_form.goals_of(trigger),
        "courses": {key: _course(form.heads[key]) for key in ("stage_course", "date_course")},
        "most": MOST_STEPS,
    }


def _course(host_id: str) -> tuple[str, str] | None:
    return course_named(host_id) if host_id else None


def _keeps(form: BuilderForm, key: str) -> bool:
    return form.heads.get(key) == builder_form.KEEP


def _kept(step: dict[str, str]) -> str:
    """Return the words of a condition that the form cannot show."""
    if step.get("query") != builder_form.KEEP or not step.get("tree"):
        return ""
    try:
        return condition_words(load(step["tree"]))
    except CrmError as error:
        return explain(error, placed=False)


def _templates(form: BuilderForm) -> list[Any]:
    if all(step.get("channel") != "sms" for step in form.steps):
        return []
    with crm().db.read() as session:
        purpose = form.heads.get("purpose") or "marketing"
        return sms.listed(session, purpose, crm().settings.sms_carrier)


_BY_ITSELF = VARIABLES


def _words(step: dict[str, str]) -> list[str]:
    """Return the blanks of a step's SMS template that nobody fills in by itself."""
    if step.get("channel") != "sms" or not step.get("template"):
        return []
    with crm().db.read() as session:
        found = sms.find(session, step["template"], crm().settings.sms_carrier)
    given = {*_BY_ITSELF, *_personal(step)}
    return [name for name in sms.placeholders(found.text) if name not in given] if found else []


def _personal(step: dict[str, str]) -> dict[str, str]:
    """Return the blanks that a field of each person fills in."""
    kept = load(step["kept"]) if step.get("kept") else {}
    return kept.get("personal", {}) if isinstance(kept, dict) else {}
