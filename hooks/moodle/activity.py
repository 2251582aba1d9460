"""Orders (payments, which Moodle keeps only when they succeeded) and signals of interest of a Moodle site."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.sql import Source, Trace

from .tables import (
    COURSES,
    ENROL,
    FAVOURITE,
    FEE,
    LAST_ACCESS,
    LOG,
    PAYMENT,
    PEOPLE,
    USER,
    money,
    when,
)

ORDER_FIELDS = "id person_id state amount currency created_at paid_at lines".split()
SIGNAL_FIELDS = "id person_id kind course_id at count".split()
VIEWS = (r"\core\event\course_viewed", r"\core\event\course_information_viewed")


def orders(_connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
    """Make the orders of one page; one payment is one order for one course."""
    return [
        r.Order(
            str(row.id),
            # The books keep an erased person's payment, not whose it was.
            None if row.deleted else str(row.userid),
            "paid",
            money(row.amount),
            row.currency,
            created_at=when(row.timecreated),
            paid_at=when(row.timecreated),
            lines=(_line(row),),
        )
        for row in rows
    ]


def _line(row: Any) -> r.OrderLine:
    if row.courseid is None:
        return r.OrderLine("other", None, money(row.amount))
    return r.OrderLine("course", str(row.courseid), money(row.amount))


def _signals(kind: str, prefix: str, course: str, at: str) -> Any:
    def build(_connection: sa.Connection, rows: Sequence[Any]) -> list[r.Record]:
        made: list[r.Record] = []
        for row in rows:
            values = row._mapping
            instant: Any = when(values[at])
            made.append(r.Signal(f"{prefix}{row.id}", str(row.userid), kind, instant, str(values[course])))
        return made

    return build


def _of_people_and_courses(table: Any, course: Any) -> Any:
    return sa.select(table).where(table.c.userid.in_(PEOPLE), course.in_(COURSES))


_STARRED = sa.and_(FAVOURITE.c.component == "core_course", FAVOURITE.c.itemtype == "courses")
_VIEWED = LOG.c.eventname.in_(VIEWS)

ORDER_SOURCES = (
    Source(
        sa.select(PAYMENT, ENROL.c.courseid, sa.func.coalesce(USER.c.deleted, 1).label("deleted"))
        .outerjoin_from(PAYMENT, ENROL, sa.and_(FEE, ENROL.c.id == PAYMENT.c.itemid))
        .outerjoin(USER, USER.c.id == PAYMENT.c.userid),
        PAYMENT.c.id,
        orders,
    ),
)
ORDER_TRACES = (Trace(PAYMENT.c.timemodified, PAYMENT.c.id, PAYMENT.c.id),)
SIGNAL_SOURCES = (
    Source(
        _of_people_and_courses(LOG, LOG.c.courseid).where(_VIEWED),
        LOG.c.id,
        _signals("view", "view:", "courseid", "timecreated"),
        "view:",
    ),
    Source(
        _of_people_and_courses(LAST_ACCESS, LAST_ACCESS.c.courseid).where(LAST_ACCESS.c.timeaccess > 0),
        LAST_ACCESS.c.id,
        _signals("visit", "visit:", "courseid", "timeaccess"),
        "visit:",
    ),
    Source(
        _of_people_and_courses(FAVOURITE, FAVOURITE.c.itemid).where(_STARRED),
        FAVOURITE.c.id,
        _signals("favourite", "favourite:", "itemid", "timecreated"),
        "favourite:",
    ),
)
SIGNAL_TRACES = (
    Trace(LOG.c.timecreated, LOG.c.id, LOG.c.id, "view:", where=_VIEWED),
    Trace(LAST_ACCESS.c.timeaccess, LAST_ACCESS.c.id, LAST_ACCESS.c.id, "visit:"),
    Trace(FAVOURITE.c.timemodified, FAVOURITE.c.id, FAVOURITE.c.id, "favourite:", where=_STARRED),
)
