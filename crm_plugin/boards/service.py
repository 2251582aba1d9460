"""What is done about the figures of courses: computed again where something changed them, and exported."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from crm_plugin.boards.figures import portions
from crm_plugin.boards.models import CourseFigures
from crm_plugin.boards.queries import FiguresRow, Wanted, listing
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.profiles.models.streams import TouchedCourse

REST = timedelta(minutes=10)
"""How often at most a course is computed that time alone changes: acts of interest grow old all the time."""
_LOOKED_AT = 5_000
"""Entries of the list that a portion is chosen from."""


def refresh(crm: Crm, seconds: float | None = None) -> int:
    """Compute the figures of the courses that something touched, or that time has changed; return how many.

    :param seconds: after so long no further portion is begun; None = when none is left.
    """
    until = None if seconds is None else time.monotonic() + seconds
    round_, count = crm.round("boards.figures"), 0
    while until is None or time.monotonic() < until:
        due = _due(crm, round_.left_alone)
        done = sum(round_.together(due, partial(_refresh, crm)))
        if not done:
            break
        count += done
    return count


def _due(crm: Crm, left_alone: Sequence[int]) -> list[int]:
    touched = sa.select(TouchedCourse.root_id).where(TouchedCourse.root_id.not_in(left_alone))
    with crm.db.read() as session:
        noted = session.scalars(touched.order_by(TouchedCourse.id).limit(_LOOKED_AT))
        if found := list(dict.fromkeys(noted))[: portions.SIZE]:
            return found
        return list(session.scalars(_changed_by_time(crm.clock(), left_alone).limit(portions.SIZE)))


def _changed_by_time(now: datetime, left_alone: Sequence[int]) -> sa.Select[Any]:
    due = (CourseFigures.next_change <= now, CourseFigures.as_of <= now - REST)
    roots = sa.select(CourseFigures.root_id).where(*due, CourseFigures.root_id.not_in(left_alone))
    return roots.order_by(CourseFigures.next_change)


def _refresh(crm: Crm, roots: Sequence[int]) -> int:
    return crm.db.run(partial(portions.write, portions.compute(crm, roots)))


def export(crm: Crm, actor: Actor, wanted: Wanted, format: str) -> list[FiguresRow]:
    """Return a list of courses or classes for a file; the audit log keeps that it was taken.

    :raises Refused: without ``crm.export``; sorted by money, without ``crm.money``.
    :raises BadInput: ``input.bad``.
    """
    need(actor, "crm.export")
    found = listing(crm, actor, wanted)
    facts: dict[str, Any] = {"count": found.total, "what": wanted.list, "format": format}
    crm.db.run(lambda session: audit.record(session, crm.clock(), actor.id, "course.export", **facts))
    return found.rows
