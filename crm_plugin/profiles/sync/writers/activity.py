"""Enrolments and signals as they arrive: rows of one person and, mostly, one course."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.kernel.db.bulk import among, chunks
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import Enrolment, Signal
from crm_plugin.profiles.store.batch import Fresh, Target, WriteBatch, write_rows
from crm_plugin.profiles.store.mapping import Columns
from crm_plugin.profiles.store.touched_courses import WITHOUT_INTEREST
from crm_plugin.profiles.sync.deferred import park


def save_enrolments(batch: WriteBatch, rows: Sequence[r.Enrolment]) -> None:
    """Write the enrolments that are new or changed; park those whose person or course is not here."""
    _save(batch, "enrolments", Enrolment, rows)


def save_signals(batch: WriteBatch, rows: Sequence[r.Signal]) -> None:
    """Write the signals that are new or changed; park those whose person or course is not here."""
    _save(batch, "signals", Signal, rows)


def _save(batch: WriteBatch, stream: str, model: Any, rows: Sequence[Any]) -> None:
    fresh = batch.fresh(model, rows)
    if not fresh.rows:
        return
    people = batch.persons(row.person_id for row in fresh.rows)
    courses = batch.courses(row.course_id for row in fresh.rows)
    columns: list[Columns] = []
    parked: list[tuple[Any, Target, str]] = []
    for row in fresh.rows:
        if row.person_id in people.forgotten:
            continue
        if row.person_id in people.unknown:
            parked.append((row, "persons", row.person_id))
        elif row.course_id is not None and row.course_id not in courses:
            parked.append((row, "courses", row.course_id))
        else:
            course, root = courses.get(row.course_id, (None, None))
            person = people.ids[row.person_id]
            of_ours = {"person_id": person, "course_id": course, "root_id": root}
            columns.append(fresh.columns(row) | of_ours)
            batch.touched.add(person)
    _touch_former(batch, model, fresh, columns)
    changed = {row.id for row in fresh.rows}
    stale = (changed & fresh.ids.keys()) - {column["host_id"] for column in columns}
    _drop(batch, model, [fresh.ids[host_id] for host_id in stale])
    write_rows(batch, model, columns, fresh)
    park(batch, stream, parked)
    batch.changed += len(columns)


_COUNTED: dict[Any, tuple[str, ...]] = {
    Enrolment: (
        *("person_id", "root_id", "role", "state", "enrolled_at", "starts_at"),
        *("expires_at", "ended_at", "end_kind", "completed_at"),
    ),
    Signal: ("person_id", "root_id", "kind", "at"),
}
"""Columns from which figures of courses follow; most changes are of others, such as progress."""


def _touch_former(batch: WriteBatch, model: Any, fresh: Fresh, columns: Sequence[Columns]) -> None:
    """Touch the persons of these rows before, and the roots before and now where a figure changes."""
    names, before = _COUNTED[model], {}
    table = model.__table__.c
    for part in chunks(fresh.held()):
        rows = sa.select(table.host_id, *(table[name] for name in names))
        for host_id, *values in batch.session.execute(rows.where(among(batch.session, table.id, part))):
            before[host_id] = values
            batch.touched.add(values[0])
    now = {row["host_id"]: [row[name] for name in names] for row in columns}
    for host_id in before.keys() | now.keys():
        pair = before.get(host_id), now.get(host_id)
        if pair[0] != pair[1]:
            batch.roots.update(values[1] for values in pair if values and _counts(model, values))


def _counts(model: Any, values: Sequence[Any]) -> bool:
    return values[1] is not None and not (model is Signal and values[2] in WITHOUT_INTEREST)


def _drop(batch: WriteBatch, model: Any, ids: list[int]) -> None:
    """Remove what we held of rows that wait now, or belong to a forgotten person: it is not true any more."""
    for part in chunks(ids):
        rows = sa.delete(model).where(among(batch.session, model.id, part))
        batch.session.execute(rows.execution_options(synchronize_session=False))


def end_enrolments(batch: WriteBatch, host_ids: Sequence[str]) -> None:
    """End enrolments that the school no longer has: removed as of now, unless access had run out."""
    over, now = Enrolment.expires_at <= batch.at, sa.literal(batch.at, UtcDateTime())
    end = {
        "end_kind": sa.case((over, "expired"), else_="removed"),
        "ended_at": sa.case((over, Enrolment.expires_at), else_=now),
    }
    for part in chunks(host_ids):
        there = (among(batch.session, Enrolment.host_id, part), Enrolment.state != "ended")
        _touch(batch, sa.select(Enrolment.person_id, Enrolment.root_id).where(*there))
        ending = sa.update(Enrolment).where(*there).execution_options(synchronize_session=False)
        # Without its hash a seat that comes back is written again.
        result: Any = batch.session.execute(ending.values(state="ended", row_hash="", **end))
        batch.changed += result.rowcount


def delete_signals(batch: WriteBatch, host_ids: Sequence[str]) -> None:
    """Delete signals that the school no longer has."""
    for part in chunks(host_ids):
        these = among(batch.session, Signal.host_id, part)
        _touch(batch, sa.select(Signal.person_id, Signal.root_id).where(these))
        gone = sa.delete(Signal).where(these)
        result: Any = batch.session.execute(gone, execution_options={"synchronize_session": False})
        batch.changed += result.rowcount


def _touch(batch: WriteBatch, rows: Any) -> None:
    """Touch the persons and root courses that a query returns."""
    for person, root in batch.session.execute(rows):
        batch.touched.add(person)
        if root is not None:
            batch.roots.add(root)
