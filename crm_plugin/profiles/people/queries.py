"""Reads for pages: people, one person's archive, courses, figures. Nothing here asks the school."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.facts.scoped import fact
from crm_plugin.profiles.models.school import Course, CourseLabel, Person, PersonTag
from crm_plugin.profiles.store.course_scope import Scope, in_scope, of_courses
from crm_plugin.profiles.store.masking import mask_email, mask_phone, mask_username, masked
from crm_plugin.profiles.store.normalise import fold


@dataclass(frozen=True)
class PersonRow:
    """A person as lists show them; contacts are masked unless wanted in clear."""

    id: int
    host_id: str
    status: str
    display_name: str
    real_name: str | None
    username: str | None
    email: str | None
    email_verified: bool | None
    has_email: bool
    phone: str | None
    phone_verified: bool | None
    has_phone: bool
    is_staff: bool
    gender: str | None
    city: str | None
    country: str | None
    company: str | None
    registered_at: datetime | None
    last_login_at: datetime | None
    last_active_at: datetime | None
    last_learned_at: datetime | None
    member_level: str | None
    member_until: datetime | None
    paid_count: int
    paid_total: Decimal | None
    """None where amounts are not shown to the reader (``crm.money``)."""
    refunded_total: Decimal | None
    unpaid_count: int
    first_paid_at: datetime | None
    last_paid_at: datetime | None
    marketed_count: int
    last_marketed_at: datetime | None
    merged_into: str | None


_STORED = tuple(name for name in PersonRow.__dataclass_fields__ if name not in ("has_email", "has_phone"))
WRITTEN = ("display_name", "real_name", "gender", "city", "country", "company", "member_level")
"""Texts in which a telephone or an address may stand."""


@dataclass(frozen=True)
class CourseRow:
    """A course as pickers show it."""

    id: int
    host_id: str
    title: str
    kind: str
    status: str
    price: Decimal | None
    currency: str | None
    gone: bool


def people(
    session: Session,
    ids: Sequence[int],
    *,
    contacts: bool = False,
    scope: Scope = None,
    currency: str = "",
) -> list[PersonRow]:
    """Return these persons in the order of ``ids``; those that are not there are left out.

    :param ids: our ids.
    :param contacts: whether telephones and addresses come in clear (``crm.contacts``).
    :param scope: courses that the reader is limited to: facts are computed over those alone.
    :param currency: the school's own, which such totals are in.
    """
    found: dict[int, PersonRow] = {}
    dialect = session.get_bind().dialect.name
    stored: list[Any] = [getattr(Person, name) for name in _STORED]
    if scope is not None:
        stored = [fact(name, Person, scope, currency, dialect).label(name) for name in _STORED]
    for part in chunks(ids):
        chosen = sa.select(*stored, Person.email_key, Person.phone_key).where(Person.id.in_(part))
        for row in session.execute(chosen):
            found[row.id] = _person(row._mapping, contacts)
    return [found[id] for id in ids if id in found]


def _person(columns: Any, contacts: bool) -> PersonRow:
    values = {name: columns[name] for name in _STORED}
    values["has_email"] = columns["email_key"] is not None
    values["has_phone"] = columns["phone_key"] is not None
    if not contacts:
        values["username"] = mask_username(values["username"], columns["email"], columns["phone"])
        values["email"] = mask_email(values["email"])
        values["phone"] = mask_phone(values["phone"])
        values |= {name: masked(values[name]) for name in WRITTEN}
    return PersonRow(**values)


def person_id_of(session: Session, host_id: str) -> int:
    """Return our id of a person of the school; a merged person is the other one.

    :raises NotFound: ``object.missing``.
    """
    wanted: str | None = host_id
    found = 0
    for _ in range(8):
        query = sa.select(Person.id, Person.merged_into).where(Person.host_id == wanted)
        row = session.execute(query).first()
        if row is None:
            raise NotFound("object.missing", kind=Clause("person"), id=host_id)
        found, wanted = row
        if wanted is None:
            break
    return found


_COURSE = (
    Course.id,
    Course.host_id,
    Course.title,
    Course.kind,
    Course.status,
    Course.price,
    Course.currency,
    Course.gone,
)


def search_courses(
    session: Session, text: str = "", kind: str | None = None, limit: int = 20, scope: Scope = None
) -> list[CourseRow]:
    """Return courses whose title has ``text``, or whose host id it is; those that begin with it come first.

    :param kind: ``course``, ``class`` or ``open``; None = all.
    :param scope: courses that the reader is limited to; others are not named.
    """
    folded = fold(text.strip())
    query = sa.select(*_COURSE).where(Course.gone.is_(False), of_courses(Course.root_id, scope))
    if kind is not None:
        query = query.where(Course.kind == kind)
    if folded:
        has = Course.title_folded.contains(folded, autoescape=True)
        query = query.where(sa.or_(has, Course.host_id == text.strip()))
    begins = sa.case((Course.title_folded.startswith(folded, autoescape=True), 0), else_=1)
    rows = session.execute(query.order_by(begins, Course.title_folded, Course.id).limit(limit))
    return [CourseRow(*row) for row in rows]


def courses_by_host_id(
    session: Session, host_ids: Sequence[str], scope: Scope = None
) -> dict[str, CourseRow]:
    """Return these courses by host id, gone ones too; quick queries name them.

    :param scope: courses that the reader is limited to; others are left out.
    """
    found: dict[str, CourseRow] = {}
    for part in chunks(host_ids):
        named = Course.host_id.in_(part), of_courses(Course.root_id, scope)
        for row in session.execute(sa.select(*_COURSE).where(*named)):
            found[row.host_id] = CourseRow(*row)
    return found


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
