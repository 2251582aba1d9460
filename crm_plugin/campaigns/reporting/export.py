"""The people behind a number with their clicks, row by row, for a file."""

from collections.abc import Iterator
from datetime import datetime

from crm_plugin.campaigns import access
from crm_plugin.campaigns.queries import CampaignRow
from crm_plugin.campaigns.reporting.report import WRITTEN, Member, number_of, people_of
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import record
from crm_plugin.links import measures
from crm_plugin.profiles.store.masking import as_seen

PORTION = 5_000
"""Rows that are read at once."""
Exported = tuple[Member, datetime | None, int]
"""A person of an export, their first click, and how many clicks."""


def export(crm: Crm, actor: Actor, campaign_id: int, what: str) -> Iterator[Exported]:
    """Return each person behind a number, with their first click and how many; audited when it begins.

    :raises Refused: without ``crm.export``.
    """
    with crm.db.read() as session:
        campaign = access.find(session, actor, campaign_id, "crm.export")
        count = number_of(session, campaign, what, actor.scope)
    facts = (actor.id, "campaign.export", ("campaign", campaign_id))
    crm.db.run(lambda session: record(session, crm.clock(), *facts, what=what, count=count))
    return _exported(crm, actor, campaign, what)


def _exported(crm: Crm, actor: Actor, campaign: CampaignRow, what: str) -> Iterator[Exported]:
    after = 0
    while True:
        with crm.db.read() as session:
            rows = people_of(session, campaign, what, after, PORTION, scope=actor.scope)
            clicks = measures.clicks_of(session, [row.delivery_id for row in rows])
        for row in rows:
            yield as_seen(actor, row, *WRITTEN), *clicks.get(row.delivery_id, (None, 0))
        if len(rows) < PORTION:
            return
        after = rows[-1].delivery_id
