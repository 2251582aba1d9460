"""The courses that an actor is limited to, as conditions: the people and rows in their scope."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.models.school import Course, Enrolment, OrderLine, Person, Signal

Scope = Collection[str] | None
"""Host ids of courses; None = everything."""


def root_ids(scope: Collection[str]) -> sa.Select[Any]:
    """Return a query of the root courses of these courses."""
    return sa.select(Course.root_id).where(Course.host_id.in_(sorted(scope)))


def in_scope(person_id: Any, scope: Scope) -> sa.ColumnElement[bool]:
    """Return that a person has an enrolment, order or signal in one of these courses.

    :param person_id: a column that names a person.
    """
    if scope is None:
        return sa.true()
    roots = root_ids(scope)
    tables = (Enrolment, OrderLine, Signal)
    return sa.or_(
        *(
            sa.exists().where(table.person_id == person_id, table.root_id.in_(roots)).correlate_except(table)
            for table in tables
        )
    )


def members(scope: Collection[str]) -> sa.Select[Any]:
    """Return ``SELECT person id`` of who has an enrolment, order or signal in one of these courses."""
    roots = root_ids(scope)
    tables = (Enrolment, OrderLine, Signal)
    ids = sa.union_all(*(sa.select(t.person_id).where(t.root_id.in_(roots)) for t in tables)).subquery()
    return sa.select(ids.c.person_id)


def of_courses(root_id: Any, scope: Scope) -> sa.ColumnElement[bool]:
    """Return that a row belongs to one of these courses.

    :param root_id: its column with the root course.
    """
    return sa.true() if scope is None else root_id.in_(root_ids(scope))


def sees(session: Session, person_id: int, scope: Scope) -> bool:
    """Return whether there is such a person, in scope."""
    return (
        session.scalar(sa.select(Person.id).where(Person.id == person_id, in_scope(Person.id, scope)))
        is not None
    )


def check(session: Session, actor: Actor, person_id: int) -> None:
    """Refuse a person that the actor may not see.

    :raises NotFound: ``object.missing``, the same for who is outside the actor's courses and for nobody.
    """
    if not sees(session, person_id, actor.scope):
        raise NotFound("object.missing", kind=Clause("person"), id=person_id)
