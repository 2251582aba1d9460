"""Conditions that marketers ask again and again, each as one phrase: "has not bought any of …".

A shape is a piece of a filter document of a known form. The page's builder offers it as one rule, sentences
say it in its own words; for parsing, SQL and the evaluator it is the ordinary document that it stands for.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from crm_plugin.profiles.models.school import HELD_MONEY
from crm_plugin.segments.language.definitions import Label
from crm_plugin.segments.wording.phrases import Words

Document = dict[str, Any]
INTEREST = ("view", "trial", "favourite", "audit", "question", "review", "coupon")
"""Kinds of activity that show interest in a course."""
ANY, NO_ONE, EVER, NEVER = "in", "notIn", "some", "none"
BARE = (EVER, NEVER)
"""Operators of shapes that take no value."""


@dataclass(frozen=True)
class Shape:
    """A piece of a document that has words of its own.

    :param name: what the builder's form posts for it; a tilde tells it from a field.
    :param says: operator → sentence with ``{value}``, in both languages, in the order of a menu.
    :param picker: what is chosen from: ``course``, ``category``, ``tag``, or nothing.
    :param needs: what the school must tell, as fields say it.
    :param make: (operator, value) → document.
    :param read: document → (operator, value), None when it has another form.
    """

    name: str
    label: Label
    says: Mapping[str, Words]
    picker: str
    needs: tuple[str, ...]
    make: Callable[[str, Any], Document]
    read: Callable[[Document], tuple[str, Any] | None]


def rule(field: str, operator: str, value: Any) -> Document:
    """Return a comparison."""
    return {"field": field, "operator": operator, "value": value}


def every(*rules: Document) -> Document:
    """Return a group all of whose rules must hold."""
    return {"combinator": "and", "rules": list(rules)}


def either(*rules: Document) -> Document:
    """Return a group one of whose rules must hold."""
    return {"combinator": "or", "rules": list(rules)}


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
        return {"field": relation, "match": {"mode": mode}, "value": every(deepcopy(fixed), *chosen)}

    def read(document: Document) -> tuple[str, Any] | None:
        match, value = document.get("match"), document.get("value")
        if document.get("field") != relation or match not in ({"mode": "some"}, {"mode": "none"}):
            return None
        some = match["mode"] == "some"
        if value == every(fixed):
            return (EVER if some else NEVER), None
        values = _last(value)
        if values is None or value != every(fixed, rule(field, "in", values)):
            return None
        return (ANY if some else NO_ONE), values

    return {"make": make, "read": read}


def _last(group: Any) -> Sequence[Any] | None:
    rules = group.get("rules") if isinstance(group, dict) else None
    last = rules[-1] if isinstance(rules, list) and rules else None
    values = last.get("value") if isinstance(last, dict) else None
    return values if isinstance(values, list) else None


def _quiet(_operator: str, span: Any) -> Document:
    return either(rule("last_active_at", "olderThan", span), rule("last_active_at", "null", None))


def _read_quiet(document: Document) -> tuple[str, Any] | None:
    rules = document.get("rules")
    span = rules[0].get("value") if isinstance(rules, list) and rules and isinstance(rules[0], dict) else None
    return ("olderThan", span) if isinstance(span, dict) and document == _quiet("", span) else None


_PAID = rule("state", "in", list(HELD_MONEY))


def _bought(name: str, label: Label, field: str, some: Words, none: Words, **more: Any) -> Shape:
    return Shape(name, label, {ANY: some, NO_ONE: none}, **more, **_rows("orders", _PAID, field))


SHAPES: tuple[Shape, ...] = (
    Shape(
        "~quiet",
        Label("Not active (or never)", "未活跃（含从未活跃）"),
        {"olderThan": ("not active for {value} (or never)", "已有 {value}未活跃（含从未活跃）")},
        "",
        ("persons.last_active_at|signals",),
        _quiet,
        _read_quiet,
    ),
    _bought(
        "~bought",
        Label("Courses bought", "购买过的课程"),
        "course_id",
        ("has bought any of {value}", "买过其中任一：{value}"),
        ("has not bought any of {value}", "没有买过其中任何一个：{value}"),
        picker="course",
        needs=("orders",),
    ),
    _bought(
        "~bought_category",
        Label("Course categories bought from", "购买过的课程分类"),
        "course_category",
        ("has bought from any of {value}", "买过其中任一分类：{value}"),
        ("has not bought from any of {value}", "没有买过其中任何分类：{value}"),
        picker="category",
        needs=("orders", "courses.category"),
    ),
    _bought(
        "~bought_tag",
        Label("Course tags bought", "购买过的课程标签"),
        "course_tag",
        ("has bought courses tagged any of {value}", "买过带其中任一标签的课程：{value}"),
        ("has not bought courses tagged any of {value}", "没有买过带其中任何标签的课程：{value}"),
        picker="tag",
        needs=("orders", "courses.tags"),
    ),
    Shape(
        "~enrolled",
        Label("Courses and classes attended now", "当前在学的课程或班级"),
        {
            ANY: ("is enrolled now in any of {value}", "当前在学其中任一：{value}"),
            NO_ONE: ("is not enrolled now in any of {value}", "当前未在学其中任何一个：{value}"),
            EVER: ("is enrolled somewhere now", "当前有在学课程"),
            NEVER: ("is enrolled nowhere now", "当前没有在学课程"),
        },
        "course",
        ("enrolments",),
        **_rows("enrolments", rule("active", "=", True), "course_id"),
    ),
    Shape(
        "~trial",
        Label("Trial lessons", "试听"),
        {
            EVER: ("took a trial lesson", "试听过课程"),
            NEVER: ("took no trial lesson", "没有试听过课程"),
            ANY: ("took a trial lesson of any of {value}", "试听过其中任一：{value}"),
            NO_ONE: ("took no trial lesson of any of {value}", "没有试听过其中任何一个：{value}"),
        },
        "course",
        ("signals",),
        **_rows("signals", rule("kind", "=", "trial"), "course_id"),
    ),
    Shape(
        "~interest",
        Label("Courses looked at, tried or asked about", "看过、试听过或咨询过的课程"),
        {
            ANY: ("showed interest in any of {value}", "对其中任一感兴趣：{value}"),
            NO_ONE: ("showed no interest in any of {value}", "对其中任何一个都没有兴趣：{value}"),
        },
        "course",
        ("signals",),
        **_rows("signals", rule("kind", "in", list(INTEREST)), "course_id"),
    ),
)
"""In the order of the builder's menu."""
