"""Dates that have come: the rows of persons, orders and enrolments whose moment lies behind us.

Every look asks for all moments since the automation was switched on, up to a limit, and leaves out the
causes that have brought somebody in: so a fact that the school reports late is met all the same.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.automations.conditions import Row, present_of
from crm_plugin.automations.entering.who_may_enter import may_enter
from crm_plugin.automations.language.causes import CauseDate
from crm_plugin.automations.language.document import needs_course
from crm_plugin.automations.models import Member
from crm_plugin.host.context import Crm
from crm_plugin.profiles.models.school import Course, Enrolment, Order, OrderLine, Person
from crm_plugin.segments.language.dates import Present, day_start, shift

LOOK_BACK = timedelta(days=30)
"""A moment older than this brings nobody in."""
LOOK_BACK_YEARLY = timedelta(days=1)
"""Nobody wants wishes for a birthday that is days past."""
_SLACK = timedelta(days=2)
"""Calendars are exact in Python; the SQL asks for a little more."""
AT = "09:00"
"""When a whole day begins, by the school's clocks, where a trigger says nothing."""


_Bounds = tuple[datetime, datetime]
"""(what happened before it brings nobody in, moments before it bring nobody in)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who has given cause."""

    person_id: int
    row_id: int
    root_id: int
    at: datetime
    """The date that it is about."""
    moment: datetime
    """When the steps begin."""
    cause: str


def look_back(about: CauseDate) -> timedelta:
    """Return how old a moment may be to bring somebody in at all."""
    return LOOK_BACK_YEARLY if about.yearly else LOOK_BACK


def came(
    crm: Crm, session: Session, row: Row, about: CauseDate, now: datetime, since: datetime | None = None
) -> list[Candidate]:
    """Return the causes whose moment has come, and that brought nobody in yet.

    :param since: causes before it are left out; the automation's own when left out.
    """
    since = since or row.since or now
    low = max(since, now - look_back(about))
    present = replace(present_of(crm, row), as_of=now)
    find = _anniversaries if about.yearly else _dates
    return find(crm, session, row, about, present, (since, low))


def _dates(
    crm: Crm,
    session: Session,
    row: Row,
    about: CauseDate,
    present: Present,
    bounds: tuple[datetime, datetime],
) -> list[Candidate]:
    trigger, now, (since, low) = row.document["trigger"], present.as_of, bounds
    model, column = about.model, getattr(about.model, about.column)
    back = _opposite(trigger)
    known = sa.exists().where(Member.automation_id == row.id, Member.person_id == Person.id)
    known = known.where(Member.row_id == (0 if model is Person else model.id))
    if about.moves:
        known = known.where(Member.at == column)
    query = (
        sa.select(Person.id, sa.literal(0) if model is Person else model.id, _root(about), column)
        .where(about.lives(now), *may_enter(crm, row, Person, now), ~known)
        .where(column > shift(replace(present, as_of=low), *back) - _SLACK)
        .where(column <= shift(present, *back) + _SLACK)
    )
    if model is not Person:
        query = query.join(Person, Person.id == model.person_id)
    if trigger.get("course") is not None:
        query = query.where(_is_of(about, trigger["course"]))
    found, about_course = [], needs_course(row.document)
    for person_id, row_id, root_id, value in session.execute(query):
        if about_course and not root_id:
            continue
        moment = moment_of(trigger, replace(present, as_of=value))
        # What happened before it was switched on brings nobody in, however long the trigger waits.
        happened = value if trigger["side"] == "after" else moment
        if low < moment <= now and happened > since:
            cause = f"{about.key}:{row_id}" + (f"@{value:%Y%m%dT%H%M%S%f}" if about.moves else "")
            found.append(Candidate(person_id, row_id, root_id or 0, value, moment, cause))
    return found


def moment_of(trigger: dict[str, Any], present: Present) -> datetime:
    """Return when the steps begin for a date, given as the present."""
    moment = shift(present, *_forward(trigger))
    if trigger["at"] is None:
        return moment
    return _at(moment.astimezone(present.zone).date(), trigger["at"], present)


def _anniversaries(
    crm: Crm,
    session: Session,
    row: Row,
    about: CauseDate,
    present: Present,
    bounds: tuple[datetime, datetime],
) -> list[Candidate]:
    trigger, now, (since, low) = row.document["trigger"], present.as_of, bounds
    column = getattr(Person, about.column)
    found = []
    for day in _days(shift(replace(present, as_of=low), *_opposite(trigger)), present, trigger):
        begins = day_start(day, present.zone)
        moment = _moment_of_day(trigger, replace(present, as_of=begins))
        happened = begins if trigger["side"] == "after" else moment
        if not (low < moment <= now and happened > since - timedelta(days=1)):
            continue
        cause = f"{about.key}:{day.year}"
        known = sa.exists().where(*(Member.automation_id == row.id, Member.person_id == Person.id))
        query = sa.select(Person.id).where(
            *(_is_on(column, day), about.lives(now), *may_enter(crm, row, Person, now)),
            ~known.where(Member.cause == cause),
        )
        found += [Candidate(ident, 0, 0, begins, moment, cause) for ident in session.scalars(query)]
    return found


def _moment_of_day(trigger: dict[str, Any], present: Present) -> datetime:
    return moment_of({**trigger, "at": trigger["at"] or AT}, present)


def _days(first: datetime, present: Present, trigger: dict[str, Any]) -> list[date]:
    start = (first - _SLACK).astimezone(present.zone).date()
    end = (shift(present, *_opposite(trigger)) + _SLACK).astimezone(present.zone).date()
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def _is_on(column: Any, day: date) -> sa.ColumnElement[bool]:
    """Return that a birthday falls on a day; one on 29 February falls on the 28th in short years."""
    month, of_month = sa.extract("month", column), sa.extract("day", column)
    same = sa.and_(month == day.month, of_month == day.day)
    if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3:
        return sa.or_(same, sa.and_(month == 2, of_month == 29))
    return same


def _at(day: date, clock: str, present: Present) -> datetime:
    local = datetime.combine(day, time.fromisoformat(clock), present.zone)
    return local.astimezone(UTC)


def _forward(trigger: dict[str, Any]) -> tuple[int, str]:
    sign = 1 if trigger["side"] == "after" else -1
    return sign * trigger["n"], trigger["unit"]


def _opposite(trigger: dict[str, Any]) -> tuple[int, str]:
    n, unit = _forward(trigger)
    return -n, unit


def _root(about: CauseDate) -> Any:
    if about.model is Enrolment:
        return Enrolment.root_id
    if about.model is Order:
        mine = (OrderLine.order_id == Order.id, OrderLine.root_id.is_not(None))
        return sa.select(sa.func.min(OrderLine.root_id)).where(*mine).correlate(Order).scalar_subquery()
    return sa.literal(0)


def _is_of(about: CauseDate, course: str) -> sa.ColumnElement[bool]:
    roots = sa.select(Course.root_id).where(Course.host_id == course)
    if about.model is Enrolment:
        return Enrolment.root_id.in_(roots)
    return sa.exists().where(OrderLine.order_id == Order.id, OrderLine.root_id.in_(roots)).correlate(Order)
