"""What the ledger adds to a person's facts: how often they were marketed, and when last."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.campaigns.models import Delivery
from crm_plugin.kernel.db.bulk import among
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.recompute_queue import touch


def marketed(session: Session, ids: Collection[int]) -> None:
    """Compute ``marketed_count`` and ``last_marketed_at`` of people again, by one statement.

    Counts messages of marketing purpose that were handed to a carrier, whatever the channel. People
    who never had one and have none are left alone: after a scan that is nearly everybody.
    """
    mine = (
        sa.select()
        .where(Delivery.person_id == Person.id, Delivery.state.in_(COUNTED), Delivery.marketing.is_(True))
        .correlate(Person)
    )
    session.execute(
        sa.update(Person)
        .where(among(session, Person.id, ids))
        .where(sa.or_(Person.marketed_count > 0, mine.with_only_columns(sa.literal(1)).exists()))
        .values(
            marketed_count=mine.with_only_columns(sa.func.count(Delivery.id)).scalar_subquery(),
            last_marketed_at=mine.with_only_columns(sa.func.max(Delivery.handed_at)).scalar_subquery(),
        )
        .execution_options(synchronize_session=False)
    )


def touch_since(session: Session, campaign_ids: Collection[int], since: datetime) -> None:
    """Let the facts of all people that these campaigns wrote to lately be computed again: a worker died."""
    query = sa.select(Delivery.person_id).where(Delivery.campaign_id.in_(tuple(campaign_ids)))
    touch(session, query.where(Delivery.handed_at >= since).distinct())
