"""Accounts of the CRM's own shell, for schools whose platform cannot say which person is at the screen."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm_plugin.kernel.credentials import sessions
from crm_plugin.kernel.db.types import Base, Json, Key, Text, UtcDateTime
from crm_plugin.kernel.db.writes import upsert

LONGEST_LOGIN = 64


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
    """Unused: pages of the version before read it while the tables are upgraded."""
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """As above."""


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


def save(session: Session, login: str, password_hash: str, grant: Grant, name: str = "") -> None:
    """Make an account, or give an existing one a new password and new rights; its sessions end.

    :param password_hash: made by :mod:`~crm_plugin.kernel.credentials.passwords` before the transaction.
    """
    sessions.end_all(session, login)
    row = {
        "login": login,
        "display_name": name or login,
        "password_hash": password_hash,
        "permissions": grant.permissions,
        "scope": grant.scope,
        "failures": 0,
        "locked_until": None,
    }
    upsert(session, Account, [row], key=["login"])


def find(session: Session, login: str) -> Account | None:
    """Return an account."""
    return session.get(Account, login) if is_login(login) else None


def remove(session: Session, login: str) -> bool:
    """Delete an account, and with it its sessions; return False when there is none."""
    account = session.get(Account, login)
    if account is not None:
        sessions.end_all(session, login)
        session.delete(account)
    return account is not None
