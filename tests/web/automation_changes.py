"""What routes of recurring campaigns and automations take and do, for the tests that walk all routes."""

from collections.abc import Callable
from typing import Any

from crm_plugin.automations import service as automations
from crm_plugin.automations.recurring import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.check import check
from tests.web.limits import ADMIN, Limits, file_of_campaign

API = "/api/v1"
DAILY: dict[str, Any] = {"every": "day", "at": "09:00"}
Change = Callable[[Limits], tuple[str, Any, str]]


def _draft(world: Limits) -> int:
    return drafts.create(world.crm, ADMIN, file_of_campaign())


def _repeating(world: Limits) -> int:
    ident = _draft(world)
    service.start(world.crm, ADMIN, ident, DAILY)
    return ident


def _paused(world: Limits) -> int:
    ident = _repeating(world)
    service.pause(world.crm, ADMIN, ident)
    return ident


CHASE: dict[str, Any] = {
    "name": "Chase",
    "trigger": {"on": "date", "date": "registered"},
    "steps": [{"send": {"channel": "message", "text": "Hello"}}],
}
FORM: dict[str, Any] = {
    **{"do": "save", "name": "Built", "on": "date", "date": "registered", "n": "0", "unit": "day"},
    **{"side": "after", "steps": "1", "s0:kind": "send", "s0:channel": "message", "s0:text": "Hi"},
}


def _chase(world: Limits) -> int:
    return automations.create(world.crm, ADMIN, CHASE)


def _on(world: Limits) -> int:
    ident = _chase(world)
    automations.switch_on(world.crm, ADMIN, ident)
    return ident


def _stopped(world: Limits) -> int:
    ident = _on(world)
    automations.pause(world.crm, ADMIN, ident)
    return ident


def _deleted(world: Limits) -> int:
    ident = _chase(world)
    automations.remove(world.crm, ADMIN, ident)
    return ident


def _sent(rule: str, made: Callable[[Limits], int], sent: Any, action: str) -> Change:
    return lambda world: (rule.format(made(world)), sent, f"automation.{action}")


_PAGES: dict[str, Change] = {
    "automation_use": lambda _w: ("/automations/ready-made/birthday", {}, "automation.create"),
    "automation_create": lambda _w: ("/automations/build", FORM, "automation.create"),
    "automation_build": _sent("/automations/{}/build", _chase, FORM, "update"),
    "automation_copy": _sent("/automations/{}/copy", _chase, {}, "create"),
    "automation_delete": _sent("/automations/{}/delete", _chase, {}, "remove"),
    "automation_restore": _sent("/automations/{}/restore", _deleted, {}, "restore"),
    "automation_on": _sent("/automations/{}/on", _chase, {}, "switch_on"),
    "automation_pause": _sent("/automations/{}/pause", _on, {}, "pause"),
    "automation_end": _sent("/automations/{}/end", _on, {}, "end"),
}
_PROGRAMS: dict[str, Change] = {
    "api_create_automation": lambda _w: (f"{API}/automations", CHASE, "automation.create"),
    "api_create_ready_made_automation": lambda _w: (
        f"{API}/automations/ready-made/birthday",
        {},
        "automation.create",
    ),
    "api_replace_automation": _sent(API + "/automations/{}", _chase, CHASE, "update"),
    "api_delete_automation": _sent(API + "/automations/{}", _chase, {}, "remove"),
    "api_restore_automation": _sent(API + "/automations/{}/restore", _deleted, {}, "restore"),
    "api_copy_automation": _sent(API + "/automations/{}/copy", _chase, {"name": "x"}, "create"),
    "api_switch_automation_on": _sent(API + "/automations/{}/on", _chase, {}, "switch_on"),
    "api_pause_automation": _sent(API + "/automations/{}/pause", _on, {}, "pause"),
    "api_resume_automation": _sent(API + "/automations/{}/resume", _stopped, {}, "resume"),
    "api_end_automation": _sent(API + "/automations/{}/end", _on, {}, "end"),
}


def _at(rule: str, made: Callable[[Limits], int], action: str) -> Change:
    return lambda world: (rule.format(made(world)), {}, action)


def _repeat(world: Limits) -> tuple[str, Any, str]:
    ident = _draft(world)
    reached = check(world.crm, ADMIN, ident).found.reach.reached
    form = {"every": "week", "weekday": "0", "clock": "09:00", "confirm": str(reached)}
    return f"/campaigns/{ident}/repeat", form, "recurring.start"


AUTOMATIONS: dict[str, Change] = {
    **_PAGES,
    **_PROGRAMS,
    "campaign_repeat": _repeat,
    "api_start_recurring_campaign": lambda w: (
        f"{API}/recurring",
        {"campaign": _draft(w), **DAILY},
        "recurring.start",
    ),
    **{
        f"{name.format(verb)}": _at(f"{path}/{{}}/{verb}", made, f"recurring.{verb}")
        for name, path in (("recurring_{}", "/recurring"), ("api_{}_recurring_campaign", f"{API}/recurring"))
        for verb, made in (
            *(("pause", _repeating), ("resume", _paused)),
            *(("edit", _paused), ("end", _repeating)),
        )
    },
}
"""Name of a route → its change."""

AUTOMATIONS_PLAIN: dict[str, tuple[str, Any, int]] = {
    "automations": ("/automations", None, 200),
    "automation_new": ("/automations/new", None, 200),
    "automation_create": ("/automations/build", {**FORM, "do": ""}, 200),
    "automation_use": ("/automations/ready-made/birthday", {}, 302),
    "api_list_automations": (f"{API}/automations", None, 200),
    "api_create_automation": (f"{API}/automations", CHASE, 201),
    "api_list_ready_made_automations": (f"{API}/automations/ready-made", None, 200),
    "api_create_ready_made_automation": (f"{API}/automations/ready-made/birthday", {}, 201),
    "recurring": ("/recurring", None, 200),
    "api_list_recurring_campaigns": (f"{API}/recurring", None, 200),
    "api_start_recurring_campaign": (f"{API}/recurring", {"campaign": 10**6, **DAILY}, 404),
}
"""Name of a route → (path, what is sent, the answer to who is limited to some courses)."""

AUTOMATIONS_OUTSIDE = {
    **{"/recurring/<": "repeating", f"{API}/recurring/<": "repeating"},
    **{"/automations/<": "chase", f"{API}/automations/<": "chase"},
}
"""Beginning of a rule → the object that it is tried with."""

AUTOMATION_BODIES: dict[str, Any] = {
    "api_replace_automation": CHASE,
    "api_copy_automation": {"name": "x"},
    "automation_build": FORM,
    "api_switch_automation_on": {},
    "api_resume_automation": {},
}
"""Name of a route that names an object → what it takes."""
