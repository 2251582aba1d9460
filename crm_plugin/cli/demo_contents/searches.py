"""The quick queries that a new demo shows on its homes, saved and counted as by an administrator."""

from crm_plugin.cli.demo_contents.staff import administrator
from crm_plugin.host.context import Crm
from crm_plugin.segments.saved import quick_queries
from crm_plugin.segments.stock_queries import STOCK


def seed(crm: Crm, _language: str) -> None:
    """Save, share and pin the quick queries, whose names are said in each reader's language."""
    admin = administrator(crm)
    for one in STOCK:
        quick_queries.save(crm, admin, one.name, one.tree, shared=True, pinned=True)
    quick_queries.refresh_counts(crm, everything=True)
