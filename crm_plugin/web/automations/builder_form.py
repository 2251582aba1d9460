"""The builder's form: what it says as an automation's file, and a file as what the form shows.

The steps live in the form until it is saved: its buttons add, remove and move them without a change of the
automation. So it works without scripts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from crm_plugin.automations.language.document import COURSE, DATE, SEGMENT, STAGE
from crm_plugin.kernel.errors import BadInput, Clause
from crm_plugin.kernel.storable import is_whole
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.segments.language.json_input import load
from crm_plugin.web.automations.sentences import goals

Json = dict[str, Any]
HEADS = (
    *("name", "on", "query", "stage", "stage_course", "date", "n", "unit", "side", "at", "date_course"),
    *("goal", "goal_query", "again", "open_course", "purpose"),
)
STEP = (
    *("kind", "n", "unit", "before", "query", "tree", "else"),
    *("channel", "template", "subject", "text", "link", "url", "kept"),
)
KEEP = "keep"
"""What a select says to leave a condition as it is that it cannot show."""
_EDITED = ("channel", "template", "subject", "text", "link")
NEW_STEPS: dict[str, dict[str, str]] = {
    "wait": {"n": "1", "unit": "day"},
    "if": {"else": "stop"},
    "send": {"channel": "email"},
}
"""What a new step of a kind holds."""


@dataclass
class BuilderForm:
    """What the form shows: texts, as they were typed."""

    heads: dict[str, str] = field(default_factory=dict)
    steps: list[dict[str, str]] = field(default_factory=list)


def typed(form: MultiDict[str, str]) -> BuilderForm:
    """Return what was posted."""
    heads = {key: form.get(key, "").strip() for key in HEADS}
    count = int(form["steps"]) if is_whole(form.get("steps", "")) else 0
    return BuilderForm(heads, [_typed_step(form, f"s{index}:") for index in range(min(count, 20))])


def _typed_step(form: MultiDict[str, str], before: str) -> dict[str, str]:
    return {
        key.removeprefix(before): value.replace("\r\n", "\n").strip()
        for key, value in form.items()
        if key.startswith(before)
    }


def act(form: BuilderForm, do: str) -> None:
    """Do what a button of the form says: ``add:KIND``, ``remove:NUMBER``, ``up:NUMBER``."""
    verb, _, what = do.partition(":")
    if verb == "add" and what in NEW_STEPS:
        form.steps.append({"kind": what, **NEW_STEPS[what]})
    elif is_whole(what) and int(what) < len(form.steps):
        step = form.steps.pop(int(what))
        if verb == "up":
            form.steps.insert(max(int(what) - 1, 0), step)


def of_document(document: Mapping[str, Any]) -> BuilderForm:
    """Return an automation's file as the form shows it."""
    trigger = document["trigger"]
    heads = {
        "name": document["name"],
        "on": trigger["on"],
        "purpose": document["purpose"],
        "again": "" if document["again"] is None else str(document["again"]),
        "open_course": "1" if document["open_course"] else "",
        "goal": _goal_name(document),
        **_trigger_heads(trigger),
    }
    return BuilderForm(dict.fromkeys(HEADS, "") | heads, [_step_texts(one) for one in document["steps"]])


def _trigger_heads(trigger: Json) -> dict[str, str]:
    if trigger["on"] == SEGMENT:
        return {"query": _query_of(trigger["segment"]) or KEEP}
    if trigger["on"] == STAGE:
        return {"stage": trigger["stage"], "stage_course": trigger.get("course") or ""}
    found = {key: trigger[key] for key in ("date", "unit", "side")}
    return {
        **found,
        "n": str(trigger["n"]),
        "at": trigger["at"] or "",
        "date_course": trigger["course"] or "",
    }


def _query_of(tree: Any) -> str:
    """Return the number of the quick query that a tree is; empty for any other."""
    rules = tree.get("rules") if isinstance(tree, dict) and not tree.get("not") else None
    only = rules[0] if isinstance(rules, list) and len(rules) == 1 else {}
    return str(only["value"]) if only.get("field") == "segment" and only.get("operator") == "=" else ""


def goals_of(trigger: Mapping[str, Any]) -> dict[str, Any]:
    """Return name → (words, tree) of the goals that a trigger offers."""
    has_course = trigger.get("on") != SEGMENT and trigger.get("date") not in _OF_PERSON
    return goals(has_course, trigger.get("date") == "membership_ends")


_OF_PERSON = ("birthday", "registered", "membership_ends", "membership_begins")


def _goal_name(document: Mapping[str, Any]) -> str:
    goal = document["goal"]
    if goal is None:
        return ""
    offered = goals_of(document["trigger"])
    return next((name for name, (_words, tree) in offered.items() if tree == goal), KEEP)


