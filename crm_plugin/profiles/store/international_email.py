"""Addresses with letters beyond ASCII before the @: they can be written to where the mail server takes them.

What it offered last (SMTPUTF8, RFC 6531) is kept. As long as it does not, such an address is no address of
the person: no count, check or campaign reaches by it.
"""

import logging
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.key_value import Kept, kept
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.email_addresses import email_key
from crm_plugin.profiles.store.recompute_queue import touch

log = logging.getLogger(__name__)
_NAME = "profiles.smtputf8"


def is_taken(session: Session) -> bool:
    """Return whether our mail server offered SMTPUTF8 when it was last connected to."""
    return bool(kept(session, _NAME, False))


def is_plain(key: str) -> bool:
    """Return whether every mail server takes an address."""
    return key.isascii()


def withhold(session: Session, columns: Sequence[dict[str, Any]]) -> None:
    """Take the keys of addresses that cannot be written to out of columns of persons."""
    theirs = [row for row in columns if row["email_key"] and not is_plain(row["email_key"])]
    if theirs and not _locked(session):
        for row in theirs:
            row["email_key"] = None


def heard(crm: Crm, offered: bool) -> None:
    """Note what the mail server said when it was connected to; the addresses that it is about follow."""
    try:
        with crm.db.read() as session:
            if is_taken(session) == offered:
                return
        crm.db.run(lambda session: _switch(session, offered))
    except sa.exc.SQLAlchemyError:
        # Mail is under way: the next connection says it again.
        log.warning("What the mail server offers could not be noted", exc_info=True)


def _locked(session: Session) -> bool:
    """Return what was offered last; nobody changes it before this transaction ends."""
    insert_missing(session, Kept, [{"name": _NAME, "value": False}], key=["name"])
    place = sa.select(Kept.value).where(Kept.name == _NAME).with_for_update()
    return bool(session.scalar(place))


def _switch(session: Session, offered: bool) -> None:
    if _locked(session) == offered:
        return
    session.execute(sa.update(Kept).where(Kept.name == _NAME).values(value=offered))
    found = session.execute(sa.select(Person.id, Person.email).where(_is_wide(session, Person.email)))
    keys = {id: key for id, email in found if (key := email_key(email)) and not is_plain(key)}
    if keys:
        table: Any = Person.__table__
        change = sa.update(table).where(table.c.id == sa.bindparam("one"))
        changes = [{"one": id, "key": key if offered else None} for id, key in keys.items()]
        session.execute(change.values(email_key=sa.bindparam("key")), changes)
        touch(session, list(keys))


def _is_wide(session: Session, column: Any) -> sa.ColumnElement[bool]:
    """Return that a text has letters beyond ASCII: more bytes than letters."""
    if session.get_bind().dialect.name == "sqlite":
        wide: sa.ColumnElement[bool] = sa.func.length(sa.cast(column, sa.LargeBinary)) > sa.func.length(
            column
        )
        return wide
    wide = sa.func.octet_length(column) > sa.func.char_length(column)
    return wide
