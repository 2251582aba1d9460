"""Stages and revenue of a Moodle site by SQL on its own tables: without the host adapter, without the CRM.

Every query names a course, with its people. All roles of the data set are learners but the administrator's.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from tests.segments.moodle_questions import AS_OF

_PEOPLE = "u.deleted = 0 AND u.username <> 'guest' AND u.id <> 2"
_SEATS = (
    "SELECT '' || e.courseid AS course, s.userid AS person, s.timestart AS begins, s.timeend AS ends "
    "FROM mdl_user_enrolments s JOIN mdl_enrol e ON e.id = s.enrolid "
    "JOIN mdl_course c ON c.id = e.courseid AND c.category <> 0 "
    "UNION ALL SELECT 'cohort:' || cohortid, userid, 0, 0 FROM mdl_cohort_members"
)
_HELD = "(ends = 0 OR ends > :at)"
_BEGUN = f"{_HELD} AND begins <= :at"
_SAME = "x.course = s.course AND x.person = s.person"
_GONE = (
    "SELECT '' || d.course AS course, d.userid AS person FROM mdl_course_completions d "
    "JOIN mdl_course c ON c.id = d.course AND c.category <> 0 WHERE d.timecompleted > 0 AND NOT EXISTS "
    "(SELECT 1 FROM mdl_user_enrolments s JOIN mdl_enrol e ON e.id = s.enrolid "
    "WHERE e.courseid = d.course AND s.userid = d.userid)"
)
_LOOKS = (
    "SELECT '' || courseid AS course, userid AS person, timecreated AS at FROM mdl_logstore_standard_log "
    r"WHERE eventname IN ('\core\event\course_viewed', '\core\event\course_information_viewed') "
    "UNION ALL SELECT '' || itemid, userid, timecreated FROM mdl_favourite "
    "WHERE component = 'core_course' AND itemtype = 'courses'"
)
_STAGES = {
    "learners": f"SELECT course, person FROM seats WHERE {_BEGUN}",
    "upcoming": f"SELECT course, person FROM seats s WHERE {_HELD} AND begins > :at "
    f"AND NOT EXISTS (SELECT 1 FROM seats x WHERE {_SAME} AND {_BEGUN})",
    "expired": "SELECT course, person FROM seats s WHERE ends > 0 AND ends <= :at "
    f"AND NOT EXISTS (SELECT 1 FROM seats x WHERE {_SAME} AND {_HELD})",
    # Nobody knows when their seats were removed, so that nothing they do is newer.
    "left": "SELECT course, person FROM gone",
    "potential": "SELECT course, person FROM looks s WHERE at >= :since AND at <= :at "
    f"AND NOT EXISTS (SELECT 1 FROM seats x WHERE {_SAME} AND {_HELD}) "
    f"AND NOT EXISTS (SELECT 1 FROM gone x WHERE {_SAME}) "
    "AND course IN (SELECT '' || id FROM mdl_course WHERE category <> 0)",
    # Moodle keeps payments only when they succeeded.
    "pending": "SELECT course, person FROM seats WHERE 1 = 0",
    "closed_unpaid": "SELECT course, person FROM seats WHERE 1 = 0",
}
_PAYMENTS = (
    "SELECT e.courseid, p.currency, p.amount FROM mdl_payments p JOIN mdl_enrol e ON e.id = p.itemid "
    "JOIN mdl_course c ON c.id = e.courseid AND c.category <> 0 "
    "WHERE p.component = 'enrol_fee' AND p.paymentarea = 'fee'"
)
SINCE = datetime(2026, 5, 18, 23, tzinfo=UTC)
"""180 days before the present by the clocks of London, which were an hour ahead then."""


def revenue(url: str) -> dict[tuple[str, str], tuple[int, Decimal]]:
    """Return (course, currency) → how many payments it has, and their sum; the books keep erased people's."""
    engine = sa.create_engine(url)
    found: dict[tuple[str, str], tuple[int, Decimal]] = {}
    with engine.connect() as connection:
        for course, currency, amount in connection.execute(sa.text(_PAYMENTS)):
            count, total = found.get((str(course), currency), (0, Decimal(0)))
            found[str(course), currency] = (count + 1, total + Decimal(amount.strip()))
    engine.dispose()
    return found


def stages(url: str) -> dict[str, set[tuple[str, str]]]:
    """Return stage → pairs of a course and a person, by the ids that the host adapter gives them."""
    engine = sa.create_engine(url)
    times = {"at": int(datetime.fromisoformat(AS_OF).timestamp()), "since": int(SINCE.timestamp())}
    found: dict[str, set[tuple[str, str]]] = {}
    for stage, wanted in _STAGES.items():
        asked = f"WITH seats AS ({_SEATS}), gone AS ({_GONE}), looks AS ({_LOOKS}) "
        asked += f"SELECT DISTINCT w.course, w.person FROM ({wanted}) w JOIN mdl_user u ON u.id = w.person "
        with engine.connect() as connection:
            rows: Any = connection.execute(sa.text(f"{asked} WHERE {_PEOPLE}"), times)
            found[stage] = {(course, str(person)) for course, person in rows}
    engine.dispose()
    return found
