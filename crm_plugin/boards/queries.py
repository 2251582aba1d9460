"""Lists of courses and classes with their figures as they are kept; nothing is computed here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.figures.weeks import moved_on
from crm_plugin.boards.models import MONEY, CourseFigures, CourseMoney
from crm_plugin.boards.stages.stage_trees import AUDIENCES, STAGES
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput, Clause, NotFound, one_of
from crm_plugin.profiles.models.school import Course, CourseLabel
from crm_plugin.profiles.store.course_scope import of_courses
from crm_plugin.profiles.store.host_info_cache import own_currency, school_zone
from crm_plugin.profiles.store.normalise import fold

KINDS = {"courses": ("course", "open"), "classes": ("class",)}
"""Name of a list → kinds of what stands in it."""
STATES = ("published", "draft", "closed", "gone")
"""``gone``: the school has it no longer."""
PEOPLE = (*STAGES, *AUDIENCES)
_RATE = CourseFigures.finished * 1.0 / sa.func.nullif(CourseFigures.learners + CourseFigures.expired, 0)
_OWN = {name: getattr(CourseMoney, name) for name in ("revenue", "offsite_revenue", "at_risk")}
_SORTS: dict[str, Any] = {
    "title": Course.title_folded,
    "state": Course.status,
    **{name: getattr(CourseFigures, name) for name in PEOPLE},
    "completion": _RATE,
    **_OWN,
    "developable": sa.type_coerce(CourseFigures.price, sa.BigInteger) * CourseFigures.potential,
}
SORTS = tuple(_SORTS)
"""What a list can be sorted by."""
OF_MONEY = (*_OWN, "developable")
"""Sorts that need ``crm.money``; by amounts in the school's own currency, as no two are compared."""


@dataclass(frozen=True)
class MoneyRow:
    """Money of a course in one currency."""

    currency: str
    revenue: Decimal
    refunded: Decimal
    orders: int
    offsite_revenue: Decimal
    offsite_orders: int
    at_risk: Decimal


