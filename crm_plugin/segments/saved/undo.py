"""What is kept of a quick query before it is changed, moved or deleted, and how that is undone."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.errors import Conflict, Refused
from crm_plugin.profiles.extension import TakeBack
from crm_plugin.profiles.staff.undo import offer
from crm_plugin.segments.models import QuickQuery
from crm_plugin.segments.queries import owns

_KEPT = tuple(column.key for column in sa.inspect(QuickQuery).columns)
_TIMES = ("created_at", "updated_at")


def changed(session: Session, crm: Crm, actor: Actor, query: QuickQuery, names: list[str]) -> int:
    """Keep these columns of a quick query as they are now; return the id to undo by."""
    before = {name: getattr(query, name) for name in names if name != "counted_at"}
    return offer(session, crm, actor, "query.change", {"id": query.id, "values": before})


def moved(session: Session, crm: Crm, actor: Actor, ids: list[int]) -> int:
    """Keep the places of quick queries; return the id to undo by."""
    rows = session.execute(sa.select(QuickQuery.id, QuickQuery.position).where(QuickQuery.id.in_(ids)))
    return offer(session, crm, actor, "query.move", {"places": [list(row) for row in rows]})


def deleted(session: Session, crm: Crm, actor: Actor, query: QuickQuery) -> int:
    """Keep a whole quick query; return the id to undo by."""
    row = {name: getattr(query, name) for name in _KEPT}
    row |= {"count": None, "counted_at": None}
    row |= {name: row[name].isoformat() for name in _TIMES}
    return offer(session, crm, actor, "query.delete", {"row": row})


def _change_back(session: Session, crm: Crm, actor: Actor, payload: dict[str, Any]) -> None:
    owner = session.scalar(sa.select(QuickQuery.owner).where(QuickQuery.id == payload["id"]))
    if owner is not None:
        _check(owner, actor)
    values = {**payload["values"], "updated_at": crm.clock()}
    if "tree" in values:
        # The count was of the other search.
        values |= {"count": None, "counted_at": None}
    found: Any = session.execute(
        sa.update(QuickQuery).where(QuickQuery.id == payload["id"]).values(values),
        execution_options={"synchronize_session": False},
    )
    if not found.rowcount:
        raise Conflict("undo.gone")


def _move_back(session: Session, _crm: Crm, _actor: Actor, payload: dict[str, Any]) -> None:
    for ident, place in sorted(payload["places"]):  # by id, as every reordering goes
        session.execute(sa.update(QuickQuery).where(QuickQuery.id == ident).values(position=place))


def _bring_back(session: Session, _crm: Crm, actor: Actor, payload: dict[str, Any]) -> None:
    row = dict(payload["row"])
    _check(row["owner"], actor)
    if session.get(QuickQuery, row["id"]) is not None:
        # SQLite gives the number of a deleted row to the next one.
        del row["id"]
    times: dict[str, datetime] = {name: parse_instant(row[name]) for name in _TIMES}
    session.add(QuickQuery(**row | times))


def _check(owner: str, actor: Actor) -> None:
    """Refuse an actor who lost the right to change it since they did."""
    if not owns(owner, actor):
        raise Refused("access.refused", permission="crm.admin")


UNDO: dict[str, TakeBack] = {
    "query.change": _change_back,
    "query.move": _move_back,
    "query.delete": _bring_back,
}
"""Kind of a change → how it is undone."""
