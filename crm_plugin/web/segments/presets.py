"""Segments to start from: the questions that every school asks."""

from dataclasses import dataclass
from typing import Any

from crm_plugin.kernel.i18n import Text
from crm_plugin.segments.language.documents import all_of, any_of, rows, rule


@dataclass(frozen=True)
class Preset:
    """A segment with its name."""

    key: str
    label: str
    tree: dict[str, Any]


def _days(field: str, operator: str, n: int) -> dict[str, Any]:
    return rule(field, operator, {"n": n, "unit": "day"})


_TRIAL = rows("signals", rule("kind", "=", "trial"))

PRESETS = (
    Preset("everybody", Text("Everybody"), all_of()),
    Preset("signed_in", Text("Signed in within 30 days"), all_of(_days("last_login_at", "inLast", 30))),
    Preset("members", Text("Members"), all_of(rule("is_member", "=", True))),
    Preset("bought", Text("Ever bought"), all_of(rule("paid_count", ">=", 1))),
    Preset(
        "trial",
        Text("New, took a trial, bought nothing"),
        all_of(_days("registered_at", "inLast", 90), _TRIAL, rule("paid_count", "=", 0)),
    ),
    Preset("unpaid", Text("Left an order unpaid"), all_of(rule("unpaid_count", ">=", 1))),
    Preset(
        "dormant",
        Text("Not active for 60 days, or never"),
        all_of(any_of(_days("last_active_at", "olderThan", 60), rule("last_active_at", "null", None))),
    ),
)
