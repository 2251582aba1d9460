"""Courses, cohorts and enrolments of a Moodle site.

A cohort is a class, its members are enrolments in it. A completion whose enrolment was removed comes as
an ended enrolment: it is the only trace that is left of it.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.sql import Source, Trace

from .roles import role_in_course
from .site_text import site_text
from .tables import (
    CATEGORY,
    COHORT,
    COMPLETION,
    COURSE,
    COURSES,
    ENROL,
    LAST_ACCESS,
    MEMBER,
    PEOPLE,
    ROLE_OF,
    SEAT,
    SITE,
    TAG_OF_COURSE,
    TAGGED,
    grouped,
    money,
    tags_of,
    when,
)

COHORT_PREFIX = "cohort:"
COURSE_FIELDS = "id title kind category tags status starts_at ends_at price currency".split()
SEAT_FIELDS = (
    "id person_id course_id role source state enrolled_at starts_at expires_at end_kind completed_at "
    "last_learned_at"
).split()

_METHODS = {
    "fee": "purchase",
    "paypal": "purchase",
    "self": "free",
    "guest": "free",
    "cohort": "class",
    "flatfile": "import",
    "database": "import",
    "ldap": "import",
}
"""Enrolment method → source; every other one (``manual`` first of all) is ``other``."""


def courses(connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
    """Make the courses of one page."""
    ids, text = [row.id for row in rows], site_text(connection)
    names = {
        row.id: text.title(row.name) for row in connection.execute(sa.select(CATEGORY.c.id, CATEGORY.c.name))
    }
    tags = tags_of(connection, TAG_OF_COURSE, ids)
    prices = _prices(connection, ids)
    return [
        r.Course(
            str(row.id),
            text.title(row.fullname),
            category=[names[part] for part in _path(row.path) if part in names],
            tags=tags.get(row.id, ()),
            status="published" if row.visible else "draft",
            starts_at=when(row.startdate),
            ends_at=when(row.enddate),
            price=prices.get(row.id, (None, None))[0],
            currency=prices.get(row.id, (None, None))[1],
        )
        for row in rows
    ]


def _path(path: str | None) -> list[int]:
    return [int(part) for part in (path or "").split("/") if part]


def _prices(connection: sa.Connection, ids: Sequence[int]) -> dict[int, tuple[Any, str]]:
    """Return the lowest open fee of each course."""
    statement = sa.select(ENROL.c.courseid, ENROL.c.cost, ENROL.c.currency).where(
        ENROL.c.enrol == "fee", ENROL.c.status == 0, ENROL.c.courseid.in_(ids)
    )
    fees = grouped((row.courseid, (money(row.cost), row.currency)) for row in connection.execute(statement))
    return {id: min(offers, key=lambda offer: (str(type(offer[0])), offer[0])) for id, offers in fees.items()}


def cohorts(connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
    """Make the classes of one page."""
    text = site_text(connection)
    return [
        r.Course(
            f"{COHORT_PREFIX}{row.id}",
            text.title(row.name),
            kind="class",
            status="published" if row.visible else "draft",
        )
        for row in rows
    ]


def seats(connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
    """Make the enrolments of one page; one person may hold several in one course."""
    people = list({row.userid for row in rows})
    completed = _by_pair(connection, COMPLETION.c.course, COMPLETION.c.timecompleted, people)
    learned = _by_pair(connection, LAST_ACCESS.c.courseid, LAST_ACCESS.c.timeaccess, people)
    roles = role_in_course(connection, people)
    return [
        r.Enrolment(
            str(row.id),
            str(row.userid),
            str(row.courseid),
            role=roles.get((row.userid, row.courseid), "learner"),
            source=_METHODS.get(row.enrol, "other"),
            # A closed method keeps all its people out, whatever their own rows say.
            state="active" if row.status == 0 and row.method_status == 0 else "suspended",
            enrolled_at=when(row.timecreated),
            starts_at=when(row.timestart),
            expires_at=when(row.timeend),
            completed_at=when(completed.get((row.userid, row.courseid))),
            last_learned_at=when(learned.get((row.userid, row.courseid))),
        )
        for row in rows
    ]


def _by_pair(
    connection: sa.Connection, course: sa.ColumnElement[int], at: Any, people: Sequence[int]
) -> dict[tuple[int, int], int]:
    statement = sa.select(at.table.c.userid, course, at).where(at.table.c.userid.in_(people), at > 0)
    return {(row[0], row[1]): row[2] for row in connection.execute(statement)}


def completions(connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
    """Make ended enrolments of completions without an enrolment."""
    people = list({row.userid for row in rows})
    learned = _by_pair(connection, LAST_ACCESS.c.courseid, LAST_ACCESS.c.timeaccess, people)
    return [
        r.Enrolment(
            f"completion:{row.id}",
            str(row.userid),
            str(row.course),
            state="ended",
            end_kind="removed",
            enrolled_at=when(row.timeenrolled),
            completed_at=when(row.timecompleted),
            last_learned_at=when(learned.get((row.userid, row.course))),
        )
        for row in rows
    ]


def members(_connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
    """Make enrolments of memberships in cohorts."""
    return [
        r.Enrolment(
            f"member:{row.id}",
            str(row.userid),
            f"{COHORT_PREFIX}{row.cohortid}",
            source="class",
            enrolled_at=when(row.timeadded),
        )
        for row in rows
    ]


_SEATS = (
    sa.select(SEAT, ENROL.c.enrol, ENROL.c.courseid, ENROL.c.status.label("method_status"))
    .join_from(SEAT, ENROL, ENROL.c.id == SEAT.c.enrolid)
    .where(SEAT.c.userid.in_(PEOPLE), ENROL.c.courseid.in_(COURSES))
)
_SEAT_OF_COMPLETION = sa.and_(
    ENROL.c.id == SEAT.c.enrolid,
    ENROL.c.courseid == COMPLETION.c.course,
    SEAT.c.userid == COMPLETION.c.userid,
)
_SEAT_OF_ACCESS = sa.and_(
    ENROL.c.id == SEAT.c.enrolid,
    ENROL.c.courseid == LAST_ACCESS.c.courseid,
    SEAT.c.userid == LAST_ACCESS.c.userid,
)
_LEFT_OVER = sa.select(COMPLETION).where(
    COMPLETION.c.timecompleted > 0,
    COMPLETION.c.userid.in_(PEOPLE),
    COMPLETION.c.course.in_(COURSES),
    ~sa.exists(
        sa.select(SEAT.c.id)
        .join_from(SEAT, ENROL, ENROL.c.id == SEAT.c.enrolid)
        .where(ENROL.c.courseid == COMPLETION.c.course, SEAT.c.userid == COMPLETION.c.userid)
    ),
)
_MEMBERS = sa.select(MEMBER).where(MEMBER.c.userid.in_(PEOPLE), MEMBER.c.cohortid.in_(sa.select(COHORT.c.id)))

COURSE_SOURCES = (
    Source(
        sa.select(COURSE, CATEGORY.c.path)
        .outerjoin_from(COURSE, CATEGORY, CATEGORY.c.id == COURSE.c.category)
        .where(COURSE.c.category != SITE),
        COURSE.c.id,
        courses,
    ),
    Source(sa.select(COHORT), COHORT.c.id, cohorts, COHORT_PREFIX),
)
COURSE_TRACES = (
    Trace(COURSE.c.timemodified, COURSE.c.id, COURSE.c.id),
    Trace(ENROL.c.timemodified, ENROL.c.id, ENROL.c.courseid),
    Trace(TAGGED.c.timemodified, TAGGED.c.id, TAGGED.c.itemid, where=TAG_OF_COURSE),
    Trace(COHORT.c.timemodified, COHORT.c.id, COHORT.c.id, COHORT_PREFIX),
)
SEAT_SOURCES = (
    Source(_SEATS, SEAT.c.id, seats),
    Source(_LEFT_OVER, COMPLETION.c.id, completions, "completion:"),
    Source(_MEMBERS, MEMBER.c.id, members, "member:"),
)
SEAT_TRACES = (
    Trace(SEAT.c.timemodified, SEAT.c.id, SEAT.c.id),
    Trace(ENROL.c.timemodified, SEAT.c.id, SEAT.c.id, where=ENROL.c.id == SEAT.c.enrolid),
    Trace(COMPLETION.c.timecompleted, SEAT.c.id, SEAT.c.id, where=_SEAT_OF_COMPLETION),
    Trace(COMPLETION.c.timecompleted, COMPLETION.c.id, COMPLETION.c.id, "completion:"),
    # A role names a context, which an account may not be allowed to read: all seats of the person.
    Trace(ROLE_OF.c.timemodified, SEAT.c.id, SEAT.c.id, where=SEAT.c.userid == ROLE_OF.c.userid),
    Trace(LAST_ACCESS.c.timeaccess, SEAT.c.id, SEAT.c.id, where=_SEAT_OF_ACCESS),
    Trace(MEMBER.c.timeadded, MEMBER.c.id, MEMBER.c.id, "member:"),
)
