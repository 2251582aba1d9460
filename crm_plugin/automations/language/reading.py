"""Reads the file of an automation: checks it, with the place of each mistake, and completes it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_plugin.automations.language.causes import DATES
from crm_plugin.automations.language.document import (
    COURSE,
    DATE,
    EVERYBODY,
    IF,
    LEVEL,
    ORDER,
    SEGMENT,
    SEND,
    STAGE,
    STEPS,
    UNTIL,
    WAIT,
    bound,
    cause_date,
    has_course,
    places_in,
    sample,
)
from crm_plugin.boards.stages.stage_trees import AUDIENCES, STAGES
from crm_plugin.campaigns.document.schemas import CLOCK, CONTENT, PURPOSES
from crm_plugin.campaigns.policy.fields import exactly, only, whole
from crm_plugin.kernel import storable
from crm_plugin.kernel.errors import BadInput, Clause, one_of

KEYS = ("name", "kind", "trigger", "steps", "goal", "purpose", "topic", "policy", "again", "open_course")
UNITS = ("minute", "hour", "day", "week", "month")
SIDES = ("before", "after")
ELSE = ("stop", "skip")
MOST_STEPS = 10
LONGEST = 1_000
"""The largest number of a span."""
ENTERED_AGAIN = 3650
TRIGGERS = (SEGMENT, STAGE, DATE)
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")


CheckTree = Callable[[Any, str], None]
CheckFile = Callable[[Mapping[str, Any], str], dict[str, Any]]


@dataclass(slots=True)
class Checks:
    """What only the installation knows."""

    tree: CheckTree = field(repr=False)
    """Raises BadInput when a document is no tree; takes the place."""
    file: CheckFile = field(repr=False)
    """Reads a campaign file and returns its content, policy and topic."""


def read(document: Any, checks: Checks) -> dict[str, Any]:
    """Read the file of an automation; return it complete, with ``name``.

    :raises BadInput: ``automation.*``, ``campaign.*`` or ``segment.*``, with the place.
    """
    only(document, KEYS, "")
    for key in ("name", "trigger", "steps"):
        if key not in document:
            raise BadInput("campaign.missing_key", key=key)
    name = document["name"]
    if not isinstance(name, str) or not name.strip() or len(name) > 191 or not storable.is_text(name):
        raise _bad("name", Clause("expected a text"))
    trigger = _trigger(document["trigger"], checks)
    purpose = document.get("purpose", "marketing")
    if purpose not in PURPOSES:
        raise _bad("purpose", one_of(PURPOSES))
    found = {
        "name": name,
        "kind": _kind(document.get("kind")),
        "trigger": trigger,
        "purpose": purpose,
        **_heads(document, purpose, checks),
        "again": _again(document.get("again", None if trigger["on"] != DATE else 0)),
        "open_course": _flag(document.get("open_course", False), "open_course"),
    }
    found["steps"] = _steps(document["steps"], found, checks)
    found["goal"] = _tree(document.get("goal"), found["trigger"], checks, "goal")
    if found["open_course"] and not has_course(trigger):
        raise BadInput("automation.no_cause", "open_course", what=Clause("course"))
    return found


_AVAILABLE: dict[str, set[str]] = {
    "order": {COURSE, ORDER, UNTIL},
    "enrolment": {COURSE, UNTIL},
    "person": {UNTIL, LEVEL},
}


def _tree(tree: Any, trigger: Mapping[str, Any], checks: Checks, place: str) -> Any:
    if tree is None:
        return None
    date = cause_date(trigger)
    has = set(_AVAILABLE[date.table]) if date else ({COURSE} if has_course(trigger) else set())
    for missing in sorted(places_in(tree) - has):
        raise BadInput("automation.no_cause", place, what=_PLACE_WORDS[missing])
    checks.tree(bound(tree, sample()), place)
    return tree


_PLACE_WORDS = {
    COURSE: Clause("course"),
    ORDER: Clause("order"),
    UNTIL: Clause("date"),
    LEVEL: Clause("membership level"),
}


def _trigger(value: Any, checks: Checks) -> dict[str, Any]:
    if not isinstance(value, dict) or value.get("on") not in TRIGGERS:
        raise _bad("trigger.on", one_of(TRIGGERS))
    return _READERS[value["on"]](value, checks)


def _segment(value: dict[str, Any], checks: Checks) -> dict[str, Any]:
    exactly(value, ("on", "segment"), "trigger")
    checks.tree(value["segment"], "trigger.segment")
    return dict(value)


def _stage(value: dict[str, Any], checks: Checks) -> dict[str, Any]:
    only(value, ("on", "stage", "course", "where"), "trigger")
    known = (*STAGES, *AUDIENCES)
    if value.get("stage") not in known:
        raise _bad("trigger.stage", one_of(known))
    found = {"on": STAGE, "stage": value["stage"], "course": _course(value)}
    return found | {"where": _tree(value.get("where"), found, checks, "trigger.where")}


def _date(value: dict[str, Any], checks: Checks) -> dict[str, Any]:
    only(value, ("on", "date", "n", "unit", "side", "at", "course", "where"), "trigger")
    date = DATES.get(value.get("date", ""))
    if date is None:
        raise _bad("trigger.date", one_of(DATES))
    span = _span({"n": value.get("n", 0), "unit": value.get("unit", "day")}, "trigger")
    side = value.get("side", "after")
    if side not in SIDES:
        raise _bad("trigger.side", one_of(SIDES))
    course = _course(value) if date.has_course else None
    found = {"on": DATE, "date": date.key, **span, "side": side, "at": _at(value), "course": course}
    return found | {"where": _tree(value.get("where"), found, checks, "trigger.where")}


_READERS: dict[str, Callable[[dict[str, Any], Checks], dict[str, Any]]] = {
    SEGMENT: _segment,
    STAGE: _stage,
    DATE: _date,
}


def _course(value: Mapping[str, Any]) -> str | None:
    course = value.get("course")
    if course is not None and (not isinstance(course, str) or not 0 < len(course) <= 191):
        raise _bad("trigger.course", Clause("expected a text"))
    return course


def _at(value: Mapping[str, Any]) -> str | None:
    """Read the time of day at which a date that has none begins, by the school's clocks."""
    at = value.get("at")
    if at is not None and (not isinstance(at, str) or not re.fullmatch(CLOCK, at)):
        raise _bad("trigger.at", Clause("expected a time of day such as 21:00"))
    return at


