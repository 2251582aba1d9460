"""The list of automations, those that are shipped to start from, and the verbs that begin or copy one."""

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from crm_plugin.automations import queries, service
from crm_plugin.automations.queries import AutomationRow, Counts
from crm_plugin.automations.ready_made import READY_MADE, Letter, ReadyMade
from crm_plugin.web.automations.sentences import goal_words, trigger_words
from crm_plugin.web.shell.flash import tell
from crm_plugin.web.shell.guard import Routes, actor, crm
from crm_plugin.web.shell.i18n import locale, say
from crm_plugin.web.shell.rendering import render

ROUTES = Routes()


@ROUTES.page("/automations")
def automations() -> ResponseReturnValue:
    """Show the automations with the people in them, and what is shipped."""
    rows = queries.list_for(crm(), actor())
    used = {row.document.get("kind") for row, _people in rows if row.state != "ended"}
    return render(
        "automations/list.html",
        title=say("Campaigns"),
        active="campaigns",
        tab="automations",
        rows=[(row, people, *_line(row, people)) for row, people in rows],
        offered=[_offer(one) for one in READY_MADE.values() if one.key not in used],
        removed=queries.removed(crm(), actor()) if actor().may("crm.send") else [],
    )


def _offer(one: ReadyMade) -> dict[str, Any]:
    """Return what a card says of one that is shipped: what starts it, its messages, what ends it."""
    return {
        "one": one,
        "trigger": trigger_words(one.trigger),
        "messages": sum(isinstance(step, Letter) for step in one.steps),
        "goal": goal_words(one.goal) if one.goal else "",
    }


def _line(row: AutomationRow, people: Counts) -> tuple[str, int]:
    """Return what starts it, and how many reached the goal."""
    return trigger_words(row.document["trigger"]), reached(people)


def reached(people: Counts) -> int:
    """Return how many people stopped because they have what it is for."""
    return sum(people.stopped.get(reason, 0) for reason in ("goal", "paid"))


@ROUTES.page("/automations/ready-made/<key>", "crm.send", post=True)
def automation_use(key: str) -> ResponseReturnValue:
    """Make a draft of one that is shipped."""
    channel = request.form.get("channel", "email")
    ident = service.create_from_ready_made(crm(), actor(), key, channel, locale())
    tell(say("This is a draft and off. Look at it, then switch it on."), "good")
    return redirect(url_for("crm.automation", ident=ident))


@ROUTES.page("/automations/<int:ident>/copy", "crm.send", post=True)
def automation_copy(ident: int) -> ResponseReturnValue:
    """Make a draft of another one."""
    name = say("Copy of %(name)s", name=queries.get(crm(), actor(), ident).name)[:191]
    copied = service.copy(crm(), actor(), ident, name)
    tell(say("This is a copy. It is off."), "good")
    return redirect(url_for("crm.automation_edit", ident=copied))


@ROUTES.page("/automations/<int:ident>/delete", "crm.send", post=True)
def automation_delete(ident: int) -> ResponseReturnValue:
    """Delete one that is off."""
    service.remove(crm(), actor(), ident)
    tell(say("Deleted. You can restore it below the list for 30 days."), "good")
    return redirect(url_for("crm.automations"))


@ROUTES.page("/automations/<int:ident>/restore", "crm.send", post=True)
def automation_restore(ident: int) -> ResponseReturnValue:
    """Take a deleted one back."""
    service.restore(crm(), actor(), ident)
    tell(say("It is back."), "good")
    return redirect(url_for("crm.automation", ident=ident))
