"""Tokens of programs that use the JSON API: shown once, kept as a keyed hash, with rights of their own."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm_plugin.kernel.db.types import Base, Id, Json, Key, Text, UtcDateTime

PREFIX = "crm_"
"""Begins every token, so that people and scanners of leaked secrets know one when they see it."""
PROGRAM = "token:"
"""Begins a program's id as an actor; the number of its token follows."""
NOTED = timedelta(minutes=1)
"""A use is written down at most once in so long: a busy program must not write with each request."""


class Token(Base):
    """A token; of its text only a hash is kept."""

    __tablename__ = "crm_token"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Key())
    hash: Mapped[str] = mapped_column(Key(64), unique=True)
    permissions: Mapped[list[str]] = mapped_column(Json)
    scope: Mapped[list[str] | None] = mapped_column(Json)
    """Course ids of the school that it is limited to; None = everything."""
    created_by: Mapped[str] = mapped_column(Key())
    author_name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Grant:
    """What a token may do: permissions of the contract, the courses it is limited to, and until when."""

    name: str
    permissions: list[str]
    scope: list[str] | None = None
    expires_at: datetime | None = None


def make(
    session: Session, secret: str, grant: Grant, author: tuple[str, str], now: datetime
) -> tuple[int, str]:
    """Keep a new token; return its id and its text, which nobody can read again.

    :param author: (id, name) of who makes it.
    :param secret: the installation's secret key: a stolen table alone is no use for trying texts against it.
    """
    text = PREFIX + secrets.token_urlsafe(32)
    row = Token(
        name=grant.name,
        hash=_hash(secret, text),
        permissions=grant.permissions,
        scope=grant.scope,
        created_by=author[0],
        author_name=author[1],
        created_at=now,
        expires_at=grant.expires_at,
    )
    session.add(row)
    session.flush()
    return row.id, text


def find(session: Session, secret: str, text: str, now: datetime) -> Token | None:
    """Return the token with this text, None when there is none that is still good."""
    if not text.startswith(PREFIX):
        return None
    found = session.scalar(select(Token).where(Token.hash == _hash(secret, text)))
    return found if found is not None and is_good(session, found, now) else None


def is_good(session: Session, token: Token, now: datetime) -> bool:
    """Return whether a token is in force: it, and each one that it was made with."""
    one: Token | None = token
    while one is not None and one.revoked_at is None and (one.expires_at is None or one.expires_at > now):
        maker = number_of(one.created_by)
        if maker is None:
            return True
        one = session.get(Token, maker)
    return False


def number_of(actor: str) -> int | None:
    """Return the number of the token that an actor is, None for anybody else."""
    digits = actor.removeprefix(PROGRAM)
    return int(digits) if actor.startswith(PROGRAM) and digits.isdecimal() and len(digits) < 19 else None


def end_of(session: Session, actor: str) -> datetime | None:
    """Return when an actor's own token ends; None for one without an end, and for anybody else."""
    number = number_of(actor)
    return None if number is None else session.scalar(select(Token.expires_at).where(Token.id == number))


def is_due(token: Token, now: datetime) -> bool:
    """Return whether a use at this moment is to be written down."""
    return token.last_used_at is None or now - token.last_used_at >= NOTED


def note_use(session: Session, ident: int, now: datetime) -> None:
    """Write down that a token was used."""
    session.execute(update(Token).where(Token.id == ident).values(last_used_at=now))


def listed(session: Session) -> list[Token]:
    """Return all tokens, the newest first; revoked ones stay, as the audit log names them."""
    return list(session.scalars(select(Token).order_by(Token.id.desc())))


def revoke(session: Session, ident: int, now: datetime) -> list[tuple[int, str]]:
    """End a token at once, and all that were made with it; return (number, name) of each, itself first.

    Empty when there is no such token in force.
    """
    token = session.get(Token, ident, with_for_update=True)
    if token is None or token.revoked_at is not None:
        return []
    token.revoked_at = now
    made = select(Token.id).where(Token.created_by == f"{PROGRAM}{ident}", Token.revoked_at.is_(None))
    below = [one for number in session.scalars(made).all() for one in revoke(session, number, now)]
    return [(ident, token.name), *below]


def of_author(session: Session, author: str, now: datetime) -> list[str]:
    """Return the names of an author's tokens that are in force."""
    theirs = session.scalars(select(Token).where(Token.created_by == author).order_by(Token.id))
    return [one.name for one in theirs if is_good(session, one, now)]


def _hash(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), b"token:" + text.encode(), hashlib.sha256).hexdigest()
