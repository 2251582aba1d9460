"""Once a night the figures of all courses are computed whole, compared with what is kept, and repaired."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.figures import portions
from crm_plugin.boards.figures.compute import Computed
from crm_plugin.boards.figures.weeks import moved_on
from crm_plugin.boards.models import CourseFigures, CourseMoney
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among, chunks
from crm_plugin.profiles.models.school import Course
from crm_plugin.profiles.models.streams import TouchedCourse
from crm_plugin.profiles.store.host_info_cache import school_zone

log = logging.getLogger(__name__)

_BESIDE = ("root_id", "as_of", "next_change")
"""Columns that say nothing of a course."""


def compare(crm: Crm) -> int:
    """Compute the figures of all courses, and write them where they differ; return how many differed.

    What was touched, or changed by time, and not computed yet is no difference.
    """
    with crm.db.read() as session:
        heads = session.scalars(sa.select(Course.id).where(Course.root_id == Course.id)).all()
        kept = session.scalars(sa.select(CourseFigures.root_id)).all()
    round_ = crm.round("boards.compare")
    some = chunks(sorted({*heads, *kept}), portions.SIZE)
    return sum(sum(round_.together(roots, partial(_compare, crm))) for roots in some)


def _compare(crm: Crm, roots: Sequence[int]) -> int:
    with crm.db.read() as session:
        noted, kept = _noted(session, roots), _kept(session, roots)
    work = portions.compute(crm, roots)
    with crm.db.read() as session:
        noted |= _noted(session, roots)
    at, zone = crm.clock(), school_zone(crm)
    wrong = 0
    for root, was in kept.items():
        if root in noted or (was["next_change"] is not None and was["next_change"] <= at):
            continue
        was["trend"] = moved_on(was["trend"], was["as_of"], at, zone)
        wrong += _differs(root, was, _as_kept(work.found, root))
    crm.db.run(partial(portions.write, work))
    return wrong


def _differs(root: int, was: dict[str, Any], now: dict[str, Any]) -> bool:
    differing = sorted(name for name in now if name not in _BESIDE and was[name] != now[name])
    if differing:
        log.warning("figures of course %s were wrong and are repaired: %s", root, ", ".join(differing))
    return bool(differing)


def _noted(session: Session, roots: Sequence[int]) -> set[int]:
    return set(
        session.scalars(sa.select(TouchedCourse.root_id).where(among(session, TouchedCourse.root_id, roots)))
    )


def _kept(session: Session, roots: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the figures that are kept of these courses, with their money."""
    found: dict[int, dict[str, Any]] = {}
    for model in (CourseFigures, CourseMoney):
        table: Any = model.__table__
        for row in session.execute(sa.select(table).where(among(session, table.c.root_id, roots))).mappings():
            one = found.setdefault(row["root_id"], {"money": []})
            if model is CourseFigures:
                one |= row
            else:
                one["money"].append(dict(row))
    for one in found.values():
        one["money"].sort(key=lambda row: row["currency"])
    return {root: one for root, one in found.items() if "as_of" in one}


def _as_kept(found: Computed, root: int) -> dict[str, Any]:
    mine = [row for key, row in sorted(found.money.items()) if key[0] == root]
    return {**found.figures.get(root, {}), "money": mine}
