"""What was answered from an address: it holds for everybody who has it, as of that moment.

Answers reach us late, twice and in any order. The newest decides: an older one is a line of the history and
changes nothing that is in force.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among
from crm_plugin.profiles.consent import address_locks, ledger
from crm_plugin.profiles.consent.channels import address_columns
from crm_plugin.profiles.models.school import ConsentRecord, Person, Suppression
from crm_plugin.profiles.store.recompute_queue import touch


def people_at(crm: Crm, session: Session, channel: str, address_key: str) -> list[int]:
    """Lock the people of an address as a marking does; return our ids of those who have it now."""
    address_locks.lock(crm, session, [(channel, address_key)])
    column = address_columns(channel)[1]
    holders = sa.select(Person.id).where(column == address_key).order_by(Person.id)
    return list(session.scalars(holders))


def stop(crm: Crm, session: Session, channel: str, address_key: str, at: datetime, source: str) -> None:
    """Take note that no more marketing is wanted at an address; nobody needs to have it.

    :param source: how it reached us, such as ``reply``.
    """
    people = people_at(crm, session, channel, address_key)
    newest = _newest(session, people, channel)
    _write(session, newest, [ledger.own_line(one, channel, "denied", at, source) for one in people])
    if _overtaken(newest, "granted", at):
        return
    ledger.suppress(crm, session, channel, address_key, "marketing", "opt_out", at, source)
    earlier = sa.update(Suppression).where(*_opt_outs(channel, address_key), Suppression.at < at)
    session.execute(earlier.values(at=at).execution_options(synchronize_session=False))


def resume(crm: Crm, session: Session, channel: str, address_key: str, at: datetime, source: str) -> None:
    """Take note that marketing is wanted at an address (again); opt-outs up to that moment end."""
    people = people_at(crm, session, channel, address_key)
    newest = _newest(session, people, channel)
    _write(session, newest, [ledger.own_line(one, channel, "granted", at, source) for one in people])
    if _overtaken(newest, "denied", at):
        return
    ended = sa.select(Suppression.scope).where(*_opt_outs(channel, address_key), Suppression.at <= at)
    for scope in session.scalars(ended).all():
        ledger.lift(session, channel, address_key, scope, "opt_out", at, source)


def _opt_outs(channel: str, address_key: str) -> tuple[sa.ColumnElement[bool], ...]:
    of_address = (Suppression.channel == channel, Suppression.address_key == address_key)
    return (*of_address, Suppression.reason == "opt_out")


def _overtaken(newest: dict[int, Any], by: str, at: datetime) -> bool:
    """Return whether somebody at the address said the opposite after that moment."""
    return any(line.state == by and line.at > at for line in newest.values())


def _newest(session: Session, people: Collection[int], channel: str) -> dict[int, Any]:
    """Return person → the newest (person, state, time) of what they said to us about a channel."""
    rows = session.execute(
        sa.select(ConsentRecord.person_id, ConsentRecord.state, ConsentRecord.at)
        .where(among(session, ConsentRecord.person_id, people), ConsentRecord.channel == channel)
        .where(ConsentRecord.origin == "own")
        .order_by(ConsentRecord.at, ConsentRecord.id)
    )
    return {row.person_id: row for row in rows}


def _write(session: Session, newest: dict[int, Any], lines: Sequence[ConsentRecord]) -> None:
    lines = [line for line in lines if not _is_known(newest.get(line.person_id), line)]
    for line in lines:
        # What was overtaken is no news for the school.
        line.to_push = line.person_id not in newest or newest[line.person_id].at <= line.at
    session.add_all(lines)
    session.flush()
    people = [line.person_id for line in lines]
    ledger.refresh_consents(session, people)
    touch(session, people)


def _is_known(newest: Any, line: ConsentRecord) -> bool:
    """Return whether a person's newest line says the same of the same moment."""
    return newest is not None and (newest.state, newest.at) == (line.state, line.at)
