"""Searches to start from: the questions that every school asks."""

from dataclasses import dataclass
from typing import Any

from crm_plugin.kernel.i18n import Text


@dataclass(frozen=True)
class Preset:
    """A search with its name."""

    key: str
    label: str
    tree: dict[str, Any]


def _rule(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def _days(field: str, operator: str, n: int) -> dict[str, Any]:
    return _rule(field, operator, {"n": n, "unit": "day"})


def _all(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"combinator": "and", "rules": list(rules)}


def _any(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"combinator": "or", "rules": list(rules)}


_TRIAL = {
    "field": "signals",
    "match": {"mode": "some"},
    "value": _all(_rule("kind", "=", "trial")),
}

PRESETS = (
    Preset("everybody", Text("Everybody"), _all()),
    Preset("signed_in", Text("Signed in within 30 days"), _all(_days("last_login_at", "inLast", 30))),
    Preset("members", Text("Members"), _all(_rule("is_member", "=", True))),
    Preset("bought", Text("Ever bought"), _all(_rule("paid_count", ">=", 1))),
    Preset(
        "trial",
        Text("New, took a trial, bought nothing"),
        _all(_days("registered_at", "inLast", 90), _TRIAL, _rule("paid_count", "=", 0)),
    ),
    Preset("unpaid", Text("Left an order unpaid"), _all(_rule("unpaid_count", ">=", 1))),
    Preset(
        "dormant",
        Text("Not active for 60 days, or never"),
        _all(_any(_days("last_active_at", "olderThan", 60), _rule("last_active_at", "null", None))),
    ),
)
