"""The list of root courses whose figures are to be computed again.

What writes rows of the school notes the roots of the rows as they were and as they are. The classes that
contain such a course are noted with it, since interest in a course is interest in its classes.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.kernel.db.bulk import among, chunks, insert_many
from crm_plugin.profiles.models.school import Course, CourseLink, Enrolment, OrderLine, Signal
from crm_plugin.profiles.models.streams import TouchedCourse

WITHOUT_INTEREST = ("login", "visit", "learn")
"""Kinds of signals that change no figure of a course, and are the most frequent ones."""


def touch_courses(session: Session, roots: Collection[int]) -> None:
    """Let the figures of these root courses, and of the classes that contain them, be computed again soon."""
    if roots:
        wanted = {*roots, *_holders(session, roots)}
        insert_many(session, TouchedCourse, [{"root_id": id} for id in sorted(wanted)])


def _holders(session: Session, roots: Collection[int]) -> set[int]:
    part, holder = aliased(Course), aliased(Course)
    links = sa.select(holder.root_id).join(CourseLink, CourseLink.course_id == holder.id)
    links = links.join(part, part.host_id == CourseLink.host_id).where(CourseLink.kind == "contains")
    return set(session.scalars(links.where(among(session, part.root_id, list(roots))).distinct()))


def touch_all_courses(session: Session) -> None:
    """Let the figures of all root courses be computed again."""
    roots = sa.select(Course.root_id).where(Course.root_id > 0).distinct()
    session.execute(sa.insert(TouchedCourse).from_select(["root_id"], roots))


def roots_of_people(session: Session, ids: Collection[int]) -> set[int]:
    """Return the root courses in which these persons have an enrolment, an order or a signal."""
    found: set[int] = set()
    for part in chunks(ids):
        for model in (Enrolment, OrderLine, Signal):
            theirs: Any = sa.select(model.root_id).where(among(session, model.person_id, part))
            found |= set(session.scalars(theirs.where(model.root_id.is_not(None)).distinct()))
    return found
