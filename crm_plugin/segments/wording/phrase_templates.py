"""Conditions that marketers ask again and again, each as one phrase: "has not bought any of …".

A shape is a piece of a filter document of a known form. The page's builder offers it as one rule, sentences
say it in its own words; for parsing, SQL and the evaluator it is the ordinary document that it stands for.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from crm_plugin.kernel.i18n import Text
from crm_plugin.profiles.models.school import HELD_MONEY
from crm_plugin.segments.language.documents import Document, all_of, any_of, rule

INTEREST = ("view", "trial", "favourite", "audit", "coupon")
"""Kinds of activity that show interest in a course. Learners write reviews and questions too."""
ANY, NO_ONE, EVER, NEVER = "in", "notIn", "some", "none"
BARE = (EVER, NEVER)
"""Operators of shapes that take no value."""


@dataclass(frozen=True)
class Shape:
    """A piece of a document that has words of its own.

    :param name: what the builder's form posts for it; a tilde separates it from a field.
    :param says: operator → sentence with ``{value}``, in the order of a menu.
    :param picker: what is chosen from: ``course``, ``category``, ``tag``, or nothing.
    :param needs: what the school must provide, as fields say it.
    :param make: (operator, value) → document.
    :param read: document → (operator, value), None when it has another form.
    """

    name: str
    label: Text
    says: Mapping[str, Text]
    picker: str
    needs: tuple[str, ...]
    make: Callable[[str, Any], Document]
    read: Callable[[Document], tuple[str, Any] | None]


def recognised(document: Any) -> tuple[Shape, str, Any] | None:
    """Return the shape that a rule or group has, with its operator and value."""
    if isinstance(document, dict):
        for shape in SHAPES:
            found = shape.read(document)
            if found is not None:
                return shape, *found
    return None


def _rows(relation: str, fixed: Document, field: str) -> dict[str, Any]:
    """Return ``make`` and ``read`` for: some or no related row is ``fixed`` and has one of the values."""

    def make(operator: str, value: Any) -> Document:
        chosen = [] if operator in BARE else [rule(field, "in", list(value or ()))]
        mode = "some" if operator in (ANY, EVER) else "none"
        return {"field": relation, "match": {"mode": mode}, "value": all_of(deepcopy(fixed), *chosen)}

    def read(document: Document) -> tuple[str, Any] | None:
        match, value = document.get("match"), document.get("value")
        if document.get("field") != relation or match not in ({"mode": "some"}, {"mode": "none"}):
            return None
        some = match["mode"] == "some"
        if value == all_of(fixed):
            return (EVER if some else NEVER), None
        values = _last(value)
        if values is None or value != all_of(fixed, rule(field, "in", values)):
            return None
        return (ANY if some else NO_ONE), values

    return {"make": make, "read": read}


def _last(group: Any) -> Sequence[Any] | None:
    rules = group.get("rules") if isinstance(group, dict) else None
    last = rules[-1] if isinstance(rules, list) and rules else None
    values = last.get("value") if isinstance(last, dict) else None
    return values if isinstance(values, list) else None


def _quiet(_operator: str, span: Any) -> Document:
    return any_of(rule("last_active_at", "olderThan", span), rule("last_active_at", "null", None))


def _read_quiet(document: Document) -> tuple[str, Any] | None:
    rules = document.get("rules")
    span = rules[0].get("value") if isinstance(rules, list) and rules and isinstance(rules[0], dict) else None
    return ("olderThan", span) if isinstance(span, dict) and document == _quiet("", span) else None


_PAID = rule("state", "in", list(HELD_MONEY))


def _bought(name: str, label: Text, field: str, some: Text, none: Text, **more: Any) -> Shape:
    return Shape(name, label, {ANY: some, NO_ONE: none}, **more, **_rows("orders", _PAID, field))


SHAPES: tuple[Shape, ...] = (
    Shape(
        "~quiet",
        Text("Not active (or never)"),
        {"olderThan": Text("not active for {value} (or never)")},
        "",
        ("persons.last_active_at|signals",),
        _quiet,
        _read_quiet,
    ),
    _bought(
        "~bought",
        Text("Courses bought"),
        "course_id",
        Text("has bought any of {value}"),
        Text("has not bought any of {value}"),
        picker="course",
        needs=("orders",),
    ),
    _bought(
        "~bought_category",
        Text("Course categories bought from"),
        "course_category",
        Text("has bought from any of {value}"),
        Text("has not bought from any of {value}"),
        picker="category",
        needs=("orders", "courses.category"),
    ),
    _bought(
        "~bought_tag",
        Text("Course tags bought"),
        "course_tag",
        Text("has bought courses tagged any of {value}"),
        Text("has not bought courses tagged any of {value}"),
        picker="tag",
        needs=("orders", "courses.tags"),
    ),
    Shape(
        "~enrolled",
        Text("Courses and classes attended now"),
        {
            ANY: Text("is enrolled now in any of {value}"),
            NO_ONE: Text("is not enrolled now in any of {value}"),
            EVER: Text("is enrolled somewhere now"),
            NEVER: Text("is enrolled nowhere now"),
        },
        "course",
        ("enrolments",),
        **_rows("enrolments", rule("active", "=", True), "course_id"),
    ),
    Shape(
        "~trial",
        Text("Trial lessons"),
        {
            EVER: Text("took a trial lesson"),
            NEVER: Text("took no trial lesson"),
            ANY: Text("took a trial lesson of any of {value}"),
            NO_ONE: Text("took no trial lesson of any of {value}"),
        },
        "course",
        ("signals",),
        **_rows("signals", rule("kind", "=", "trial"), "course_id"),
    ),
    Shape(
        "~interest",
        Text("Courses looked at or tried"),
        {
            ANY: Text("showed interest in any of {value}"),
            NO_ONE: Text("showed no interest in any of {value}"),
        },
        "course",
        ("signals",),
        **_rows("signals", rule("kind", "in", list(INTEREST)), "course_id"),
    ),
)
"""In the order of the builder's menu."""
