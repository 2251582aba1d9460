"""Whether courses still take people, for campaigns that are no use once they do not."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from crm_plugin.profiles.models.school import Course, Enrolment
from crm_plugin.profiles.store.enrolment_state import SEATED, in_states


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


def is_closed(course: str, at: datetime) -> sa.ColumnElement[bool]:
    """Return that a course or class, by the school's id, takes nobody any more."""
    root = sa.select(Course.root_id).where(Course.host_id == course).scalar_subquery()
    return ~open_roots(at).where(Course.root_id == root).correlate(None).exists()
