"""Whether courses still take people, for campaigns that are no use once they do not."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns.policy.campaign_policy import Rules
from crm_plugin.profiles.models.school import Course, Enrolment
from crm_plugin.profiles.store.enrolment_state import SEATED, in_states
from crm_plugin.segments.language.dates import Present


def open_roots(at: datetime) -> sa.Select[Any]:
    """Return ``SELECT root id`` of the courses of which some copy or plan takes people at an instant.

    It is published, not over, and has a free seat.
    """
    taken = (
        sa.select(sa.func.count(sa.distinct(Enrolment.person_id)))
        .where(Enrolment.root_id == Course.root_id, Enrolment.course_id == Course.id)
        .where(Enrolment.role == "learner", in_states(Enrolment, SEATED, at))
        .correlate(Course)
        .scalar_subquery()
    )
    free = sa.or_(Course.capacity.is_(None), taken < Course.capacity)
    lasts = sa.or_(Course.ends_at.is_(None), Course.ends_at > at)
    return sa.select(Course.root_id).where(Course.gone.is_(False), Course.status == "published", lasts, free)


def is_closed(rules: Rules, present: Present) -> sa.ColumnElement[bool] | None:
    """The campaign's course takes nobody any more; None where a campaign does not ask."""
    if not rules.policy.open_course or not rules.course:
        return None
    root = sa.select(Course.root_id).where(Course.host_id == rules.course).scalar_subquery()
    mine = open_roots(present.as_of).where(Course.root_id == root)
    return ~mine.correlate(None).exists()
