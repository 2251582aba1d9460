"""Roles of people in the courses of a Moodle site: an enrolment does not say who teaches."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

import sqlalchemy as sa

from .tables import COURSE_LEVEL, MOODLE_CONTEXT, ROLE, ROLE_OF

INSTALLED = {1: "manager", 2: "coursecreator", 3: "editingteacher", 4: "teacher", 5: "student"}
"""Role → what kind of role it is, as Moodle's installer makes them; where the table can be read, it wins."""
KINDS = {
    "student": "learner",
    "editingteacher": "teacher",
    "teacher": "assistant",
    "manager": "teacher",
    "coursecreator": "teacher",
}
"""Kind of a role → role of an enrolment; a non-editing teacher helps another one."""
Key = TypeVar("Key")
_ORDER = ("learner", "teacher", "assistant")


def role_in_course(connection: sa.Connection, people: Sequence[int]) -> Mapping[tuple[int, int], str]:
    """Return (person, course) → role; a pair without a known role is not in it.

    Somebody who learns and teaches in one course is a learner of it. Where contexts cannot be read nobody's
    role is known.
    """
    if not sa.inspect(connection).has_table(MOODLE_CONTEXT.name):
        return {}
    statement = (
        sa.select(ROLE_OF.c.userid, MOODLE_CONTEXT.c.instanceid, ROLE_OF.c.roleid)
        .join_from(ROLE_OF, MOODLE_CONTEXT, MOODLE_CONTEXT.c.id == ROLE_OF.c.contextid)
        .where(MOODLE_CONTEXT.c.contextlevel == COURSE_LEVEL, ROLE_OF.c.userid.in_(people))
    )
    found = _grouped(connection, [((row[0], row[1]), row[2]) for row in connection.execute(statement)])
    return {pair: next(name for name in _ORDER if name in names) for pair, names in found.items()}


def roles_of(connection: sa.Connection, people: Sequence[int]) -> Mapping[int, Sequence[str]]:
    """Return person → ``learner``, ``teacher`` or both, of people with a role in any place."""
    statement = sa.select(ROLE_OF.c.userid, ROLE_OF.c.roleid).where(ROLE_OF.c.userid.in_(people))
    found = _grouped(connection, [(row[0], row[1]) for row in connection.execute(statement)])
    return {
        person: tuple(sorted({"learner" if name == "learner" else "teacher" for name in names}))
        for person, names in found.items()
    }


def _grouped(connection: sa.Connection, assigned: Sequence[tuple[Key, int]]) -> Mapping[Key, set[str]]:
    kinds = _kinds(connection)
    found: dict[Key, set[str]] = defaultdict(set)
    for key, role in assigned:
        if kinds.get(role) in KINDS:
            found[key].add(KINDS[kinds[role]])
    return found


def _kinds(connection: sa.Connection) -> Mapping[int, str]:
    if not sa.inspect(connection).has_table(ROLE.name):
        return INSTALLED
    return {row.id: row.archetype for row in connection.execute(sa.select(ROLE.c.id, ROLE.c.archetype))}
