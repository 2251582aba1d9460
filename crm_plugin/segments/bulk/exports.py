"""Exports of people: small ones at once, large ones by a worker into a file for their author alone."""

import os
import shutil
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import BadInput, Clause, NotFound, Refused, one_of
from crm_plugin.kernel.private_files import make_file, make_folder
from crm_plugin.kernel.queue.queue import LONG_SECONDS
from crm_plugin.profiles.people import access
from crm_plugin.profiles.people.queries import PersonRow
from crm_plugin.profiles.store.host_info_cache import school_zone
from crm_plugin.segments import service
from crm_plugin.segments.bulk import bulk_jobs
from crm_plugin.segments.bulk.spreadsheet import MOST_ROWS, csv_heading, csv_lines, csv_parts, write_xlsx
from crm_plugin.segments.listing.columns import COLUMNS, Column, exported, offered
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.models import Export
from crm_plugin.segments.service import Search

AT_ONCE = 5_000
"""The most people of an export that is made while the page waits."""
PORTION = 1_000
"""People read at once, each portion in a transaction of its own."""
FORMATS = ("csv", "xlsx")
_JOB = "crm_plugin.segments.jobs.make_exports"
_UNFINISHED = ".part"


@dataclass(frozen=True)
class Wanted:
    """What somebody asks to take away.

    :param columns: keys of :data:`crm_plugin.segments.listing.columns.COLUMNS`; those that the author may not
        take away are left out.
    :param locale: of the headings.
    """

    part: Part
    columns: Sequence[str]
    format: str
    locale: str = "en"


@dataclass(frozen=True)
class _Prepared:
    """What may be taken away, and of which people."""

    columns: list[Column]
    heading: list[str]
    search: Search
    total: int


@dataclass(frozen=True)
class ExportRow:
    """An export as its author sees it."""

    id: int
    format: str
    state: str
    problem: str
    total: int
    done: int
    created_at: datetime
    gone_at: datetime
    """When its file is removed."""


@dataclass(frozen=True)
class Table:
    """Chosen columns of people, ready to be written: ``rows`` may be walked once."""

    heading: list[str]
    rows: Iterator[list[Any]]


def request(crm: Crm, actor: Actor, wanted: Wanted) -> Table | int:
    """Begin an export.

    :return: the table itself, up to :data:`AT_ONCE` people; above, the id of an export that a worker makes.
    :raises Refused: without ``crm.export``.
    :raises BadInput: ``export.too_many_rows``, ``input.bad``, ``segment.*``.
    """
    made = _prepared(crm, actor, wanted)
    if made.total > AT_ONCE:
        return _queued(crm, actor, wanted, made)
    ids = service.person_ids(crm, made.search)
    _audit(crm, actor.id, len(ids), wanted.format)
    return Table(made.heading, _rows(crm, actor, ids, made.columns))


def queue(crm: Crm, actor: Actor, wanted: Wanted) -> int:
    """Let a worker make an export, however small; return its id.

    :raises Refused: without ``crm.export``.
    :raises BadInput: ``export.too_many_rows``, ``input.bad``, ``segment.*``.
    """
    return _queued(crm, actor, wanted, _prepared(crm, actor, wanted))


def _prepared(crm: Crm, actor: Actor, wanted: Wanted) -> _Prepared:
    need(actor, "crm.export")
    if wanted.format not in FORMATS:
        raise BadInput("input.bad", "format", reason=one_of(FORMATS))
    known = service.catalogue(crm, actor)
    columns = exported(offered(known, actor), actor)
    columns = [one for one in columns if one.key in wanted.columns] or columns[:1]
    heading = [one.label.of(wanted.locale) for one in columns]
    search = service.selected(crm, wanted.part, actor=actor, known=known)
    total = service.counted(crm, search).count
    if wanted.format == "xlsx" and total > MOST_ROWS:
        raise BadInput("export.too_many_rows", count=total, limit=MOST_ROWS)
    return _Prepared(columns, heading, search, total)


def _queued(crm: Crm, actor: Actor, wanted: Wanted, made: _Prepared) -> int:
    facts = {
        **bulk_jobs.begun(crm, actor, wanted.part, made.total),
        "columns": [one.key for one in made.columns],
        "heading": made.heading,
        "format": wanted.format,
    }

    def work(session: Session) -> int:
        row = Export(**facts)
        session.add(row)
        session.flush()
        of = ("export", row.id)
        audit.record(session, crm.clock(), actor.id, "people.export_asked", of, count=row.total)
        return row.id

    ident = crm.db.run(work)
    crm.queue.wake(_JOB, seconds=LONG_SECONDS)
    return ident


def listed(crm: Crm, actor: Actor) -> list[ExportRow]:
    """Return an author's exports, newest first."""
    query = sa.select(Export).where(Export.author == actor.id).order_by(Export.id.desc())
    with crm.db.read() as session:
        return [_shown(row) for row in session.scalars(query)]


def _shown(row: Export) -> ExportRow:
    state = (row.id, row.format, row.state, row.problem, row.total, row.done)
    return ExportRow(*state, row.created_at, row.created_at + bulk_jobs.KEPT)


