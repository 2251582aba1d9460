"""The carrier that writes messages down and sends nothing: demo, trials, tests of a campaign."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crm_plugin.channels.base import Message, Receipt, Status, not_called
from crm_plugin.channels.models import OutboxMessage
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.profiles.models.school import Person


class OutboxCarrier:
    """Takes every message into the table ``crm_outbox``; a key is taken once."""

    name = "outbox"
    in_flight = 20
    batch = 20
    idempotent = True
    call_seconds = 30.0

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Write all messages in one transaction of our own: the call to the outside is that one."""
        if not messages or not may_call():
            return not_called(messages)
        status = self._write([_row(message, self._crm.clock()) for message in messages])
        reason = None if status == "accepted" else "outbox_failed"
        return [Receipt(message.key, status, reason=reason) for message in messages]

    def _write(self, rows: list[dict[str, Any]]) -> Status:
        committing = False

        def work(session: Session) -> None:
            nonlocal committing
            committing = False
            insert_missing(session, OutboxMessage, rows, key=["key"])
            committing = True

        try:
            self._crm.db.run(work)
        except SQLAlchemyError:
            return "unknown" if committing else "unavailable"
        return "accepted"

    def close(self) -> None:
        """Nothing is kept open: connections belong to the database's pool."""


def _row(message: Message, at: datetime) -> dict[str, Any]:
    return {
        "key": message.key,
        "campaign_id": message.campaign_id,
        "channel": message.channel,
        "person": message.person,
        "address": message.address,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "links": message.links,
        "at": at,
    }


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the outbox took."""

    id: int
    key: str
    campaign_id: int | None
    channel: str
    person: str
    address: str
    subject: str | None
    text: str
    html: str | None
    links: list[str]
    at: datetime


def listed(
    session: Session, campaign_id: int | None = None, *, after: int = 0, limit: int = 1000
) -> list[Taken]:
    """Return messages in the order in which they were taken.

    :param campaign_id: of one campaign; None = all, test sends too.
    :param after: the ``id`` of the last one seen.
    """
    query = sa.select(OutboxMessage).where(OutboxMessage.id > after)
    if campaign_id is not None:
        query = query.where(OutboxMessage.campaign_id == campaign_id)
    return [_taken(row) for row in session.scalars(query.order_by(OutboxMessage.id).limit(limit))]


def latest(session: Session, *, channel: str = "", before: int | None = None, limit: int = 50) -> list[Taken]:
    """Return messages of all campaigns, newest first, for the outbox page.

    :param channel: only this channel; empty = every one.
    :param before: the ``id`` of the last one seen.
    """
    query = sa.select(OutboxMessage)
    if channel:
        query = query.where(OutboxMessage.channel == channel)
    if before is not None:
        query = query.where(OutboxMessage.id < before)
    return [_taken(row) for row in session.scalars(query.order_by(OutboxMessage.id.desc()).limit(limit))]


def find(session: Session, ident: int) -> Taken | None:
    """Return one message by its ``id``, or None."""
    row = session.get(OutboxMessage, ident)
    return None if row is None else _taken(row)


def forget(session: Session, keys: Collection[str], persons: Collection[str]) -> None:
    """Empty messages of people who are erased; that there was one stays.

    :param keys: of their messages.
    :param persons: the school's ids of them; test sends borrowed their data, and have keys of their own.
    """
    empty: dict[str, Any] = {
        "person": "",
        "address": "",
        "subject": None,
        "text": "",
        "html": None,
        "links": [],
    }
    tests = sa.and_(OutboxMessage.campaign_id.is_(None), among(session, OutboxMessage.person, persons))
    for where in (among(session, OutboxMessage.key, keys), tests):
        messages = sa.update(OutboxMessage).where(where).values(**empty)
        session.execute(messages, execution_options={"synchronize_session": False})


def _taken(row: OutboxMessage) -> Taken:
    return Taken(**{name: getattr(row, name) for name in Taken.__slots__})


def held_on(session: Session, person_id: int) -> list[dict[str, object]]:
    """Return the messages to a person that were written down, for their right of access."""
    theirs = sa.select(Person.host_id).where(Person.id == person_id).scalar_subquery()
    rows = session.scalars(
        sa.select(OutboxMessage).where(OutboxMessage.person == theirs).order_by(OutboxMessage.id)
    )
    names = ("channel", "address", "subject", "text")
    return [{"at": row.at.isoformat()} | {name: getattr(row, name) for name in names} for row in rows]
