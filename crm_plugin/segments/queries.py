"""Reads of quick queries."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.store.masking import may_see_contacts
from crm_plugin.segments.language import mentions
from crm_plugin.segments.models import QuickQuery
from crm_plugin.segments.stock_queries import shown_name


@dataclass(frozen=True)
class QueryRow:
    """A quick query.

    :param name: one of the stock has its name in the actor's language.
    :param count: people at ``counted_at``; None before the first count, and for who is limited to other
        courses than its owner, or sees contacts otherwise, as it is not the number of their people.
    :param mine: the actor owns it, or may change everything.
    """

    id: int
    name: str
    tree: dict[str, Any]
    owner: str
    shared: bool
    pinned: bool
    position: int
    count: int | None
    counted_at: datetime | None
    mine: bool


def visible(actor: Actor | None) -> sa.ColumnElement[bool]:
    """Return the condition that an actor sees a quick query: their own, and shared ones."""
    if actor is None:
        return sa.true()
    return sa.or_(QuickQuery.owner == actor.id, QuickQuery.shared == sa.true())


def document(crm: Crm, ident: int, actor: Actor | None = None) -> Mapping[str, Any] | None:
    """Return the document of a quick query, None when there is none that the actor sees."""
    with crm.db.read() as session:
        chosen = sa.select(QuickQuery.tree).where(QuickQuery.id == ident, visible(actor))
        return session.scalar(chosen)


def names(session: Session, ids: Collection[int], actor: Actor | None = None) -> dict[int, str]:
    """Return the names of quick queries by their ids, of those that an actor sees."""
    columns = sa.select(QuickQuery.id, QuickQuery.name, QuickQuery.tree)
    found = session.execute(columns.where(QuickQuery.id.in_(ids), visible(actor)))
    locale = actor.locale if actor else None
    return {row.id: shown_name(row.name, row.tree, locale) for row in found}


def list_for(crm: Crm, actor: Actor) -> list[QueryRow]:
    """Return the quick queries that an actor sees, in their order."""
    with crm.db.read() as session:
        chosen = sa.select(QuickQuery).where(visible(actor)).order_by(QuickQuery.position, QuickQuery.id)
        hidden = _hidden(session, actor)
        return [row_for(query, actor) for query in session.scalars(chosen) if query.id not in hidden]


def get(crm: Crm, ident: int, actor: Actor) -> QueryRow:
    """Return one quick query.

    :raises NotFound: ``object.missing``, also when the actor does not see it.
    """
    with crm.db.read() as session:
        return row_for(find(session, ident, actor), actor)


def find(session: Session, ident: int, actor: Actor) -> QuickQuery:
    """Return the row of a quick query that the actor sees, in the caller's transaction.

    Not one that asks for contacts, when the actor may not see these: everybody that it finds has that one.
    """
    query = session.scalar(sa.select(QuickQuery).where(QuickQuery.id == ident, visible(actor)))
    if query is None or ident in _hidden(session, actor):
        raise NotFound("object.missing", kind=Clause("quick query"), id=ident)
    return query


def _hidden(session: Session, actor: Actor) -> set[int]:
    if may_see_contacts(actor):
        return set()
    return mentions.hidden(
        {row.id: row.tree for row in session.execute(sa.select(QuickQuery.id, QuickQuery.tree))}
    )


def limits(actor: Actor) -> list[str] | None:
    """Return the courses that an actor is limited to, as they are stored; None = everything."""
    return None if actor.scope is None else sorted(actor.scope)


def owns(owner: str, actor: Actor) -> bool:
    """Return whether an actor may change a quick query of an owner: their own, and an administrator each one.

    Colleagues of the whole school use a shared one: an administrator of some courses leaves it alone.
    """
    return owner == actor.id or (actor.may("crm.admin") and actor.scope is None)


def row_for(query: QuickQuery, actor: Actor) -> QueryRow:
    """Return a quick query as an actor may see it."""
    counted = query.scope == limits(actor)
    if query.contacts != may_see_contacts(actor):
        counted = counted and not mentions.asks_written(query.tree)
    return QueryRow(
        query.id,
        shown_name(query.name, query.tree, actor.locale),
        query.tree,
        query.owner,
        query.shared,
        query.pinned,
        query.position,
        query.count if counted else None,
        query.counted_at if counted else None,
        owns(query.owner, actor),
    )