@dataclass(frozen=True)
class Worth:
    """An amount in a currency."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class FiguresRow:
    """A root course or class with its figures; those that nobody has computed yet are None."""

    id: int
    host_id: str
    title: str
    kind: str
    state: str
    categories: list[str]
    as_of: datetime | None = None
    potential: int | None = None
    pending: int | None = None
    upcoming: int | None = None
    learners: int | None = None
    left: int | None = None
    expired: int | None = None
    closed_unpaid: int | None = None
    finished: int | None = None
    completion: float | None = None
    """The share of finished among learners and those whose access ran out."""
    trend: list[int] | None = None
    """Seats that began in each of the eight weeks up to this one."""
    developable: Worth | None = None
    """The lowest open price × potential people; None without ``crm.money`` too."""
    money: list[MoneyRow] | None = None
    """None without ``crm.money``."""


@dataclass(frozen=True)
class Wanted:
    """Which courses are listed.

    :param list: ``courses`` or ``classes``.
    :param search: a part of the title.
    :param state: of :data:`STATES`; empty = whatever the school still has.
    :param sort: of :data:`SORTS`.
    """

    list: str
    search: str = ""
    category: str = ""
    tag: str = ""
    state: str = ""
    sort: str = "title"
    descending: bool = False
    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class Listed:
    """A page of a list.

    :param total: how many courses there are in all.
    :param as_of: when the oldest figures of the page are of; None = nothing is computed yet.
    """

    rows: list[FiguresRow]
    total: int
    as_of: datetime | None


def listing(crm: Crm, actor: Actor, wanted: Wanted) -> Listed:
    """Return a page of the courses or classes that the actor may see.

    :raises Refused: without ``crm.view``; sorted by money, without ``crm.money``.
    :raises BadInput: ``input.bad``.
    """
    need(actor, "crm.view")
    if wanted.sort in OF_MONEY:
        need(actor, "crm.money")
    chosen = _chosen(actor, wanted)
    with crm.db.read() as session:
        total = session.scalar(sa.select(sa.func.count()).select_from(Course).where(*chosen)) or 0
        found = session.execute(_page(crm, chosen, wanted)).all()
        rows = _rows(crm, session, actor, found)
    times = [row.as_of for row in rows if row.as_of is not None]
    return Listed(rows, total, min(times, default=None))


def one(crm: Crm, session: Session, actor: Actor, host_id: str) -> FiguresRow:
    """Return a course or class with its figures; a copy or plan stands for its root.

    :raises NotFound: ``object.missing``, the same for what is outside the actor's courses.
    """
    root = root_of(session, actor, host_id)
    query = _joined(crm).where(Course.id == root.id)
    return _rows(crm, session, actor, session.execute(query).all())[0]


def root_of(session: Session, actor: Actor, host_id: str) -> Course:
    """Return the root of a course that the actor may see.

    :param host_id: the school's id.
    :raises NotFound: ``object.missing``, the same for what is outside the actor's courses.
    """
    root = sa.select(Course.root_id).where(Course.host_id == host_id).scalar_subquery()
    found = session.scalar(sa.select(Course).where(Course.id == root, of_courses(Course.id, actor.scope)))
    if found is None:
        raise NotFound("object.missing", kind=Clause("course"), id=host_id)
    return found


def labels(crm: Crm, actor: Actor, list: str, kind: str, limit: int = 500) -> Sequence[str]:
    """Return the categories or tags that courses of a list have.

    :param kind: ``category`` or ``tag``.
    """
    mine = sa.select(Course.id).where(Course.kind.in_(KINDS[list]), *_visible(actor))
    value = sa.func.min(CourseLabel.value)
    found = sa.select(value).where(CourseLabel.kind == kind, CourseLabel.course_id.in_(mine))
    with crm.db.read() as session:
        grouped = found.group_by(CourseLabel.folded).order_by(CourseLabel.folded).limit(limit)
        return session.scalars(grouped).all()


def _visible(actor: Actor) -> tuple[Any, ...]:
    return (Course.root_id == Course.id, of_courses(Course.id, actor.scope))


def _chosen(actor: Actor, wanted: Wanted) -> list[Any]:
    if wanted.list not in KINDS or wanted.sort not in SORTS or wanted.state not in ("", *STATES):
        place, known = next(
            (name, values)
            for name, values in (("list", KINDS), ("sort", SORTS), ("state", STATES))
            if getattr(wanted, name) not in ("", *values)
        )
        raise BadInput("input.bad", place, reason=one_of(tuple(known)))
    chosen = [*_visible(actor), Course.kind.in_(KINDS[wanted.list])]
    chosen.append(Course.gone == (sa.true() if wanted.state == "gone" else sa.false()))
    if wanted.state not in ("", "gone"):
        chosen.append(Course.status == wanted.state)
    if wanted.search:
        chosen.append(Course.title_folded.contains(fold(wanted.search), autoescape=True))
    for kind in ("category", "tag"):
        if label := getattr(wanted, kind):
            named = (CourseLabel.kind == kind, CourseLabel.folded == fold(label))
            chosen.append(Course.id.in_(sa.select(CourseLabel.course_id).where(*named)))
    return chosen


def _joined(crm: Crm) -> sa.Select[Any]:
    own = sa.and_(CourseMoney.root_id == Course.id, CourseMoney.currency == own_currency(crm))
    rows: Any = sa.select(Course, CourseFigures)
    rows = rows.outerjoin(CourseFigures, CourseFigures.root_id == Course.id)
    found: sa.Select[Any] = rows.outerjoin(CourseMoney, own)
    return found


def _page(crm: Crm, chosen: Sequence[Any], wanted: Wanted) -> sa.Select[Any]:
    by = _SORTS[wanted.sort]
    order = by.desc() if wanted.descending else by.asc()
    # What is not known stands last, whichever way; databases differ.
    ordered = _joined(crm).where(*chosen).order_by(sa.case((by.is_(None), 1), else_=0), order, Course.id)
    return ordered.offset(wanted.offset).limit(wanted.limit)


def _rows(crm: Crm, session: Session, actor: Actor, found: Sequence[Any]) -> list[FiguresRow]:
    ids = [course.id for course, _ in found]
    named, money = _categories(session, ids), None
    if actor.may("crm.money"):
        money = _money(session, ids)
    return [_row(crm, course, figures, named.get(course.id, []), money) for course, figures in found]


def _row(
    crm: Crm,
    course: Course,
    figures: CourseFigures | None,
    categories: list[str],
    money: dict[int, list[MoneyRow]] | None,
) -> FiguresRow:
    state = "gone" if course.gone else course.status
    named = (course.id, course.host_id, course.title, course.kind, state, categories)
    made = FiguresRow(*named, money=None if money is None else money.get(course.id, []))
    if figures is None:
        return made
    begun = figures.learners + figures.expired
    people = {name: getattr(figures, name) for name in (*PEOPLE, "finished", "as_of")}
    return replace(
        made,
        **people,
        completion=figures.finished / begun if begun else None,
        trend=moved_on(figures.trend, figures.as_of, crm.clock(), school_zone(crm)),
        developable=None if money is None else _developable(figures),
    )


def _developable(figures: CourseFigures) -> Worth | None:
    if figures.price is None:
        return None
    return Worth(figures.price * figures.potential, figures.currency or "")


def _categories(session: Session, ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    rows = sa.select(CourseLabel.course_id, CourseLabel.value)
    rows = rows.where(CourseLabel.kind == "category", CourseLabel.course_id.in_(ids))
    for course, value in session.execute(rows.order_by(CourseLabel.position)):
        found.setdefault(course, []).append(value)
    return found


def _money(session: Session, ids: Sequence[int]) -> dict[int, list[MoneyRow]]:
    found: dict[int, list[MoneyRow]] = {}
    rows = sa.select(CourseMoney).where(CourseMoney.root_id.in_(ids)).order_by(CourseMoney.currency)
    for row in session.scalars(rows):
        figures = {name: getattr(row, name) for name in MONEY}
        found.setdefault(row.root_id, []).append(MoneyRow(row.currency, **figures))
    return found