def _span(value: Any, place: str, *more: str) -> dict[str, Any]:
    only(value, ("n", "unit", *more), place)
    n, unit = value.get("n"), value.get("unit")
    if n != 0 or isinstance(n, bool):
        whole(n, f"{place}.n", LONGEST)
    if unit not in UNITS:
        raise _bad(f"{place}.unit", one_of(UNITS))
    return {"n": n, "unit": unit}


def _kind(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not _KIND.fullmatch(value)):
        raise _bad("kind", Clause("a name has small letters, digits and _ only"))
    return value


def _again(value: Any) -> int | None:
    if value is not None and value != 0:
        whole(value, "again", ENTERED_AGAIN)
    return None if value is None or isinstance(value, bool) else int(value)


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise _bad(place, Clause("expected true or false"))
    return value


def _heads(document: Mapping[str, Any], purpose: str, checks: Checks) -> dict[str, Any]:
    """Read policy and topic as a campaign file has them."""
    policy = document.get("policy", {})
    only(policy, ("leave_out_days", "cap", "quiet_hours", "rate"), "policy")
    file = {"channel": "message", "text": "-", "purpose": purpose, "policy": policy}
    read = checks.file(file | {"topic": document.get("topic")}, "")
    return {"policy": read["policy"], "topic": read["topic_id"]}


def _steps(value: Any, found: Mapping[str, Any], checks: Checks) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise _bad("steps", Clause("expected a list"))
    if len(value) > MOST_STEPS:
        raise BadInput("automation.too_many_steps", "steps", limit=MOST_STEPS)
    steps = [_step(one, found, checks, f"steps[{index}]") for index, one in enumerate(value)]
    if not any(SEND in one for one in steps):
        raise BadInput("automation.no_send", "steps")
    return steps


def _step(value: Any, found: Mapping[str, Any], checks: Checks, place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or sum(one in value for one in STEPS) != 1:
        raise _bad(place, one_of(STEPS))
    if WAIT in value:
        only(value, (WAIT,), place)
        return {WAIT: _wait(value[WAIT], found["trigger"], f"{place}.wait")}
    if IF in value:
        only(value, (IF, "else"), place)
        if value.get("else", "stop") not in ELSE:
            raise _bad(f"{place}.else", one_of(ELSE))
        tree = _tree(value[IF], found["trigger"], checks, f"{place}.if")
        return {IF: EVERYBODY if tree is None else tree, "else": value.get("else", "stop")}
    only(value, (SEND,), place)
    return {SEND: _send(value[SEND], found, checks, f"{place}.send")}


def _wait(value: Any, trigger: Mapping[str, Any], place: str) -> dict[str, Any]:
    before = value.get("before", False) if isinstance(value, dict) else False
    span = _span(value, place, "before")
    date = cause_date(trigger)
    if _flag(before, f"{place}.before") and not (date and date.deadline):
        raise BadInput("automation.no_cause", f"{place}.before", what=Clause("deadline"))
    return {**span, "before": before}


def _send(value: Any, found: Mapping[str, Any], checks: Checks, place: str) -> dict[str, Any]:
    only(value, ("channel", *CONTENT), place)
    if "channel" not in value:
        raise BadInput("campaign.missing_key", place, key="channel")
    wanted = {**value, "link": "https://example.org/"} if value.get("link") == COURSE else value
    checks.file({**wanted, "purpose": found["purpose"]}, place)
    if value.get("link") == COURSE and not has_course(found["trigger"]):
        raise BadInput("automation.no_cause", f"{place}.link", what=Clause("course"))
    return {key: one for key, one in value.items() if one is not None}


def placed(error: BadInput, place: str) -> BadInput:
    """Return an error of a part with the place of that part before its own."""
    return BadInput(error.code, ".".join(filter(None, (place, error.place))), **error.params)


def _bad(place: str, reason: Clause) -> BadInput:
    return BadInput("campaign.bad_value", place, reason=reason)
