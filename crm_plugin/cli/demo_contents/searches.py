"""The quick queries that a new demo shows on its homes, saved and counted as by an administrator."""

from typing import Any

from crm_plugin.cli.demo_contents.staff import administrator
from crm_plugin.host.context import Crm
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.segments.saved import quick_queries
from crm_plugin.web.segments.presets import PRESETS

_LOYAL = all_of(rule("paid_count", ">=", 5))
_TREES = {preset.key: preset.tree for preset in PRESETS}
SEARCHES: tuple[tuple[dict[str, str], dict[str, Any]], ...] = (
    ({"en": "Members", "zh": "会员"}, _TREES["members"]),
    ({"en": "Dormant for 60 days", "zh": "沉睡 60 天"}, _TREES["dormant"]),
    ({"en": "Took a trial, bought nothing", "zh": "试听过但未购买"}, _TREES["trial"]),
    ({"en": "Left an order unpaid", "zh": "有未支付订单"}, _TREES["unpaid"]),
    ({"en": "Loyal buyers", "zh": "忠实买家"}, _LOYAL),
)
"""(name in each language, filter tree)."""


def seed(crm: Crm, language: str) -> None:
    """Save, share and pin the quick queries.

    :param language: of the school, ``en`` or ``zh``: searches are named in it.
    """
    admin = administrator(crm)
    for names, tree in SEARCHES:
        quick_queries.save(crm, admin, names[language], tree, shared=True, pinned=True)
    quick_queries.refresh_counts(crm, everything=True)
