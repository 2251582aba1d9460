"""The people behind the measure ``people_clicked``."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.links.measures import COUNTED
from crm_plugin.links.models import Hit


def who(session: Session, campaign_id: int) -> dict[int, int]:
    """Return person → human hits."""
    query = sa.select(Hit.person_id, sa.func.count()).where(
        Hit.campaign_id == campaign_id, Hit.kind.in_(COUNTED), Hit.person_id > 0
    )
    return {person: hits for person, hits in session.execute(query.group_by(Hit.person_id)) if person}
