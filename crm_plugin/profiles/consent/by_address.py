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
    said = _said(session, people, channel)
    _write(session, said, [ledger.own_line(one, channel, "denied", at, source) for one in people])
    if _overtaken(said, "granted", at):
        return
    ledger.suppress(crm, session, channel, address_key, "marketing", "opt_out", at, source)
    earlier = sa.update(Suppression).where(*_opt_outs(channel, address_key), Suppression.at < at)
    session.execute(earlier.values(at=at).execution_options(synchronize_session=False))


def resume(crm: Crm, session: Session, channel: str, address_key: str, at: datetime, source: str) -> None:
    """Take note that marketing is wanted at an address (again); opt-outs up to that moment end."""
    people = people_at(crm, session, channel, address_key)
    said = _said(session, people, channel)
    _write(session, said, [ledger.own_line(one, channel, "granted", at, source) for one in people])
    if _overtaken(said, "denied", at):
        return
    ended = sa.select(Suppression.scope).where(*_opt_outs(channel, address_key), Suppression.at <= at)
    for scope in session.scalars(ended).all():
        ledger.lift(session, channel, address_key, scope, "opt_out", at, source)


def _opt_outs(channel: str, address_key: str) -> tuple[sa.ColumnElement[bool], ...]:
    of_address = (Suppression.channel == channel, Suppression.address_key == address_key)
    return (*of_address, Suppression.reason == "opt_out")


def _overtaken(said: Sequence[Any], by: str, at: datetime) -> bool:
    """Return whether somebody's newest answer at the address is the opposite, after that moment."""
    newest = {line.person_id: line for line in said}
    return any(line.state == by and line.at > at for line in newest.values())


def _said(session: Session, people: Collection[int], channel: str) -> Sequence[Any]:
    """Return (person, state, time) of what these people said to us about a channel, the oldest first."""
    return session.execute(
        sa.select(ConsentRecord.person_id, ConsentRecord.state, ConsentRecord.at)
        .where(among(session, ConsentRecord.person_id, people), ConsentRecord.channel == channel)
        .where(ConsentRecord.origin == "own")
        .order_by(ConsentRecord.at, ConsentRecord.id)
    ).all()


def _write(session: Session, said: Sequence[Any], lines: Sequence[ConsentRecord]) -> None:
    """Add the lines that are not there yet, and decide again for their people."""
    known = {(line.person_id, line.state, line.at) for line in said}
    newest = {line.person_id: line.at for line in said}
    fresh = [line for line in lines if (line.person_id, line.state, line.at) not in known]
    for line in fresh:
        # What was overtaken is no news for the school.
        line.to_push = newest.get(line.person_id, line.at) <= line.at
    session.add_all(fresh)
    session.flush()
    people = [line.person_id for line in fresh]
    ledger.refresh_consents(session, people)
    touch(session, people)
