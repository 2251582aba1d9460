"""What the file of an automation consists of, and what its conditions mean for one cause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_plugin.automations.language.causes import DATES, CauseDate
from crm_plugin.segments.language.documents import all_of

SEGMENT, STAGE, DATE = "segment", "stage", "date"
WAIT, IF, SEND = "wait", "if", "send"
STEPS = (WAIT, IF, SEND)
COURSE, ORDER, UNTIL, LEVEL = "@course", "@order", "@until", "@level"
PLACES = (COURSE, ORDER, UNTIL, LEVEL)
"""Values of a condition that stand for the cause's own: its course, its order, the date of the person that it
is about, and the membership level of the person."""
LEVEL_WORD = "level"
"""How texts call the membership level of the person."""
EVERYBODY = all_of()


@dataclass(frozen=True, slots=True)
class Cause:
    """What a child campaign's people have in common."""

    course: str = ""
    """The school's id."""
    orders: tuple[str, ...] = ()
    """The school's ids of all of their orders."""
    until: str = ""
    """ISO 8601: the date of theirs, the latest of it."""
    level: str = ""


def cause_date(trigger: Mapping[str, Any]) -> CauseDate | None:
    """Return the date that a trigger is about; None where people enter a segment or a stage."""
    return DATES[trigger["date"]] if trigger["on"] == DATE else None


def has_course(trigger: Mapping[str, Any]) -> bool:
    """Return whether what starts it is about a course."""
    date = cause_date(trigger)
    return date.has_course if date else bool(trigger["on"] == STAGE or trigger.get("course"))


def needs_course(document: Mapping[str, Any]) -> bool:
    """Return whether it is no use for a cause that is about no course."""
    texts = (value for step in document["steps"] for value in step.get(SEND, {}).values())
    told = any("course_title" in str(value) for value in texts)
    return told or document["open_course"] or COURSE in places_in([document["steps"], document["goal"]])


def bound(tree: Any, cause: Cause) -> Any:
    """Return a tree with the cause's own values in their places."""
    if isinstance(tree, dict):
        value = tree.get("value")
        if value == ORDER:
            return {**tree, "operator": "in", "value": list(cause.orders)}
        known = {COURSE: cause.course, UNTIL: cause.until, LEVEL: cause.level}
        if isinstance(value, str) and value in known:
            return {**tree, "value": known[value]}
        return {key: bound(one, cause) for key, one in tree.items()}
    return [bound(one, cause) for one in tree] if isinstance(tree, list) else tree


def places_in(tree: Any) -> set[str]:
    """Return which values of the cause a tree asks for."""
    if isinstance(tree, dict):
        return set().union(*map(places_in, tree.values()))
    if isinstance(tree, list):
        return set().union(*map(places_in, tree))
    return {tree} if isinstance(tree, str) and tree in PLACES else set()


def trees_of(document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return (place, tree) of every condition of an automation."""
    trigger = document["trigger"]
    found = [("trigger.segment", trigger.get("segment")), ("trigger.where", trigger.get("where"))]
    found += [(f"steps[{index}].if", step.get(IF)) for index, step in enumerate(document["steps"])]
    found += [("goal", document.get("goal"))]
    return [(place, tree) for place, tree in found if tree is not None]


def kind_of(step: Mapping[str, Any]) -> str:
    """Return what a step does: ``wait if send``."""
    return next(one for one in STEPS if one in step)


def sample() -> Cause:
    """Return a cause with something in every place, to read a tree by."""
    return Cause("0", ("0",), "2026-01-01T00:00:00Z", "0")


def fixed_part(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Return what of its build differs between two files; texts, name, policy and topic may."""
    for key in ("trigger", "goal", "kind", "purpose", "again", "open_course"):
        if before[key] != after[key]:
            return key
    return None if _build(before["steps"]) == _build(after["steps"]) else "steps"


def _build(steps: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [(SEND, one[SEND]["channel"]) if SEND in one else one for one in steps]
