"""Save, share, pin and delete quick queries; keep their counts fresh and show them on the school's home."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.in_use import Users, seen_names
from crm_plugin.host.permissions import need
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import BadInput, Conflict, Refused
from crm_plugin.profiles.store.masking import may_see_contacts
from crm_plugin.profiles.store.recompute_queue import moved_at
from crm_plugin.segments import queries, service
from crm_plugin.segments.extension import FilterExtension
from crm_plugin.segments.language.mentions import mentions
from crm_plugin.segments.listing.stale_references import check_courses
from crm_plugin.segments.models import QuickQuery
from crm_plugin.segments.saved import undo as undoing

COUNTED = "segments.counts"
"""Name of the job that counts."""
LONGEST_NAME = 191
FRESH_PINNED, FRESH = timedelta(minutes=10), timedelta(hours=1)
"""Time alone moves people in and out: counts older than this are taken again."""
REST_PINNED, REST = timedelta(minutes=1), timedelta(minutes=5)
"""How long a count stands at least where people change all the time."""


def save(
    crm: Crm, actor: Actor, name: str, document: Any, *, shared: bool = False, pinned: bool = False
) -> int:
    """Save a segment under a name and return its id; it is counted in the background.

    :raises BadInput: when the document or the name is bad.
    """
    need(actor, "crm.edit")
    service.understood(crm, document, actor)
    now = crm.clock()

    def work(session: Session) -> int:
        last = session.scalar(sa.select(sa.func.max(QuickQuery.position)))
        query = QuickQuery(
            name=_name(name),
            tree=document,
            owner=actor.id,
            scope=queries.limits(actor),
            contacts=may_see_contacts(actor),
            shared=shared,
            pinned=pinned,
            position=(last or 0) + 1,
            created_at=now,
            updated_at=now,
        )
        session.add(query)
        session.flush()
        audit.record(session, now, actor.id, "query.save", of=("query", query.id), name=query.name)
        return query.id

    ident = crm.db.run(work)
    _wake(crm)
    return ident


def change(crm: Crm, actor: Actor, ident: int, document: Any) -> int:
    """Put another document into a quick query; return the id to undo it by.

    :raises BadInput: ``segment.cycle`` when it would lead back to itself.
    """
    service.understood(crm, document, actor, inside=frozenset({ident}))
    return _edit(
        crm, actor, ident, "query.change", tree=document, contacts=may_see_contacts(actor), **_UNCOUNTED
    )


def rename(crm: Crm, actor: Actor, ident: int, name: str) -> int:
    """Give a quick query another name and return the id to undo it by; nothing is run."""
    return _edit(crm, actor, ident, "query.rename", name=_name(name))


def share(crm: Crm, actor: Actor, ident: int, shared: bool) -> int:
    """Show a quick query to all colleagues, or to its owner only; return the id to undo it by."""
    return _edit(crm, actor, ident, "query.share", shared=shared)


def pin(crm: Crm, actor: Actor, ident: int, pinned: bool) -> None:
    """Put a quick query on its owner's home, or take it off."""
    _edit(crm, actor, ident, "query.pin", pinned=pinned)


def move(crm: Crm, actor: Actor, ident: int, position: int) -> int:
    """Put a quick query at a place (0 = first) among those that the actor sees; return the id to undo by."""
    seen = queries.list_for(crm, actor)
    order = [row.id for row in seen if row.id != ident]
    order.insert(max(position, 0), ident)
    places = _rising(row.position for row in seen)

    def work(session: Session) -> int:
        _editable(session, ident, actor)
        undo = undoing.moved(session, crm, actor, order)
        # By id: two who reorder at once then wait for each other one way round.
        for one, place in sorted(zip(order, places, strict=False)):
            session.execute(sa.update(QuickQuery).where(QuickQuery.id == one).values(position=place))
        audit.record(session, crm.clock(), actor.id, "query.move", of=("query", ident), position=position)
        return undo

    return crm.db.run(work)


def _rising(places: Iterable[int]) -> list[int]:
    """Return the places that these hold, no two alike: what the actor does not see stays where it is."""
    found: list[int] = []
    for place in sorted(places):
        found.append(max(place, found[-1] + 1) if found else place)
    return found


def delete(crm: Crm, actor: Actor, ident: int) -> int:
    """Delete a quick query; return the id to undo it by.

    :raises Conflict: ``segment.in_use``, naming what uses it.
    """

    def work(session: Session) -> int:
        query = _editable(session, ident, actor)
        users = using(crm, session, actor, ident)
        if users:
            raise Conflict("segment.in_use", users=seen_names(users))
        undo = undoing.deleted(session, crm, actor, query)
        session.delete(query)
        audit.record(session, crm.clock(), actor.id, "query.delete", of=("query", ident), name=query.name)
        return undo

    undo = crm.db.run(work)
    _wake(crm)
    return undo


