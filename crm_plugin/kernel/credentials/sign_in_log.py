"""Sign-ins, refusals, locks and sign-outs in the audit log: a flood of guesses is one row in ten minutes."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel import audit
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.credentials import accounts

VISITOR = "visitor"
"""The actor of a sign-in that was refused: somebody who may be anybody."""
TOGETHER = timedelta(minutes=10)
"""Refusals at one account in so long are one row with their number: a flood must not fill the disk."""
MOST_CLIENTS = 5
"""Addresses that such a row names."""


def passed(session: Session, at: datetime, login: str, client: str) -> None:
    """Record that somebody signed in from an address of the network."""
    audit.record(session, at, login, "account.sign_in", ("account", login), client=client)


def left(session: Session, at: datetime, login: str) -> None:
    """Record that somebody signed out."""
    audit.record(session, at, login, "account.sign_out", ("account", login))


def refused(session: Session, at: datetime, name: str, client: str, until: datetime | None = None) -> None:
    """Record a refused sign-in, and the lock that it began.

    :param name: as it was typed; one that no account has is not kept, as people type passwords there.
    :param client: the address that it came from; a lock holds for it alone.
    :param until: when the lock ends; None where there is none.
    """
    account = accounts.find(session, name) if accounts.is_login(name) else None
    login = "" if account is None else account.login
    row = _latest(session, "account.refuse", login, at - TOGETHER)
    if row is None:
        of = ("account", login)
        audit.record(session, at, VISITOR, "account.refuse", of, count=1, client=client)
    else:
        row.count = (row.count or 0) + 1
        row.details = {**row.details, "client": _with(str(row.details.get("client", "")), client)}
    if until is not None:
        ends = until.isoformat(timespec="seconds")
        audit.record(session, at, VISITOR, "account.lock", ("account", login), until=ends, client=client)


def _latest(session: Session, action: str, login: str, since: datetime) -> AuditRow | None:
    theirs = AuditRow.action == action, AuditRow.object_kind == "account", AuditRow.object_id == login
    newest = sa.select(AuditRow).where(*theirs, AuditRow.at >= since)
    return session.scalar(newest.order_by(AuditRow.id.desc()).limit(1).with_for_update())


def _with(known: str, client: str) -> str:
    clients = known.split(", ") if known else []
    if client in clients or len(clients) >= MOST_CLIENTS:
        return known
    return ", ".join([*clients, client])