def _step_texts(step: Json) -> dict[str, str]:
    if "wait" in step:
        wait = step["wait"]
        return {
            "kind": "wait",
            "n": str(wait["n"]),
            "unit": wait["unit"],
            "before": "1" if wait["before"] else "",
        }
    if "if" in step:
        query = _query_of(step["if"])
        kept = {"query": query} if query else {"query": KEEP, "tree": json.dumps(step["if"])}
        return {"kind": "if", "else": step["else"], **kept}
    send = step["send"]
    link = str(send.get("link") or "")
    rest = {key: value for key, value in send.items() if key not in _EDITED}
    variables: Json = rest.get("variables", {})
    return {
        "kind": "send",
        **{key: str(send.get(key) or "") for key in ("channel", "template", "subject", "text")},
        "link": "course" if link == COURSE else "url" if link else "",
        "url": "" if link == COURSE else link,
        "kept": json.dumps(rest),
        **{f"v:{name}": str(value) for name, value in variables.items()},
    }


def document_of(form: BuilderForm, stored: Mapping[str, Any] | None) -> Json:
    """Return the file that a form says.

    :param stored: what the automation holds: what the form does not show is kept.
    :raises BadInput: ``campaign.bad_value``, with the place, for what is no number.
    """
    heads, kept = form.heads, dict(stored or {})
    again = heads.get("again", "")
    found = {
        **{key: kept[key] for key in ("kind", "policy", "topic") if kept.get(key) is not None},
        "name": heads.get("name", ""),
        "trigger": _trigger_of(heads, kept.get("trigger", {})),
        "steps": [_step_of(step, f"steps[{index}]") for index, step in enumerate(form.steps)],
        "purpose": heads.get("purpose") or "marketing",
        "again": _number(again, "again") if again else None,
        "open_course": bool(heads.get("open_course")),
    }
    found["goal"] = _goal_of(heads, found["trigger"], kept.get("goal"))
    if found["purpose"] == "service":
        found.pop("topic", None)
    return found


def _trigger_of(heads: Mapping[str, str], kept: Mapping[str, Any]) -> Json:
    on = heads.get("on", "")
    where = {"where": kept["where"]} if kept.get("where") and kept.get("on") == on else {}
    if on == SEGMENT:
        return {"on": on, "segment": _tree(heads.get("query", ""), kept.get("segment"), "trigger.segment")}
    if on == STAGE:
        return {"on": on, "stage": heads.get("stage"), "course": heads.get("stage_course") or None, **where}
    n = _number(heads.get("n", "") or "0", "trigger.n")
    found = {
        "on": on,
        "date": heads.get("date"),
        "n": n,
        "unit": heads.get("unit"),
        "side": heads.get("side"),
    }
    return {**found, "at": heads.get("at") or None, "course": heads.get("date_course") or None, **where}


def _tree(chosen: str, kept: Any, place: str) -> Any:
    if chosen == KEEP and kept is not None:
        return kept
    if is_whole(chosen):
        return all_of(rule("segment", "=", int(chosen)))
    raise BadInput("campaign.bad_value", place, reason=Clause("choose a quick query"))


def _goal_of(heads: Mapping[str, str], trigger: Mapping[str, Any], kept: Any) -> Any:
    name = heads.get("goal", "")
    if name == "query":
        return _tree(heads.get("goal_query", ""), None, "goal")
    if name == KEEP:
        return kept
    offered = goals_of(trigger)
    if name and name not in offered:
        raise BadInput("campaign.bad_value", "goal", reason=Clause("choose a goal that fits what starts it"))
    return offered[name][1] if name else None


def _step_of(step: Mapping[str, str], place: str) -> Json:
    if step.get("kind") == "wait":
        n = _number(step.get("n", ""), f"{place}.wait.n")
        return {"wait": {"n": n, "unit": step.get("unit"), "before": bool(step.get("before"))}}
    if step.get("kind") == "if":
        kept = load(step["tree"]) if step.get("tree") else None
        return {"if": _tree(step.get("query", ""), kept, f"{place}.if"), "else": step.get("else")}
    return {"send": _send_of(step)}


def _send_of(step: Mapping[str, str]) -> Json:
    kept = load(step["kept"]) if step.get("kept") else {}
    kept = kept if isinstance(kept, dict) else {}
    channel = step.get("channel", "")
    of_channel = ("template",) if channel == "sms" else ("subject", "text")
    if channel != "email":
        kept.pop("html", None)
    found = {**kept, "channel": channel, **{key: step[key] for key in of_channel if step.get(key)}}
    if channel == "sms":
        given = {name.removeprefix("v:"): one for name, one in step.items() if name.startswith("v:")}
        found["variables"] = {name: value for name, value in given.items() if value} or None
    link = {"course": COURSE, "url": step.get("url") or None}.get(step.get("link", ""))
    return {key: value for key, value in {**found, "link": link}.items() if value is not None}


def _number(text: str, place: str) -> int:
    if not is_whole(text):
        raise BadInput("campaign.bad_value", place, reason=Clause("expected a whole number"))
    return int(text)


DATE_DEFAULTS = {"on": DATE, "date": "order_created", "n": "0", "unit": "day", "side": "after", "again": "0"}
"""What a new form begins with."""
