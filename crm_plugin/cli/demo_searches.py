"""The quick queries that a new demo shows on its homes, saved and counted as by an administrator."""

from typing import Any

from sqlalchemy import select

from crm_plugin.demo.generate import demo_accounts
from crm_plugin.demo.models import User
from crm_plugin.host.context import Crm
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.segments.language.documents import all_of, rule
from crm_plugin.segments.saved import quick_queries
from crm_plugin.web.segments.presets import PRESETS

_KEPT = "demo.searches"
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
    """Save, share and pin the quick queries, once: a deleted one does not come back.

    :param language: of the school, ``en`` or ``zh``: searches are named in it.
    """
    with crm.db.read() as session:
        if kept(session, _KEPT):
            return
        login = demo_accounts()[0].username
        ident = session.scalar(select(User.id).where(User.username == login))
    admin = Actor(str(ident), login, frozenset(PERMISSIONS))
    for names, tree in SEARCHES:
        quick_queries.save(crm, admin, names[language], tree, shared=True, pinned=True)
    crm.db.run(lambda session: keep(session, _KEPT, True))
    quick_queries.refresh_counts(crm, everything=True)
