"""The people of one course or class by their stage, as segments over the fields that there are.

A course stands for its copies and plans as well: ``course_id`` of the filter language means the root.
"""

from collections.abc import Callable
from typing import Any

from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.profiles.store.enrolment_state import SEATED
from crm_plugin.segments.language.documents import all_of, any_of, rows, rule

Tree = dict[str, Any]

CIRCLES = ("potential", "pending", "upcoming", "learners", "left")
"""``potential``: showed interest lately and has no seat; ``pending``: has an unpaid order that is still
open; ``upcoming``: has a seat whose access begins later, and none before; ``learners``: has a seat; ``left``:
gave the seat back, or lost it, and has none now. A seat whose access ran out is none."""
SIGNALS = ("view", "trial", "favourite", "audit", "question", "review", "coupon")
"""Kinds of signals that show interest; a closed unpaid order is one more."""
_LEARNING = ("active", "suspended")


def people_of(circle: str, course: str, *, days: int, knows: Callable[[str, str], bool]) -> Tree:
    """Return the segment that finds the people of a course in one stage.

    :param course: the school's id of a course or class.
    :param days: how long a signal of interest counts.
    :param knows: says whether the school has a stream's field; the field empty = the stream at all.
    :raises BadInput: ``input.bad`` when there is no such stage.
    """
    if circle == "potential":
        return _potential(course, days, knows)
    if circle == "pending":
        return all_of(_some("orders", course, _is("state", "pending")))
    if circle == "learners":
        return all_of(_some("enrolments", course, _is("role", "learner"), _in("state", _LEARNING)))
    if circle == "upcoming":
        later = _some("enrolments", course, _is("role", "learner"), _is("state", "upcoming"))
        return all_of(later, _seatless(course, _LEARNING))
    if circle == "left":
        gone = (_is("role", "learner"), _is("state", "ended"), _in("end_kind", ("refund", "removed", "left")))
        return all_of(_some("enrolments", course, *gone), _seatless(course))
    raise BadInput("input.bad", "circle", reason=one_of(CIRCLES))


def recognise(tree: Tree, *, days: int, knows: Callable[[str, str], bool]) -> tuple[str, str] | None:
    """Return (stage, course) of a segment that :func:`people_of` made; None of any other."""
    course = _course_in(tree)
    if course is None:
        return None
    made = {circle: people_of(circle, course, days=days, knows=knows) for circle in CIRCLES}
    return next(((circle, course) for circle, one in made.items() if one == tree), None)


def _course_in(node: Any) -> str | None:
    if isinstance(node, dict):
        if node.get("field") == "course_id":
            return str(node.get("value"))
        return _course_in(node.get("rules") or node.get("value"))
    found = map(_course_in, node if isinstance(node, list) else [])
    return next((course for course in found if course is not None), None)


def _potential(course: str, days: int, knows: Callable[[str, str], bool]) -> Tree:
    lately = {"n": days, "unit": "day"}
    interests, without = [], [_seatless(course)]
    if knows("signals", ""):
        told = (_in("kind", SIGNALS), rule("at", "inLast", lately))
        interests.append(_some("signals", course, *told))
    if knows("orders", ""):
        at = "closed_at" if knows("orders", "closed_at") else "created_at"
        given_up = rule(at, "inLast", lately)
        interests.append(_some("orders", course, _is("state", "closed"), given_up))
        without.append(_some("orders", course, _is("state", "pending"), mode="none"))
    return all_of(any_of(*interests), *without)


def _seatless(course: str, states: tuple[str, ...] = SEATED) -> Tree:
    return _some("enrolments", course, _is("role", "learner"), _in("state", states), mode="none")


def _some(relation: str, course: str, *rules: Tree, mode: str = "some") -> Tree:
    return rows(relation, _is("course_id", course), *rules, mode=mode)


def _is(field: str, value: str) -> Tree:
    return rule(field, "=", value)


def _in(field: str, values: tuple[str, ...]) -> Tree:
    return rule(field, "in", list(values))
