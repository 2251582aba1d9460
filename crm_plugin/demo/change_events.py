"""Keeps ``updated_at``; after each commit listeners learn which rows of the school changed."""

from __future__ import annotations

import time
from collections.abc import Iterable

from blinker import Signal
from flask import current_app
from sqlalchemy import event
from sqlalchemy.orm import Session, UOWTransaction

from crm_plugin.demo.models import Base, Consent, Keyed, OrderLine, User, db

# Sent by the application with ``rows``: a set of (table name, row id, its person's id or None).
rows_changed = Signal()

_KEPT = "school_rows_changed"


def now() -> int:
    """Return the present in seconds since 1970."""
    return int(time.time())


def _stamp(rows: Iterable[object], session: Session) -> None:
    for row in rows:
        if isinstance(row, Keyed):
            row.updated_at = now()
        # A consent is a part of its person: readers that follow persons by time must see it.
        if isinstance(row, Consent) and (person := session.get(User, row.user_id)):
            person.updated_at = now()


@event.listens_for(db.session, "before_flush")
def _before_flush(session: Session, _context: UOWTransaction, _instances: object) -> None:
    dirty = (row for row in session.dirty if session.is_modified(row))
    _stamp([row for row in (*session.new, *dirty) if isinstance(row, Base)], session)


@event.listens_for(db.session, "after_flush")
def _after_flush(session: Session, _context: UOWTransaction) -> None:
    kept = session.info.setdefault(_KEPT, set())
    for row in (*session.new, *session.dirty):
        if isinstance(row, Keyed) and isinstance(row, Base) and not isinstance(row, OrderLine):
            kept.add((row.__tablename__, row.id, getattr(row, "user_id", None)))


@event.listens_for(db.session, "after_commit")
def _after_commit(session: Session) -> None:
    rows = session.info.pop(_KEPT, None)
    if rows:
        rows_changed.send(current_app._get_current_object(), rows=rows)  # type: ignore[attr-defined]


@event.listens_for(db.session, "after_rollback")
def _after_rollback(session: Session) -> None:
    session.info.pop(_KEPT, None)