def using(crm: Crm, session: Session, actor: Actor, ident: int) -> Users:
    """Return what uses a quick query, as an actor may see it: other segments, and what capabilities bring."""
    others = sa.select(QuickQuery, queries.visible(actor)).where(QuickQuery.id != ident)
    found = [
        query.name if seen else None
        for query, seen in session.execute(others.order_by(QuickQuery.id))
        if mentions(query.tree, ident)
    ]
    for extension in crm.contributed(FilterExtension):
        for users in extension.query_users:
            found.extend(users(session, ident, actor))
    return found


_UNCOUNTED: dict[str, Any] = {"count": None, "counted_at": None}


@dataclass(frozen=True)
class _Due:
    id: int
    tree: dict[str, Any]
    owner: str
    scope: list[str] | None
    contacts: bool

    def reader(self) -> Actor | None:
        """Return whose people are counted: everybody's, or those of a limited owner."""
        if self.scope is None and self.contacts:
            return None
        without = () if self.contacts else ("crm.contacts", "crm.admin")
        may = frozenset(PERMISSIONS).difference(without)
        return Actor(self.owner, "", may, scope=None if self.scope is None else frozenset(self.scope))


def refresh_counts(crm: Crm, *, everything: bool = False) -> int:
    """Count the quick queries whose count is too old, or was taken before people changed.

    One that cannot be understood any more (a field or course is gone) matches nobody until it is corrected.

    :return: how many were counted.
    """
    now = crm.clock()
    due = _due(crm, now, everything)
    return len(crm.round(COUNTED).each(due, partial(_count, crm, now), lambda one: one.id))


def _count(crm: Crm, now: datetime, one: _Due) -> None:
    try:
        check_courses(crm, one.tree)
        found: int | None = service.count(crm, one.tree, at=now, actor=one.reader()).count
    except (BadInput, Refused):
        found = 0
    crm.db.run(partial(_keep_count, ident=one.id, count=found, counted_at=now))


def _keep_count(session: Session, ident: int, **counted: Any) -> None:
    session.execute(sa.update(QuickQuery).where(QuickQuery.id == ident).values(**counted))


def _due(crm: Crm, now: datetime, everything: bool) -> list[_Due]:
    row = QuickQuery
    columns = (row.id, row.tree, row.owner, row.scope, row.contacts)
    chosen = sa.select(*columns).order_by(QuickQuery.id)
    with crm.db.read() as session:
        rows = session.execute(chosen if everything else chosen.where(_is_stale(now, moved_at(session))))
        return [_Due(*row) for row in rows]


def _is_stale(now: datetime, moved: datetime | None) -> sa.ColumnElement[bool]:
    """Return the condition that a count is to be taken again.

    :param moved: when the facts of anybody were last computed.
    """
    counted, pinned = QuickQuery.counted_at, QuickQuery.pinned == sa.true()
    stale = [counted.is_(None), counted <= sa.case((pinned, now - FRESH_PINNED), else_=now - FRESH)]
    if moved is not None:
        rested = counted <= sa.case((pinned, now - REST_PINNED), else_=now - REST)
        stale.append(sa.and_(counted <= moved, rested))
    return sa.or_(*stale)


def _edit(crm: Crm, actor: Actor, ident: int, action: str, **values: Any) -> int:
    now = crm.clock()

    def work(session: Session) -> int:
        query = _editable(session, ident, actor)
        undo = undoing.changed(session, crm, actor, query, list(values))
        for name, value in values.items():
            setattr(query, name, value)
        limits = {"scope": queries.limits(actor), "contacts": may_see_contacts(actor)}
        if query.owner == actor.id and any(getattr(query, name) != one for name, one in limits.items()):
            for name, value in {**limits, **_UNCOUNTED}.items():
                setattr(query, name, value)
        query.updated_at = now
        audit.record(session, now, actor.id, action, of=("query", ident), name=query.name)
        return undo

    undo = crm.db.run(work)
    _wake(crm)
    return undo


def _editable(session: Session, ident: int, actor: Actor) -> QuickQuery:
    need(actor, "crm.edit")
    query = queries.find(session, ident, actor)
    if not queries.owns(query.owner, actor):
        raise Refused("access.refused", permission="crm.admin")
    return query


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise BadInput("segment.no_name")
    return name[:LONGEST_NAME]


def _wake(crm: Crm) -> None:
    crm.queue.wake("crm_plugin.segments.jobs.refresh_counts")
