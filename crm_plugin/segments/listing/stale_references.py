"""What a quick query names that the school no longer has."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.people.queries import CourseRow, courses_by_host_id
from crm_plugin.profiles.store.course_scope import Scope
from crm_plugin.segments.extension import brought_fields
from crm_plugin.segments.language.value_types import KEYS

COURSE = "course_id"
"""The field of related rows; higher capabilities bring fields of a person whose values are courses too."""


def check_courses(crm: Crm, document: Any, scope: Scope = None) -> None:
    """Refuse a quick query that names a course which is gone, until somebody corrects it.

    To leave the course out would change the segment, and to take its condition as unfulfilled would let
    everybody through where the segment is an exclusion.

    :param scope: courses that the reader is limited to; others are named by their ids only.
    :raises BadInput: ``segment.gone_course``, with the titles of those courses.
    """
    named = courses_in(crm, document)
    if named:
        look_up(crm, named, scope).check(named)


@dataclass(frozen=True)
class Courses:
    """Courses that segments name, as they are now.

    :param known: by the school's ids.
    :param titled: those of them whose title the reader may see.
    """

    known: Mapping[str, CourseRow]
    titled: Mapping[str, CourseRow]

    def check(self, named: Iterable[str]) -> None:
        """Refuse a segment that names these courses when one of them is gone; see :func:`check_courses`."""
        missing = [one for one in sorted(named) if one not in self.known or self.known[one].gone]
        gone = [self.titled[one].title if one in self.titled else one for one in missing]
        if gone:
            raise BadInput("segment.gone_course", courses=", ".join(gone))


def look_up(crm: Crm, named: Iterable[str], scope: Scope = None) -> Courses:
    """Return courses by their ids, for a reader who is limited to some."""
    ids = sorted(named)
    with crm.db.read() as session:
        known = courses_by_host_id(session, ids)
        return Courses(known, known if scope is None else courses_by_host_id(session, ids, scope))


def courses_in(crm: Crm, document: Any) -> set[str]:
    """Return the school's ids of the courses that a document itself names."""
    brought = (name for name, field in brought_fields(crm).items() if field.kind is KEYS)
    return set(_courses(document, {COURSE, *brought}))


def _courses(document: Any, fields: Set[str]) -> Iterator[str]:
    if isinstance(document, list):
        for one in document:
            yield from _courses(one, fields)
    if not isinstance(document, dict):
        return
    value, is_course = document.get("value"), document.get("field") in fields
    if is_course:
        yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))
    for key in ("rules", "value", "where"):
        if not is_course or key != "value":
            yield from _courses(document.get(key), fields)
