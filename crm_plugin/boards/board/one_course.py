"""One course or class as its board shows it: what the school says of it, and what a class contains."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.models.school import Course, CourseLink
from crm_plugin.profiles.store.course_scope import Scope, of_courses


@dataclass(frozen=True)
class Part:
    """A course that a class contains: the root of its copies."""

    id: int
    host_id: str
    title: str


@dataclass(frozen=True)
class BoardCourse:
    """The root of a course's copies and plans, or a class."""

    id: int
    host_id: str
    title: str
    kind: str
    status: str
    price: Decimal | None
    currency: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    gone: bool
    parts: tuple[Part, ...] = ()
    """Of a class; empty for a course."""

    @property
    def roots(self) -> list[int]:
        """Our ids of it and of the courses that it contains: interest in each of them counts."""
        return [self.id, *(part.id for part in self.parts)]

    @property
    def host_ids(self) -> list[str]:
        """The school's ids of the same."""
        return [self.host_id, *(part.host_id for part in self.parts)]


_FACTS = [name for name in BoardCourse.__dataclass_fields__ if name != "parts"]


def find(session: Session, actor: Actor, host_id: str) -> BoardCourse:
    """Return a course or class; of a copy or plan, the course that it is one of.

    :raises Refused: without ``crm.view``.
    :raises NotFound: ``object.missing``, the same for one outside the actor's courses.
    """
    need(actor, "crm.view")
    named = sa.select(Course.root_id).where(
        Course.host_id == host_id, of_courses(Course.root_id, actor.scope)
    )
    columns = [getattr(Course, name) for name in _FACTS]
    row = session.execute(sa.select(*columns).where(Course.id.in_(named))).first()
    if row is None:
        raise NotFound("object.missing", kind=Clause("course"), id=host_id)
    parts = _parts(session, row.id, actor.scope) if row.kind == "class" else ()
    return BoardCourse(**row._mapping, parts=parts)


def _parts(session: Session, root: int, scope: Scope) -> tuple[Part, ...]:
    copies = sa.select(Course.id).where(Course.root_id == root)
    inside, top = aliased(Course), aliased(Course)
    query = (
        sa.select(top.id, top.host_id, top.title)
        .distinct()
        .join(inside, inside.root_id == top.id)
        .join(CourseLink, CourseLink.host_id == inside.host_id)
        .where(CourseLink.kind == "contains", CourseLink.course_id.in_(copies), top.id != root)
        .where(of_courses(top.id, scope))
        .order_by(top.id)
    )
    return tuple(Part(*row) for row in session.execute(query))
