"""The searches that a new demo shows on its homes, saved and counted as an administrator would do it."""

from typing import Any

from sqlalchemy import select

from crm_plugin.demo.generate import demo_accounts
from crm_plugin.demo.models import User
from crm_plugin.host.context import Crm
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.daily import keep, kept
from crm_plugin.segments import quick
from crm_plugin.web.presets import PRESETS

_KEPT = "demo.searches"
_LOYAL = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 5}]}
_TREES = {preset.key: preset.tree for preset in PRESETS}
SEARCHES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Members", _TREES["members"]),
    ("Dormant for 60 days", _TREES["dormant"]),
    ("Took a trial, bought nothing", _TREES["trial"]),
    ("Left an order unpaid", _TREES["unpaid"]),
    ("Loyal buyers", _LOYAL),
)
"""(name, filter tree)."""


def seed(crm: Crm) -> None:
    """Save, share and pin the searches, once: who deletes one does not find it again."""
    with crm.db.read() as session:
        if kept(session, _KEPT):
            return
        login = demo_accounts()[0].username
        ident = session.scalar(select(User.id).where(User.username == login))
    admin = Actor(str(ident), login, frozenset(PERMISSIONS))
    for name, tree in SEARCHES:
        quick.save(crm, admin, name, tree, shared=True, pinned=True)
    with crm.db.begin() as session:
        keep(session, _KEPT, True)
    quick.refresh_counts(crm, everything=True)
