"""Labels for pickers: tags and categories by what they contain."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.profiles.models.school import Course, CourseLabel, PersonTag
from crm_plugin.profiles.store.course_scope import Scope, in_scope, of_courses
from crm_plugin.profiles.store.normalise import fold


def labels(session: Session, kind: str, text: str = "", limit: int = 30, scope: Scope = None) -> list[str]:
    """Return tags or categories that contain ``text``, in the order of their letters.

    :param kind: ``category`` (of courses) or ``tag`` (of courses and of people).
    :param scope: courses that the reader is limited to: labels of these and of their people only.
    """
    wanted = fold(text)
    chosen = sa.select(CourseLabel.folded, CourseLabel.value).where(CourseLabel.kind == kind)
    if scope is not None:
        here = sa.select(Course.id).where(of_courses(Course.root_id, scope))
        chosen = chosen.where(CourseLabel.course_id.in_(here))
    tables = [chosen.where(CourseLabel.folded.contains(wanted, autoescape=True)).distinct()]
    if kind == "tag":
        own = sa.select(PersonTag.folded, PersonTag.value).where(
            PersonTag.kind == "tag", in_scope(PersonTag.person_id, scope)
        )
        tables.append(own.where(PersonTag.folded.contains(wanted, autoescape=True)).distinct())
    every = sa.union(*tables).subquery()
    query = sa.select(sa.func.min(every.c.value)).group_by(every.c.folded).order_by(every.c.folded)
    return [str(value) for value in session.scalars(query.limit(limit))]
