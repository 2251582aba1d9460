"""Goals that campaigns are usually written for: these people need the message no longer."""

from typing import Any

from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.segments.language.documents import all_of, any_of, rows, rule

GOALS = ("bought", "seated", "settled", "finished", "learned")
"""About one course or class: ``bought`` an order for it holds money; ``seated`` has a seat in it,
also one that begins later, and none that ran out;
``settled`` no order for it waits to be paid; ``finished`` has completed it; ``learned`` has completed it, or
learned in it in the last :data:`LATELY` days."""
LATELY = 3


def goal_of(name: str, course: str) -> dict[str, Any]:
    """Return the tree of a goal.

    :param course: the school's id of a course or class.
    :raises BadInput: ``input.bad`` when there is no such goal.
    """
    seat = [_is("role", "learner")]
    if name == "bought":
        held = rule("state", "in", ["paid", "refunding", "partly_refunded"])
        return _rows("orders", course, held)
    if name == "seated":
        return _rows("enrolments", course, *seat, rule("state", "in", ["active", "upcoming"]))
    if name == "settled":
        return _rows("orders", course, _is("state", "pending"), mode="none")
    if name == "finished":
        done = rule("completed_at", "notNull")
        return _rows("enrolments", course, *seat, done)
    if name == "learned":
        lately = rule("last_learned_at", "inLast", {"n": LATELY, "unit": "day"})
        wanted = any_of(lately, rule("completed_at", "notNull"))
        return _rows("enrolments", course, *seat, wanted)
    raise BadInput("input.bad", "goal", reason=one_of(GOALS))


def renewed(until: str, level: str = "") -> dict[str, Any]:
    """Return the tree of people whose membership lasts longer than an instant, or for ever.

    :param until: ISO 8601.
    :param level: of this membership level; empty = of any.
    """
    lasts = any_of(rule("member_until", "null"), rule("member_until", ">", until))
    named = [_is("member_level", level)] if level else []
    return all_of(rule("is_member", "=", True), *named, lasts)


def recognise(tree: object, course: str) -> str | None:
    """Return the name of the goal that a tree is for a course; None of any other tree."""
    return next((name for name in GOALS if goal_of(name, course) == tree), None)


def _rows(relation: str, course: str, *rules: dict[str, Any], mode: str = "some") -> dict[str, Any]:
    return all_of(rows(relation, _is("course_id", course), *rules, mode=mode))


def _is(field: str, value: str) -> dict[str, Any]:
    return rule(field, "=", value)