def file_of(crm: Crm, actor: Actor, ident: int) -> Path:
    """Return the file of a finished export, for its author.

    :raises NotFound: ``object.missing`` for somebody else's, ``export.gone`` when the file is not there.
    :raises Refused: when the author has lost a right, or is limited otherwise, since it was asked for.
    """
    with crm.db.read() as session:
        row = session.get(Export, ident)
    if row is None or row.author != actor.id or row.state != "done":
        raise NotFound("object.missing", kind=Clause("export"), id=ident)
    if lost := [one for one in row.permissions if not actor.may(one)]:
        raise Refused("access.refused", permission=lost[0])
    scope = None if actor.scope is None else sorted(actor.scope)
    if row.scope != scope:
        raise Refused("access.refused", permission="crm.export")
    path = _path(crm, row.id, row.token, row.format)
    if not path.exists():
        raise NotFound("export.gone", id=ident)
    count, of = row.done, ("export", ident)
    crm.db.run(
        lambda session: audit.record(session, crm.clock(), actor.id, "people.download", of, count=count)
    )
    return path


def make_due(crm: Crm) -> int:
    """Write the exports that wait, one after the other; return how many were taken."""
    return bulk_jobs.do_due(crm, Export, partial(_make, crm), bulk_jobs.Job("segments.exports", _JOB))


def remove_old(crm: Crm) -> None:
    """Remove exports older than :data:`crm_plugin.segments.bulk.bulk_jobs.KEPT`, with their files."""
    limit = crm.clock() - bulk_jobs.KEPT

    def work(session: Session) -> set[str]:
        session.execute(sa.delete(Export).where(Export.created_at <= limit))
        return {str(ident) for ident in session.scalars(sa.select(Export.id))}

    ids = crm.db.run(work)
    old = [path for path in _folder(crm).iterdir() if path.name.partition("-")[0] not in ids]
    crm.round("segments.files").each(old, lambda path: path.unlink(missing_ok=True), lambda path: path.name)


def _make(crm: Crm, row: Export) -> None:
    actor = bulk_jobs.author_of(row)
    chosen = [one for one in COLUMNS if one.key in row.columns]
    ids = service.person_ids(crm, service.selected(crm, bulk_jobs.part_of(row), actor=actor))
    path = _path(crm, row.id, row.token, row.format)
    unfinished = path.with_suffix(_UNFINISHED)
    (_make_csv if row.format == "csv" else _make_xlsx)(crm, row, unfinished, _Work(actor, ids, chosen))
    unfinished.replace(path)
    _audit(crm, row.author, len(ids), row.format)
    bulk_jobs.hold(crm, row, state="done", done=len(ids), total=len(ids))


@dataclass(frozen=True)
class _Work:
    """An author, the people, and the columns of an export."""

    actor: Actor
    ids: "array[int]"
    columns: Sequence[Column]


def _make_csv(crm: Crm, row: Export, unfinished: Path, work: _Work) -> None:
    """Write portion by portion, after what an earlier worker has written."""
    position, turn = _taken_over(crm, row, unfinished), bulk_jobs.Turn(crm, row)
    with unfinished.open("ab") as file:
        if not position:
            file.write(csv_heading(row.heading))
        for start in range(bisect_right(work.ids, position), len(work.ids), PORTION):
            some = work.ids[start : start + PORTION]
            file.write(csv_lines(_rows(crm, work.actor, some, work.columns)))
            file.flush()
            place = {"position": some[-1], "written": file.tell()}
            turn.came_on(done=start + len(some), total=len(work.ids), **place)


def _taken_over(crm: Crm, row: Export, unfinished: Path) -> int:
    """Begin a file with what an earlier worker has written; return the id of the last person in it.

    Its file is copied, since that worker may still be writing. On another machine it is not there.
    """
    make_file(unfinished)
    position = 0
    for earlier in _folder(crm).glob(f"{row.id}-*{_UNFINISHED}"):
        if earlier == unfinished:
            continue
        if 0 < row.written <= earlier.stat().st_size:
            shutil.copyfile(earlier, unfinished)
            os.truncate(unfinished, row.written)
            position = row.position
        earlier.unlink(missing_ok=True)
    return position


def _make_xlsx(crm: Crm, row: Export, unfinished: Path, work: _Work) -> None:
    """Write the whole: the format cannot be gone on with."""
    turn = bulk_jobs.Turn(crm, row)

    def progress(done: int) -> None:
        bulk_jobs.hold(crm, row, done=done, total=len(work.ids))
        turn.stop_if_asked()

    rows = _rows(crm, work.actor, work.ids, work.columns, progress)
    try:
        write(unfinished, row.format, Table(row.heading, rows))
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write(path: Path, format: str, table: Table) -> None:
    """Write a table into a file that strangers on this machine cannot read."""
    with make_file(path).open("wb") as file:
        if format == "xlsx":
            write_xlsx(file, table.heading, table.rows)
        else:
            file.writelines(csv_parts(table.heading, table.rows))


def _rows(
    crm: Crm,
    actor: Actor,
    ids: "array[int]",
    columns: Sequence[Column],
    progress: Callable[[int], None] = lambda _done: None,
) -> Iterator[list[Any]]:
    zone = school_zone(crm)
    for start in range(0, len(ids), PORTION):
        with crm.db.read() as session:
            found = access.rows(crm, session, actor, ids[start : start + PORTION])
        for person in found:
            yield [_value(person, column, zone) for column in columns]
        progress(start + len(found))


def _value(person: PersonRow, column: Column, zone: ZoneInfo) -> Any:
    value = getattr(person, column.key)
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None)
    return value


def _audit(crm: Crm, author: str, count: int, format: str) -> None:
    facts = (author, "people.export")
    crm.db.run(lambda session: audit.record(session, crm.clock(), *facts, count=count, format=format))


def _folder(crm: Crm) -> Path:
    return make_folder(crm.instance / "exports")


def _path(crm: Crm, ident: int, token: str, format: str) -> Path:
    return _folder(crm) / f"{ident}-{token}.{format}"
