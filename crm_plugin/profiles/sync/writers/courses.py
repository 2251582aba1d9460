"""Courses as they arrive: labels, links, and the root at the top of copies and plans."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host import records as r
from crm_plugin.kernel.db.bulk import chunks
from crm_plugin.kernel.db.writes import upsert
from crm_plugin.profiles.models.school import Course, CourseLabel, CourseLink, Enrolment, OrderLine, Signal
from crm_plugin.profiles.models.staff import Intention
from crm_plugin.profiles.store.batch import WriteBatch, replace_parts
from crm_plugin.profiles.store.mapping import known
from crm_plugin.profiles.store.normalise import fold

KEY = 191


def save(batch: WriteBatch, rows: Sequence[r.Course]) -> None:
    """Write the courses that are new or changed, and what follows from them."""
    fresh = batch.fresh(Course, rows)
    if not fresh.rows:
        return
    upsert(batch.session, Course, [fresh.columns(row) for row in fresh.rows], key=["host_id"])
    ids = batch.ids(Course, [row.id for row in fresh.rows])
    _write_parts(batch, fresh.rows, ids, fresh.held())
    new = [row.id for row in fresh.rows if row.id not in fresh.ids]
    batch.touched.update(_touched_by(batch.session, fresh.held()))
    resolve_roots(batch)
    _touch_roots(batch, ids.values())
    _fill_lines(batch, new)
    batch.arrived["courses"].update(new)
    batch.changed += len(fresh.rows)


def remove(batch: WriteBatch, host_ids: Sequence[str]) -> None:
    """Mark courses as gone; they are kept, because quick queries and history name them."""
    for part in chunks(host_ids):
        # Without its hash a course that comes back is written again.
        gone = sa.update(Course).where(Course.host_id.in_(part), Course.gone.is_(False))
        _touch_roots(batch, batch.ids(Course, part).values())
        result: Any = batch.session.execute(gone.values(gone=True, row_hash=""))
        batch.changed += result.rowcount


def _touch_roots(batch: WriteBatch, ids: Collection[int]) -> None:
    for part in chunks(ids):
        batch.roots.update(batch.session.scalars(sa.select(Course.root_id).where(Course.id.in_(part))))


def _write_parts(batch: WriteBatch, rows: list[r.Course], ids: dict[str, int], held: list[int]) -> None:
    labels, links = [], []
    for row in rows:
        labels += [
            *_labels(ids[row.id], "category", row.category),
            *_labels(ids[row.id], "tag", row.tags),
        ]
        links += [
            {"course_id": ids[row.id], "kind": kind, "host_id": host_id}
            for kind, host_ids in (("contains", row.course_ids), ("teacher", row.teacher_ids))
            for host_id in dict.fromkeys(host_ids)
        ]
    replace_parts(batch.session, CourseLabel, CourseLabel.course_id, held, labels)
    replace_parts(batch.session, CourseLink, CourseLink.course_id, held, links)


def _labels(course_id: int, kind: str, values: Sequence[str]) -> list[dict[str, Any]]:
    by_key: dict[str, str] = {}
    for value in filter(known, values):
        by_key.setdefault(fold(value, KEY), value[:KEY])
    return [
        {"course_id": course_id, "kind": kind, "folded": folded, "value": value, "position": position}
        for position, (folded, value) in enumerate(by_key.items())
    ]


def _touched_by(session: Session, course_ids: list[int]) -> set[int]:
    """Return the people whose interests these changed courses are behind."""
    touched: set[int] = set()
    for part in chunks(course_ids):
        roots = sa.select(Course.root_id).where(Course.id.in_(part))
        for model in (Enrolment, Signal, OrderLine):
            found = session.scalars(sa.select(model.person_id).where(model.root_id.in_(roots)).distinct())
            touched.update(id for id in found if id is not None)
    return touched


def resolve_roots(batch: WriteBatch) -> None:
    """Compute every course's root again and carry changed ones over to enrolments, signals and lines."""
    columns = sa.select(Course.id, Course.host_id, Course.parent_host_id, Course.root_id)
    rows = batch.session.execute(columns).all()
    parents = {host_id: parent for _, host_id, parent, _ in rows}
    ids = {host_id: id for id, host_id, _, _ in rows}
    moved = []
    for id, host_id, _parent, old in rows:
        root = ids[root_of(host_id, parents)]
        if root != old:
            moved.append((id, old, root))
    if moved:
        values = [{"course": id, "root": root} for id, _, root in moved]
        table: Any = Course.__table__
        statement = sa.update(table).where(table.c.id == sa.bindparam("course"))
        batch.session.execute(statement.values(root_id=sa.bindparam("root")), values)
        _carry_over(batch, [move for move in moved if move[1]])


def root_of(host_id: str, parents: dict[str, str | None]) -> str:
    """Return the course at the top of a chain of parents.

    A parent that is not there ends the chain; of a ring the smallest id is the top, from wherever you start.
    """
    seen = [host_id]
    while True:
        parent = parents.get(seen[-1])
        if parent is None or parent not in parents:
            return seen[-1]
        if parent in seen:
            return min(seen[seen.index(parent) :])
        seen.append(parent)


def _carry_over(batch: WriteBatch, moved: list[tuple[int, int, int]]) -> None:
    for course_id, old, root in moved:
        batch.roots.update((old, root))
        for model in (Enrolment, Signal, OrderLine):
            # By the old root too: it is what these tables are indexed by.
            rows = (model.root_id == old, model.course_id == course_id)
            people = batch.session.scalars(sa.select(model.person_id).where(*rows).distinct())
            batch.touched.update(id for id in people if id is not None)
            update = sa.update(model).where(*rows).values(root_id=root)
            batch.session.execute(update.execution_options(synchronize_session=False))
        set_by_hand = sa.update(Intention).where(Intention.course_id == course_id).values(root_id=root)
        batch.session.execute(set_by_hand.execution_options(synchronize_session=False))


def _fill_lines(batch: WriteBatch, new: list[str]) -> None:
    """Give order lines that came before their course its ids."""
    unknown = sa.exists().where(OrderLine.root_id.is_(None), OrderLine.kind.in_(("course", "class")))
    if not new or not batch.session.scalar(sa.select(unknown)):
        return
    for part in chunks(new):
        lines = (
            OrderLine.root_id.is_(None),
            OrderLine.kind.in_(("course", "class")),
            OrderLine.item_host_id.in_(part),
        )
        found = batch.session.scalars(sa.select(OrderLine.person_id).where(*lines).distinct())
        batch.touched.update(id for id in found if id is not None)
        course = sa.select(Course.id).where(Course.host_id == OrderLine.item_host_id).scalar_subquery()
        root = sa.select(Course.root_id).where(Course.host_id == OrderLine.item_host_id).scalar_subquery()
        update = sa.update(OrderLine).where(*lines).values(course_id=course, root_id=root)
        batch.session.execute(update.execution_options(synchronize_session=False))
