"""What counts as a click, in one place: three measures, the same on every page, export and answer.

*Hits*: every request for a tracked link, but for test sends. *Human hits*: those judged human or
confirmed. *People*: different people with at least one human hit. Nothing else in the product counts
clicks, and nothing is driven by a hit that is not human.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.writes import upsert
from crm_plugin.links.classify import CONFIRMED, HUMAN
from crm_plugin.links.models import Hit, Tally

COUNTED = (HUMAN, CONFIRMED)
"""The classes that count as a person's click."""
NOT_HITS = ("test",)
"""The classes that count as nothing: test sends and previews."""


@dataclass(frozen=True, slots=True)
class Measures:
    """The three measures of one campaign."""

    hits: int = 0
    human_hits: int = 0
    people_clicked: int = 0
    counted_at: datetime | None = None


def tally(session: Session, campaign_id: int) -> Measures:
    """Return the three measures of a campaign as last counted."""
    return tallies(session, [campaign_id])[campaign_id]


def tallies(session: Session, campaign_ids: Sequence[int]) -> dict[int, Measures]:
    """Return the three measures of each campaign; zeros where nobody has clicked."""
    rows = session.scalars(sa.select(Tally).where(Tally.campaign_id.in_(campaign_ids)))
    found = {row.campaign_id: _measures(row) for row in rows}
    return {campaign: found.get(campaign, Measures()) for campaign in campaign_ids}


def _measures(row: Tally) -> Measures:
    return Measures(row.hits, row.human_hits, row.people_clicked, row.counted_at)


def recount(session: Session, campaign_ids: Iterable[int], at: datetime) -> None:
    """Count the hits of campaigns again, in the transaction that judged them."""
    wanted = sorted(set(campaign_ids))
    if not wanted:
        return
    human = Hit.kind.in_(COUNTED)
    query = (
        sa.select(
            Hit.campaign_id,
            sa.func.count().label("hits"),
            sa.func.coalesce(sa.func.sum(sa.case((human, 1), else_=0)), 0).label("human_hits"),
            sa.func.count(sa.distinct(sa.case((human, Hit.person_id)))).label("people_clicked"),
        )
        .where(Hit.campaign_id.in_(wanted), Hit.kind.not_in(NOT_HITS))
        .group_by(Hit.campaign_id)
    )
    rows: list[dict[str, Any]] = [
        {**row._mapping, "human_hits": int(row.human_hits), "counted_at": at}
        for row in session.execute(query)
    ]
    upsert(session, Tally, rows, key=["campaign_id"])


def give(session: Session, deliveries: Collection[int], person_id: int) -> None:
    """Let the hits of ledger rows count for another person: two accounts turned out to be one."""
    if deliveries:
        hits = sa.update(Hit).where(Hit.delivery_id.in_(deliveries), Hit.person_id.is_not(None))
        session.execute(hits.values(person_id=person_id), execution_options={"synchronize_session": False})


def between(session: Session, campaign_id: int, edges: Sequence[datetime]) -> list[int]:
    """Return the human hits of a campaign between each two neighbouring instants."""
    columns = [
        sa.func.sum(sa.case((sa.and_(Hit.at >= since, Hit.at < until), 1), else_=0))
        for since, until in pairwise(edges)
    ]
    query = sa.select(*columns).where(Hit.campaign_id == campaign_id, Hit.kind.in_(COUNTED))
    return [int(count or 0) for count in session.execute(query).one()]


def clickers(session: Session, campaign_id: int) -> set[int]:
    """Return the ledger rows of a campaign behind people's clicks."""
    rows = sa.select(Hit.delivery_id).where(Hit.campaign_id == campaign_id, Hit.kind.in_(COUNTED))
    return set(session.scalars(rows.where(Hit.delivery_id > 0).distinct()))


def clicks_of(session: Session, deliveries: Collection[int]) -> dict[int, tuple[datetime, int]]:
    """Return ledger row → (first human hit, how many), for those of these rows that have one."""
    query = (
        sa.select(Hit.delivery_id, sa.func.min(Hit.at), sa.func.count())
        .where(among(session, Hit.delivery_id, list(deliveries)), Hit.kind.in_(COUNTED))
        .group_by(Hit.delivery_id)
    )
    return {delivery: (first, count) for delivery, first, count in session.execute(query)}


def clicked_deliveries() -> sa.Select[Any]:
    """Return a query of the ledger rows behind a person's click, for conditions on deliveries."""
    return sa.select(Hit.delivery_id).where(Hit.kind.in_(COUNTED), Hit.delivery_id > 0)


def clicks_on(deliveries: sa.Select[Any], until: datetime | None, limit: int) -> sa.Select[Any]:
    """Return a query of people's clicks on the links of these ledger rows, the newest first.

    Its columns are ``id``, ``at`` and ``campaign_id``.

    :param deliveries: one column of ledger rows.
    :param until: only clicks at or before it; None = all.
    """
    query: Any = sa.select(Hit.id, Hit.at, Hit.campaign_id).where(
        Hit.delivery_id.in_(deliveries), Hit.kind.in_(COUNTED), Hit.delivery_id > 0
    )
    if until is not None:
        query = query.where(Hit.at <= until)
    newest: sa.Select[Any] = query.order_by(Hit.at.desc(), Hit.id.desc()).limit(limit)
    return newest


def held_on(session: Session, person_id: int) -> list[dict[str, object]]:
    """Return every request for a person's links, for their right of access."""
    rows = session.scalars(sa.select(Hit).where(Hit.person_id == person_id).order_by(Hit.id))
    return [
        {"at": row.at.isoformat(), "campaign_id": row.campaign_id, "kind": row.kind, "agent": row.agent}
        for row in rows
    ]
