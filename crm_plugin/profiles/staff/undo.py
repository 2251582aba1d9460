"""Taking a change back: for a while after it, its author may undo what a slip of the hand has done."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import Conflict
from crm_plugin.profiles.extension import PersonExtension, TakeBack
from crm_plugin.profiles.models.staff import Undo

KEPT = timedelta(minutes=30)
"""How long a change can be undone."""


def offer(session: Session, crm: Crm, actor: Actor, kind: str, payload: dict[str, Any]) -> int:
    """Keep what undoing a change needs, in the transaction of the change; return the id to undo it by.

    :param kind: one of those in :attr:`crm_plugin.profiles.extension.PersonExtension.undo`.
    :param payload: ready for JSON; ids and earlier values, no contacts.
    """
    now = crm.clock()
    session.execute(sa.delete(Undo).where(Undo.at < now - KEPT))
    row = Undo(actor=actor.id, at=now, kind=kind, payload=payload)
    session.add(row)
    session.flush()
    return row.id


def open_to(session: Session, crm: Crm, actor: Actor, ids: list[int]) -> set[int]:
    """Return which of these changes the actor can still undo."""
    mine = Undo.id.in_(ids), Undo.actor == actor.id, Undo.at >= crm.clock() - KEPT
    return set(session.scalars(sa.select(Undo.id).where(*mine)))


def undo(crm: Crm, actor: Actor, ident: int) -> None:
    """Take a change back, once.

    :raises Refused: without ``crm.edit``, the right that every change needed that can be undone.
    :raises Conflict: ``undo.gone``, when it was another's, is too long ago or was undone.
    """
    need(actor, "crm.edit")
    now = crm.clock()
    mine = (Undo.id == ident, Undo.actor == actor.id, Undo.at >= now - KEPT)

    def work(session: Session) -> None:
        row = session.scalar(sa.select(Undo).where(*mine).with_for_update())
        if row is None:
            raise Conflict("undo.gone")
        kind, payload = row.kind, row.payload
        session.delete(row)
        _take_back(crm, kind)(session, crm, actor, payload)
        audit.record(session, now, actor.id, "undo", ("undo", ident), kind=kind)

    crm.db.run(work)


def _take_back(crm: Crm, kind: str) -> TakeBack:
    return next(one.undo[kind] for one in crm.contributed(PersonExtension) if kind in one.undo)
