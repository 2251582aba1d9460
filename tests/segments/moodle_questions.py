"""The six questions of the Moodle data set as filter documents; the present is 2026-11-15T00:00Z.

"Reachable" there means neither suspended nor unconfirmed: status active. A question asked of every
person says nothing about the status.
"""

from typing import Any

AS_OF = "2026-11-15T00:00:00Z"


def _rule(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def _days(field: str, operator: str, n: int) -> dict[str, Any]:
    return _rule(field, operator, {"n": n, "unit": "day"})


def _all(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"combinator": "and", "rules": list(rules)}


def _rows(field: str, match: dict[str, Any], *rules: dict[str, Any]) -> dict[str, Any]:
    return {"field": field, "match": match, "value": _all(*rules)}


REACHABLE = _rule("status", "=", "active")
SOME = {"mode": "some"}

QUESTIONS: dict[str, dict[str, Any]] = {
    "S01": _all(_days("registered_at", "inLast", 30)),
    "S02": _all(REACHABLE, _days("last_active_at", "olderThan", 60)),
    "S03": _all(REACHABLE, _rule("last_active_at", "null"), _days("registered_at", "olderThan", 14)),
    "S04": _all(
        REACHABLE,
        _rows("enrolments", SOME, _rule("active", "=", True), _rule("course_tag", "contains", "python")),
    ),
    "S05": _all(
        REACHABLE,
        _rows("enrolments", SOME, _rule("active", "=", True), _days("expires_at", "inNext", 14)),
    ),
    "S06": _all(
        REACHABLE,
        _rows("orders", {"mode": "atLeast", "threshold": 2}, _days("paid_at", "inLast", 180)),
    ),
}
"""Id of the question → its document."""
