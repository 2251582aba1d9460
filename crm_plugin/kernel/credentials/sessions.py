"""Sessions of the CRM's own shell: rows, so that signing out ends one wherever its cookie was copied to."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm_plugin.kernel.db.types import Base, Key, UtcDateTime

NOTED = timedelta(minutes=1)
"""A use is noted at most once in so long: reading a page is no reason to write."""


class ShellSession(Base):
    """A session in force; of the text in its cookie only a hash is kept."""

    __tablename__ = "crm_session"

    key: Mapped[str] = mapped_column(Key(64), primary_key=True)
    login: Mapped[str] = mapped_column(Key(64), index=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Limits:
    """How long a session lasts without a use, and at most; no time = without end."""

    idle: timedelta
    longest: timedelta

    def in_force(self, now: datetime) -> sa.ColumnElement[bool]:
        """Return the condition that a session is not over yet."""
        idle = ShellSession.seen_at > now - self.idle if self.idle else sa.true()
        return sa.and_(idle, ShellSession.started_at > now - self.longest if self.longest else sa.true())


def start(session: Session, login: str, limits: Limits, now: datetime) -> str:
    """Begin a session and return the text for its cookie, which nobody can read again; old ones go."""
    text = secrets.token_urlsafe(32)
    _delete(session, sa.not_(limits.in_force(now)))
    session.add(ShellSession(key=_key(text), login=login, started_at=now, seen_at=now))
    return text


def find(session: Session, text: str, limits: Limits, now: datetime) -> ShellSession | None:
    """Return the session with this text, None when it has ended."""
    return session.scalar(sa.select(ShellSession).where(ShellSession.key == _key(text), limits.in_force(now)))


def is_due(found: ShellSession, now: datetime) -> bool:
    """Return whether a use at this moment is to be noted."""
    return now - found.seen_at >= NOTED


def note_use(session: Session, text: str, now: datetime) -> None:
    """Note that a session was used."""
    session.execute(sa.update(ShellSession).where(ShellSession.key == _key(text)).values(seen_at=now))


def end(session: Session, text: str) -> str | None:
    """End a session; return whose it was, None when it had ended before."""
    found = session.get(ShellSession, _key(text), with_for_update=True)
    if found is None:
        return None
    session.delete(found)
    return found.login


def end_all(session: Session, login: str) -> int:
    """End all sessions of an account; return how many there were."""
    return _delete(session, ShellSession.login == login)


def _delete(session: Session, which: sa.ColumnElement[bool]) -> int:
    gone: Any = session.execute(
        sa.delete(ShellSession).where(which).execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
