"""What a saved search names that the school no longer has."""

from collections.abc import Iterator
from typing import Any

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.people.queries import courses_by_host_id
from crm_plugin.profiles.store.course_scope import Scope

COURSE = "course_id"


def check_courses(crm: Crm, document: Any, scope: Scope = None) -> None:
    """Refuse a saved search that names a course which is gone, until somebody mends it.

    To leave the course out would change the search, and to take its condition as unfulfilled would let
    everybody through where the search is an exclusion.

    :param scope: courses that the reader is limited to; others are named by their ids only.
    :raises BadInput: ``segment.gone_course``, with the titles of those courses.
    """
    named = sorted(set(_courses(document)))
    if not named:
        return
    with crm.db.read() as session:
        known = courses_by_host_id(session, named)
        titles = known if scope is None else courses_by_host_id(session, named, scope)
    missing = [one for one in named if one not in known or known[one].gone]
    gone = [titles[one].title if one in titles else one for one in missing]
    if gone:
        raise BadInput("segment.gone_course", courses=", ".join(gone))


def _courses(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for one in document:
            yield from _courses(one)
    if not isinstance(document, dict):
        return
    value = document.get("value")
    if document.get("field") == COURSE:
        yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))
    for key in ("rules", "value", "where"):
        if document.get("field") != COURSE or key != "value":
            yield from _courses(document.get(key))
