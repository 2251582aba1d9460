"""Accounts of the CRM's own shell, for schools whose platform cannot say which person is at the screen."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHash
from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm_plugin.kernel import sessions
from crm_plugin.kernel.db.types import Base, Json, Key, Text, UtcDateTime
from crm_plugin.kernel.db.writes import upsert

_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_hex())
LONGEST_LOGIN = 64
FREE_TRIES = 5
"""Wrong passwords before the account is locked for a while; each further one doubles the wait."""


class Account(Base):
    """Somebody who may sign in to ``crm serve``."""

    __tablename__ = "crm_account"

    login: Mapped[str] = mapped_column(Key(LONGEST_LOGIN), primary_key=True)
    display_name: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    permissions: Mapped[list[str]] = mapped_column(Json)
    scope: Mapped[list[str] | None] = mapped_column(Json)
    """Course ids of the school that this person is limited to; None = everything."""
    locale: Mapped[str | None] = mapped_column(Key(16))
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass
class Grant:
    """What an account may do: permissions of the contract, and the courses it is limited to."""

    permissions: list[str]
    scope: list[str] | None = None


def is_login(text: str) -> bool:
    """Return whether a text can be the name of an account."""
    return 0 < len(text) <= LONGEST_LOGIN and text.isprintable() and text == text.strip()


def has_any(session: Session) -> bool:
    """Return whether somebody can sign in at all."""
    return bool(session.scalar(select(func.count()).select_from(Account)))


def save(session: Session, login: str, password: str, grant: Grant, name: str = "") -> None:
    """Make an account, or give an existing one a new password and new rights; its sessions end."""
    sessions.end_all(session, login)
    row = {
        "login": login,
        "display_name": name or login,
        "password_hash": _hasher.hash(password),
        "permissions": grant.permissions,
        "scope": grant.scope,
        "failures": 0,
        "locked_until": None,
    }
    upsert(session, Account, [row], key=["login"])


def sign_in(session: Session, login: str, password: str, now: datetime) -> Account | None:
    """Return the account when the password is right; wrong ones are counted, too many lock it for a while."""
    account = session.get(Account, login, with_for_update=True) if is_login(login) else None
    if account is None or (account.locked_until is not None and account.locked_until > now):
        _matches(_NOBODY, password)  # the same work, so that the answer's time shows nothing
        return None
    if _matches(account.password_hash, password):
        account.failures, account.locked_until = 0, None
        return account
    account.failures += 1
    if account.failures >= FREE_TRIES:
        account.locked_until = now + timedelta(seconds=min(3600, 30 * 2 ** (account.failures - FREE_TRIES)))
    return None


def find(session: Session, login: str) -> Account | None:
    """Return an account."""
    return session.get(Account, login)


def remove(session: Session, login: str) -> bool:
    """Delete an account, and with it its sessions; return False when there is none."""
    account = session.get(Account, login)
    if account is not None:
        sessions.end_all(session, login)
        session.delete(account)
    return account is not None


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (Argon2Error, InvalidHash):
        return False
