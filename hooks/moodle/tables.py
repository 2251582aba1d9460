"""Tables of a Moodle 4.x database, with the columns that the adapter reads; names have the prefix ``mdl_``.

Times are whole seconds since 1970, 0 = never; money is text in major units.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa


def _table(name: str, numbers: str, texts: str = "") -> sa.TableClause:
    columns = [sa.column(column, sa.BigInteger) for column in numbers.split()]
    return sa.table(f"mdl_{name}", *columns, *(sa.column(column, sa.Text) for column in texts.split()))


USER = _table(
    "user",
    "id emailstop confirmed suspended deleted lastaccess lastlogin currentlogin timecreated timemodified",
    "username firstname lastname email phone1 phone2 city country lang timezone",
)
INFO_FIELD = _table("user_info_field", "id", "shortname datatype")
INFO_DATA = _table("user_info_data", "id userid fieldid", "data")
COURSE = _table("course", "id category startdate enddate visible timemodified", "fullname")
CATEGORY = _table("course_categories", "id", "name path")
ENROL = _table("enrol", "id status courseid timemodified", "enrol cost currency")
SEAT = _table("user_enrolments", "id status enrolid userid timestart timeend timecreated timemodified")
COMPLETION = _table("course_completions", "id userid course timeenrolled timecompleted")
LAST_ACCESS = _table("user_lastaccess", "id userid courseid timeaccess")
PAYMENT = _table(
    "payments", "id itemid userid timecreated timemodified", "component paymentarea amount currency"
)
PAYPAL = _table("enrol_paypal", "id courseid userid instanceid timeupdated", "payment_status")
"""What PayPal sent to the enrolment by PayPal; it has no amount. Newer sites do not have the table."""
OPTION = _table("config_plugins", "id", "plugin name value")
COHORT = _table("cohort", "id visible timemodified", "name")
MEMBER = _table("cohort_members", "id cohortid userid timeadded")
TAG = _table("tag", "id", "rawname")
TAGGED = _table("tag_instance", "id tagid itemid timemodified", "component itemtype")
FAVOURITE = _table("favourite", "id itemid userid timecreated timemodified", "component itemtype")
POLICY = _table("tool_policy", "id currentversionid")
ACCEPTANCE = _table("tool_policy_acceptances", "id policyversionid userid status timemodified")
LOG = _table("logstore_standard_log", "id userid courseid timecreated", "eventname")
ROLE_OF = _table("role_assignments", "id roleid contextid userid timemodified")
ROLE = _table("role", "id", "archetype")
MOODLE_CONTEXT = _table("context", "id contextlevel instanceid")
COURSE_LEVEL = 50
"""Level of the contexts whose ``instanceid`` is a course."""

GUEST = "guest"
"""User name of the account for visitors; it is no person."""
SITE = 0
"""Category of the course that is the front page; every real course is in a category of its own."""
TAG_OF_PERSON = sa.and_(TAGGED.c.component == "core", TAGGED.c.itemtype == "user")
TAG_OF_COURSE = sa.and_(TAGGED.c.component == "core", TAGGED.c.itemtype == "course")
FEE = sa.and_(PAYMENT.c.component == "enrol_fee", PAYMENT.c.paymentarea == "fee")
"""Payments whose ``itemid`` is an enrolment method."""
PEOPLE = sa.select(USER.c.id).where(USER.c.deleted == 0, USER.c.username != GUEST)
COURSES = sa.select(COURSE.c.id).where(COURSE.c.category != SITE)


def when(seconds: int | None) -> datetime | None:
    """Return an instant; 0 is Moodle's "never"."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def money(text: Any) -> Any:
    """Return an amount, or the text itself when it is none: the gateway then sets the row aside."""
    try:
        return Decimal(text.strip())
    except (InvalidOperation, AttributeError):
        return text


def words(text: str | None) -> str | None:
    """Return a text without outer blanks; None when nothing is left."""
    return (text or "").strip() or None


def tags_of(
    connection: sa.Connection, which: sa.ColumnElement[bool], ids: Sequence[int]
) -> dict[int, list[str]]:
    """Return the tags of these persons or courses, in order of their names."""
    statement = (
        sa.select(TAGGED.c.itemid, TAG.c.rawname)
        .join_from(TAGGED, TAG, TAG.c.id == TAGGED.c.tagid)
        .where(which, TAGGED.c.itemid.in_(ids))
        .order_by(TAG.c.rawname)
    )
    return grouped((row.itemid, row.rawname) for row in connection.execute(statement))


def grouped(pairs: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    """Collect (key, value) pairs by key."""
    groups: dict[int, list[Any]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups
