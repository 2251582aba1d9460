"""Tags on all people that a segment finds: a few at once, many by a worker."""

import hashlib
import json
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.queue.queue import LONG_SECONDS
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.staff import tags, undo
from crm_plugin.profiles.staff.tags import MOST, Tag, Tagged
from crm_plugin.segments import service
from crm_plugin.segments.bulk import bulk_jobs
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.models import Tagging

AT_ONCE = 5_000
"""The most people that are tagged while the page waits."""
PORTION = 2_000
"""People tagged in one transaction of a worker, so that nobody waits long for the rows."""
_JOB = "crm_plugin.segments.jobs.tag_people"


@dataclass(frozen=True)
class TaggingRow:
    """A tagging of many people as its author sees it."""

    id: int
    tag: str
    put: bool
    """Put on; else taken off."""
    state: str
    problem: str
    """Code of the error that it failed with."""
    total: int
    done: int
    changed: int
    """People who got the tag, or lost it; the others had it, or had none."""
    created_at: datetime
    undo: int | None
    """The id to undo it by, as long as it can be undone."""


def put_tag(crm: Crm, actor: Actor, document: Any, tag: str) -> Tagged:
    """Put a tag on the people that a document, or a part of it, finds; only on those the actor sees.

    :raises Refused: without ``crm.edit``.
    :raises BadInput: when the document or the tag is bad.
    """
    return tags.put(crm, actor, service.selected(crm, document, actor=actor).people, tag)


def take_tag_off(crm: Crm, actor: Actor, document: Any, tag: str) -> Tagged:
    """Take a tag off those people; raises as :func:`put_tag`."""
    return tags.take_off(crm, actor, service.selected(crm, document, actor=actor).people, tag)


def request(crm: Crm, actor: Actor, part: Part, tag: str, *, put: bool) -> Tagged | int:
    """Put a tag on people or take it off.

    :return: what was done, up to :data:`AT_ONCE` people; above, the id of a tagging that a worker does.
        Asked for again before that is done, it is the same one.
    :raises Refused: without ``crm.edit``.
    :raises BadInput: ``tag.*``, ``segment.*``.
    """
    need(actor, "crm.edit")
    wanted = Tag.read(tag)
    search = service.selected(crm, part, actor=actor)
    total = service.counted(crm, search).count
    if total > MOST:
        raise BadInput("tag.too_many", limit=MOST)
    if total <= AT_ONCE:
        return (tags.put if put else tags.take_off)(crm, actor, search.people, tag)
    row = {
        **bulk_jobs.begun(crm, actor, part, total),
        "author_name": actor.display_name,
        "tag": wanted.value,
        "put": put,
        "batch": str(uuid4()),
        "key": _key(actor, part, wanted, put),
    }
    return crm.db.run(lambda session: _queued(session, crm, row))


def _key(actor: Actor, part: Part, tag: Tag, put: bool) -> str:
    """Return what is the same when the same person asks for the same once more."""
    scope = None if actor.scope is None else sorted(actor.scope)
    told = [actor.id, scope, part.document, part.narrowing, tag.folded, put]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _queued(session: Session, crm: Crm, row: dict[str, Any]) -> int:
    insert_missing(session, Tagging, [row], ["key"])
    there = sa.select(Tagging.id, Tagging.batch).where(Tagging.key == row["key"])
    ident, batch = session.execute(there).one()
    if batch == row["batch"]:
        details = {"count": row["total"], "tag": row["tag"], "put": row["put"]}
        audit.record(session, crm.clock(), row["author"], "people.tag_asked", ("tagging", ident), **details)
        crm.queue.wake(_JOB, seconds=LONG_SECONDS)
    return int(ident)


def listed(crm: Crm, actor: Actor) -> list[TaggingRow]:
    """Return an author's taggings of many people, newest first.

    :raises Refused: without ``crm.edit``.
    """
    need(actor, "crm.edit")
    query = sa.select(Tagging).where(Tagging.author == actor.id).order_by(Tagging.id.desc())
    with crm.db.read() as session:
        rows = list(session.scalars(query))
        still = undo.open_to(session, crm, actor, [row.undo_id for row in rows if row.undo_id])
        return [_shown(row, still) for row in rows]


def _shown(row: Tagging, still: set[int]) -> TaggingRow:
    state = (row.id, row.tag, row.put, row.state, row.problem, row.total, row.done, row.changed)
    return TaggingRow(*state, row.created_at, row.undo_id if row.undo_id in still else None)


def tag_due(crm: Crm) -> int:
    """Do the taggings that wait, one after the other; return how many were taken."""
    return bulk_jobs.do_due(crm, Tagging, partial(_tag, crm), bulk_jobs.Job("segments.tags", _JOB))


def remove_old(crm: Crm) -> None:
    """Forget taggings older than :data:`crm_plugin.segments.bulk.bulk_jobs.KEPT`; the tags stay."""
    old = sa.delete(Tagging).where(Tagging.created_at <= crm.clock() - bulk_jobs.KEPT)
    crm.db.run(lambda session: session.execute(old))


def _tag(crm: Crm, row: Tagging) -> None:
    actor = bulk_jobs.author_of(row, row.author_name)
    ids = service.person_ids(crm, service.selected(crm, bulk_jobs.part_of(row), actor=actor))
    if len(ids) > MOST:
        raise BadInput("tag.too_many", limit=MOST)
    change = tags.Change(Tag.read(row.tag), row.put, row.batch)
    turn = bulk_jobs.Turn(crm, row)
    for start in range(bisect_right(ids, row.position), len(ids), PORTION):
        some = ids[start : start + PORTION]
        _portion(crm, actor, change, some)
        turn.came_on(done=start + len(some), total=len(ids), position=some[-1])
    done = crm.db.run(lambda session: tags.finish(session, crm, actor, change))
    values = {"changed": done.count, "undo_id": done.undo, "done": len(ids), "total": len(ids)}
    bulk_jobs.hold(crm, row, state="done", key=None, **values)


def _portion(crm: Crm, actor: Actor, change: tags.Change, ids: "array[int]") -> None:
    people = sa.select(Person.id).where(Person.id.in_(list(ids)))
    crm.db.run(lambda session: tags.write(session, crm, actor, change, people))
