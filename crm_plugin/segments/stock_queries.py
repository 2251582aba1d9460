"""Quick queries that an installation may begin with; readers see their names in their own language.

A quick query is one of them as long as it has that name and that segment. Renamed or
changed, it is its owner's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm_plugin.kernel.i18n import SOURCE, Text
from crm_plugin.segments.language.documents import all_of, any_of, rows, rule

CONTEXT = "query"
"""Of the names in the catalogues of translations."""


@dataclass(frozen=True)
class StockQuery:
    """A question that every school asks."""

    name: Text
    tree: dict[str, Any]


def _days(field: str, operator: str, n: int) -> dict[str, Any]:
    return rule(field, operator, {"n": n, "unit": "day"})


STOCK = (
    StockQuery(Text("Members", "query"), all_of(rule("is_member", "=", True))),
    StockQuery(
        Text("Dormant for 60 days", "query"),
        all_of(any_of(_days("last_active_at", "olderThan", 60), rule("last_active_at", "null"))),
    ),
    StockQuery(
        Text("Took a trial, bought nothing", "query"),
        all_of(
            _days("registered_at", "inLast", 90),
            rows("signals", rule("kind", "=", "trial")),
            rule("paid_count", "=", 0),
        ),
    ),
    StockQuery(Text("Left an order unpaid", "query"), all_of(rule("unpaid_count", ">=", 1))),
    StockQuery(Text("Loyal buyers", "query"), all_of(rule("paid_count", ">=", 5))),
)


def shown_name(name: str, tree: Mapping[str, Any], locale: str | None) -> str:
    """Return the name of a quick query for readers of a language; None = they have not said which."""
    stock = (one for one in STOCK if one.name == name and one.tree == tree)
    return next((one.name.of(locale or SOURCE) for one in stock), name)
