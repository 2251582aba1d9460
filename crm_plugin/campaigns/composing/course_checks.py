"""What may be wrong with the course or class that a campaign is about, before people are sent there."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels.base import Problem
from crm_plugin.profiles.models.school import Course, Enrolment
from crm_plugin.profiles.store.enrolment_state import SEATED, in_states


def problems(session: Session, content: Mapping[str, Any], at: datetime) -> list[Problem]:
    """Return warnings about the course and the class of a content.

    :param at: when the campaign starts.
    """
    found = []
    for key in ("course", "class"):
        if content.get(key):
            course = session.scalar(sa.select(Course).where(Course.host_id == content[key]))
            problem = _problem(session, course, str(content[key]), key, at)
            found += [problem] if problem else []
    return found


def _problem(session: Session, course: Course | None, ident: str, place: str, at: datetime) -> Problem | None:
    if course is None or course.gone:
        name = ident if course is None else course.title
        return Problem("campaign.course_gone", place, {"course": name}, severe=False)
    title = {"course": course.title}
    if course.status != "published":
        return Problem("campaign.course_closed", place, title, severe=False)
    if course.ends_at is not None and course.ends_at <= at:
        return Problem("campaign.course_over", place, title, severe=False)
    if course.capacity is not None:
        taken = _taken(session, course, at)
        if taken >= course.capacity:
            facts = {**title, "taken": taken, "capacity": course.capacity}
            return Problem("campaign.course_full", place, facts, severe=False)
    return None


def _taken(session: Session, course: Course, at: datetime) -> int:
    """Count the people enrolled in this copy or plan."""
    query = sa.select(sa.func.count(sa.distinct(Enrolment.person_id))).where(
        *(Enrolment.root_id == course.root_id, Enrolment.course_id == course.id),
        *(Enrolment.role == "learner", in_states(Enrolment, SEATED, at)),
    )
    return session.scalar(query) or 0
