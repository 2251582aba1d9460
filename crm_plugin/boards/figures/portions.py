"""A portion of courses: computed beside its transaction, and written in a short one, so that nobody waits.

What another process has written meanwhile is left, and its course stays on the list of the touched.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.figures.compute import Computed, Portion, computed
from crm_plugin.boards.models import CourseFigures, CourseMoney
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among, chunks, insert_many
from crm_plugin.kernel.db.writes import insert_missing, upsert
from crm_plugin.profiles.models.streams import TouchedCourse
from crm_plugin.segments.service import present

SIZE = 500
"""Courses whose figures are computed at once, in one pass of the tables.

Five portions of a hundred took twice the processor time of one."""


@dataclass(frozen=True)
class Work:
    """A portion that was computed, and what was there before.

    :param taken: our ids of its entries on the list, which the computation has seen.
    :param before: root course → as of when its figures were.
    """

    roots: Sequence[int]
    taken: Sequence[int]
    before: dict[int, datetime]
    found: Computed


def compute(crm: Crm, roots: Sequence[int]) -> Work:
    """Compute the figures of root courses, and write nothing."""
    with crm.db.read() as session:
        mine = sa.select(TouchedCourse.id).where(among(session, TouchedCourse.root_id, roots))
        taken = session.scalars(mine).all()
        before = _times(session, roots)
    # A transaction of its own: whatever was noted until now is in what it reads.
    with crm.db.read() as session:
        return Work(roots, taken, before, computed(Portion(session, crm.settings, present(crm), roots)))


def write(work: Work, session: Session) -> int:
    """Write a portion, but what somebody else has written since it was begun; return how many courses."""
    rows = [work.found.figures[root] for root in sorted(work.found.figures)]
    insert_missing(session, CourseFigures, rows, ["root_id"])
    there = _times(session, work.roots, lock=True)
    mine = {row["root_id"] for row in rows if there[row["root_id"]] in _known(work, row)}
    upsert(session, CourseFigures, [row for row in rows if row["root_id"] in mine], ["root_id"])
    over = [root for root in work.roots if root not in work.found.figures]
    done = [*mine, *over]
    _delete(session, CourseFigures, CourseFigures.root_id, over)
    _delete(session, CourseMoney, CourseMoney.root_id, done)
    insert_many(
        session, CourseMoney, [row for key, row in sorted(work.found.money.items()) if key[0] in mine]
    )
    of_mine = among(session, TouchedCourse.root_id, done)
    for part in chunks(work.taken):
        _delete(session, TouchedCourse, TouchedCourse.id, part, of_mine)
    return len(done)


def _known(work: Work, row: dict[str, Any]) -> tuple[datetime | None, datetime]:
    return work.before.get(row["root_id"]), row["as_of"]


def _times(session: Session, roots: Collection[int], lock: bool = False) -> dict[int, datetime]:
    rows = sa.select(CourseFigures.root_id, CourseFigures.as_of).order_by(CourseFigures.root_id)
    rows = rows.where(among(session, CourseFigures.root_id, roots))
    found: Any = session.execute(rows.with_for_update() if lock else rows).all()
    return dict(found)


def _delete(session: Session, model: Any, key: Any, ids: Collection[int], *where: Any) -> None:
    gone = sa.delete(model).where(among(session, key, ids), *where)
    session.execute(gone, execution_options={"synchronize_session": False})
