"""One automation: its sentences with the people of each step, who is in it, switching it on and off."""

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.automations import queries, service
from crm_plugin.automations.queries import StepCount
from crm_plugin.kernel.errors import BadInput, CrmError
from crm_plugin.kernel.storable import whole
from crm_plugin.profiles.people.queries import people
from crm_plugin.web.automations.list_page import reached
from crm_plugin.web.automations.sentences import goal_words, step_words, trigger_words
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import explain, say
from crm_plugin.web.shell.rendering import render
from crm_plugin.web.shell.vocabulary import word

ROUTES = Routes()

PAGE = 50


def _why(counted: dict[str, int]) -> list[tuple[str, int]]:
    """Return (reason in words, people), the most frequent first."""
    return [(word("stopped", reason), number) for reason, number in sorted(counted.items(), key=_most)]


def _most(one: tuple[str, int]) -> tuple[int, str]:
    return -one[1], one[0]


def _lines(document: dict[str, Any], counts: list[StepCount]) -> list[dict[str, Any]]:
    """Return each step with its people."""
    return [
        {
            "words": step_words(step),
            "count": count,
            "sends": "send" in step,
            "stopped": sum(count.stopped.values()),
            "why": _why(count.stopped),
            "left_out": [
                (word("reason", reason), number)
                for reason, number in sorted(count.excluded.items(), key=_most)
            ],
        }
        for step, count in zip(document["steps"], counts, strict=True)
    ]


@ROUTES.page("/automations/<int:ident>")
def automation(ident: int) -> ResponseReturnValue:
    """Show one automation."""
    row, counts = queries.get(crm(), actor(), ident), queries.counts(crm(), actor(), ident)
    document = row.document
    return render(
        "automations/page.html",
        title=row.name,
        active="campaigns",
        row=row,
        counts=counts,
        reached=reached(counts),
        stopped=sum(counts.stopped.values()) - reached(counts),
        trigger=trigger_words(document["trigger"]),
        steps=_lines(document, counts.steps),
        goal=goal_words(document["goal"]) if document["goal"] else "",
        again=_again(document["again"]),
        lead=say("Automation · %(purpose)s", purpose=word("purpose", document["purpose"])),
    )


def _again(days: int | None) -> str:
    if days is None:
        return say("once ever")
    return say("once in %(days)s days", days=days) if days else say("each time")


@ROUTES.page("/automations/<int:ident>/people")
def automation_people(ident: int) -> ResponseReturnValue:
    """List who is in it now, with the step that they stand before."""
    row = queries.get(crm(), actor(), ident)
    after = request.args.get("after", type=whole) or 0
    found = queries.inside(crm(), actor(), ident, after=after, limit=PAGE)
    with crm().db.read() as session:
        known = {one.id: one for one in people(session, [each.person_id for each in found])}
    steps = [step_words(step) for step in row.document["steps"]]
    shown = [
        (each, known[each.person_id], steps[each.step] if each.step < len(steps) else "–")
        for each in found
        if each.person_id in known
    ]
    return render(
        "automations/people.html",
        title=row.name,
        active="campaigns",
        row=row,
        rows=shown,
        next=url_for("crm.automation_people", ident=ident, after=found[-1].id) if len(found) == PAGE else "",
        first=url_for("crm.automation_people", ident=ident) if after else "",
    )


@ROUTES.page("/automations/<int:ident>/switch-on", "crm.send")
def automation_start(ident: int) -> ResponseReturnValue:
    """Show how many people switching on would reach, before it is done."""
    return _start(ident)


def _start(ident: int, problem: CrmError | None = None) -> ResponseReturnValue:
    row = queries.get(crm(), actor(), ident, "crm.send")
    found = service.problems(crm(), actor(), ident)
    lines = [
        (step + 1, explain(BadInput(one.code, "", **one.params)), one.severe)  # the step says where
        for step, one in found
    ]
    return render(
        "automations/switch_on.html",
        title=row.name,
        active="campaigns",
        status=400 if problem else 200,
        row=row,
        number=service.would_reach(crm(), actor(), ident),
        problems=lines,
        blocked=any(severe for _step, _line, severe in lines),
        wrong=explain(problem, placed=False) if problem else "",
        trigger=trigger_words(row.document["trigger"]),
        older=bool(request.form.get("older")),
    )


@ROUTES.page("/automations/<int:ident>/on", "crm.send", post=True)
def automation_on(ident: int) -> ResponseReturnValue:
    """Switch it on, or let it go on after a pause; older causes count only with their number."""
    older = bool(request.form.get("older"))
    typed = request.form.get("confirm", "").replace(",", "").replace(" ", "") if older else None
    verb = service.resume if queries.get(crm(), actor(), ident).state == "paused" else service.switch_on
    try:
        verb(crm(), actor(), ident, older=older, typed=typed)
    except BadInput as error:
        return _start(ident, error)
    tell(say("It is on. People who give cause from now on enter."), "good")
    return _to(ident)


@ROUTES.page("/automations/<int:ident>/pause", "crm.send", post=True)
def automation_pause(ident: int) -> ResponseReturnValue:
    """Stop it for now."""
    service.pause(crm(), actor(), ident)
    tell(say("Paused. Nobody enters and nothing is sent until you continue."), "good")
    return _to(ident)


@ROUTES.page("/automations/<int:ident>/end", "crm.send", post=True)
def automation_end(ident: int) -> ResponseReturnValue:
    """End it for good."""
    count = service.end(crm(), actor(), ident)
    tell(say("Ended; %(count)s people in it have stopped.", count=formatting.number(count)), "good")
    return _to(ident)


def _to(ident: int) -> ResponseReturnValue:
    return redirect(url_for("crm.automation", ident=ident))
