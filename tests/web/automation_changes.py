"""What routes of recurring campaigns and automations take and do, for the tests that walk all routes."""

from collections.abc import Callable
from typing import Any

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


def _at(rule: str, made: Callable[[Limits], int], action: str) -> Change:
    return lambda world: (rule.format(made(world)), {}, action)


def _repeat(world: Limits) -> tuple[str, Any, str]:
    ident = _draft(world)
    reached = check(world.crm, ADMIN, ident).found.reach.reached
    form = {"every": "week", "weekday": "0", "clock": "09:00", "confirm": str(reached)}
    return f"/campaigns/{ident}/repeat", form, "recurring.start"


AUTOMATIONS: dict[str, Change] = {
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
    "recurring": ("/recurring", None, 200),
    "api_list_recurring_campaigns": (f"{API}/recurring", None, 200),
    "api_start_recurring_campaign": (f"{API}/recurring", {"campaign": 10**6, **DAILY}, 404),
}
"""Name of a route → (path, what is sent, the answer to who is limited to some courses)."""

AUTOMATIONS_OUTSIDE = {"/recurring/<": "repeating", f"{API}/recurring/<": "repeating"}
"""Beginning of a rule → the object that it is tried with."""
