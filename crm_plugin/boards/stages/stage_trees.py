"""The people of one course or class by their stage, as segments.

A course stands for its copies and plans as well. What each stage means stands in
:mod:`crm_plugin.boards.stages.stage_rows`, and in plain words in ``docs/boards.md``.
"""

from collections.abc import Mapping
from typing import Any

from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.segments.language.documents import all_of, rule

Tree = dict[str, Any]

STAGES = ("potential", "pending", "upcoming", "learners", "left")
"""The tabs of a board, in their order."""
AUDIENCES = ("expired", "closed_unpaid")
"""Groups besides: access ran out; an order was closed unpaid, and nothing came of it."""
STALLED = "stalled"
"""Learners who fall behind the median pace: a condition beside the stages, and no tab."""
FIELD = "stage."
"""What the names of the fields begin with."""


def people_of(stage: str, course: str) -> Tree:
    """Return the segment that finds the people of a course in one stage.

    :param course: the school's id of a course or class.
    :raises BadInput: ``input.bad`` when there is no such stage.
    """
    known = (*STAGES, *AUDIENCES)
    if stage not in known:
        raise BadInput("input.bad", "stage", reason=one_of(known))
    return all_of(rule(FIELD + stage, "=", course))


def recognise(tree: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return (stage, course) of a segment that :func:`people_of` made; None of any other."""
    rules = tree.get("rules")
    only = rules[0] if isinstance(rules, list) and len(rules) == 1 else None
    if tree.get("not") or not isinstance(only, Mapping):
        return None
    stage, value = str(only.get("field")).removeprefix(FIELD), only.get("value")
    # The builder says the same with a list of one.
    course = value[0] if isinstance(value, list) and len(value) == 1 else value
    known = stage in (*STAGES, *AUDIENCES) and only.get("operator") in ("=", "in")
    return (stage, course) if known and isinstance(course, str) else None
