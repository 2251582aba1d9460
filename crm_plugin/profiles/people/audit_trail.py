"""The audit log, read by actor, action, person or thing, and time; for administrators of the whole school."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need, need_whole
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.credentials import tokens
from crm_plugin.kernel.credentials.accounts import Account
from crm_plugin.kernel.credentials.tokens import Token
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.email_addresses import email_key
from crm_plugin.profiles.store.host_info_cache import region_of
from crm_plugin.profiles.store.normalise import fold
from crm_plugin.profiles.store.phone_numbers import phone_key

PORTION = 1_000
"""Rows of an export that are read at once."""
MOST_PEOPLE = 100
"""People of one name that a search takes in."""
MOST_ACTORS = 200
"""Actors that a list to choose from names."""


@dataclass(frozen=True)
class Sought:
    """What to look for; what is empty does not matter.

    :param actor: id of who did it.
    :param action: an action such as ``campaign.launch``, or an area such as ``campaign``.
    :param about: the person or thing: the school's id, the name, telephone or e-mail address of a person, or
        the id of anything else, also with its kind: ``campaign 17``.
    :param since: the first moment.
    :param until: the moment after the last one.
    """

    actor: str = ""
    action: str = ""
    about: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class AuditEntry:
    """One thing that somebody did.

    :param actor: the school's id; ``token:…`` is a program, ``command`` a shell, ``system`` the CRM.
    :param object_id: of a person, the school's id.
    :param person: the school's id of the person that it was about, if it was about one; ``person_id``: ours.
    :param count: how many people it touched.
    """

    id: int
    at: datetime
    actor: str
    actor_name: str
    action: str
    object_kind: str
    object_id: str
    person_id: int | None
    person: str | None
    person_name: str | None
    count: int | None
    details: dict[str, Any]


def listed(
    crm: Crm, actor: Actor, sought: Sought, before: int | None = None, limit: int = 50
) -> list[AuditEntry]:
    """Return a page of the log, the newest first.

    :param before: the ``id`` of the last one seen.
    :raises Refused: without ``crm.admin``, and for staff who see some courses only.
    """
    _admit(actor)
    with crm.db.read() as session:
        return _page(crm, session, sought, before, limit)


def exported(crm: Crm, actor: Actor, sought: Sought) -> Iterator[AuditEntry]:
    """Return all that was sought, the newest first; that it was taken away is on record first.

    :raises Refused: as :func:`listed`.
    """
    _admit(actor)
    # What it is about may be an address, which has no place in the log.
    asked = {"who": sought.actor, "did": sought.action}
    wanted = {name: value for name, value in asked.items() if value}
    of = ("audit", "")
    crm.db.run(lambda session: audit.record(session, crm.clock(), actor.id, "audit.export", of, **wanted))
    return _portions(crm, sought)


def actors(crm: Crm, actor: Actor) -> list[tuple[str, str]]:
    """Return (id, name) of those who did something, in the order of their names.

    :raises Refused: as :func:`listed`.
    """
    _admit(actor)
    with crm.db.read() as session:
        found = list(_distinct(session))
        names = _names(session, found)
    return sorted(((one, names.get(one, one)) for one in found), key=lambda pair: fold(pair[1]))


def _admit(actor: Actor) -> None:
    need(actor, "crm.admin")
    need_whole(actor)


def _distinct(session: Session) -> Iterator[str]:
    """Return the actors, each found by one step in the index: a long log is not read for them."""
    last = ""
    for _ in range(MOST_ACTORS):
        following = session.scalar(sa.select(sa.func.min(AuditRow.actor)).where(AuditRow.actor > last))
        if following is None:
            return
        last = str(following)
        yield last


def _portions(crm: Crm, sought: Sought) -> Iterator[AuditEntry]:
    before = None
    while True:
        with crm.db.read() as session:
            found = _page(crm, session, sought, before, PORTION)
        yield from found
        if len(found) < PORTION:
            return
        before = found[-1].id


def _page(crm: Crm, session: Session, sought: Sought, before: int | None, limit: int) -> list[AuditEntry]:
    query = sa.select(AuditRow).where(*_conditions(crm, session, sought))
    if before is not None:
        query = query.where(AuditRow.id < before)
    rows = session.scalars(query.order_by(AuditRow.id.desc()).limit(limit)).all()
    people = _people(session, {row.person_id for row in rows if row.person_id is not None})
    names = _names(session, {row.actor for row in rows})
    return [_entry(row, names, people) for row in rows]


def _entry(row: AuditRow, names: dict[str, str], people: dict[int, tuple[str, str]]) -> AuditEntry:
    person, name = people.get(row.person_id or 0, (None, None))
    return AuditEntry(
        row.id,
        row.at,
        row.actor,
        names.get(row.actor, row.actor),
        row.action,
        row.object_kind,
        person if row.object_kind == "person" and person else row.object_id,
        row.person_id,
        person,
        name,
        row.count,
        dict(row.details),
    )


def _conditions(crm: Crm, session: Session, sought: Sought) -> Iterator[sa.ColumnElement[bool]]:
    if sought.actor:
        yield AuditRow.actor == sought.actor
    if sought.action and "." in sought.action:
        yield AuditRow.action == sought.action
    elif sought.action:
        # A range, which every database finds by its index; "/" is the letter after ".".
        yield sa.and_(AuditRow.action >= f"{sought.action}.", AuditRow.action < f"{sought.action}/")
    if sought.about.strip():
        yield _about(crm, session, sought.about.strip())
    if sought.since is not None:
        yield AuditRow.at >= _utc(sought.since, "since")
    if sought.until is not None:
        yield AuditRow.at < _utc(sought.until, "until")


def _about(crm: Crm, session: Session, text: str) -> sa.ColumnElement[bool]:
    kind, _, ident = text.partition(" ")
    return sa.or_(
        AuditRow.person_id.in_(_named(crm, session, text)),
        sa.and_(AuditRow.object_id == text, AuditRow.object_kind != "person"),
        sa.and_(AuditRow.object_kind == kind, AuditRow.object_id == ident),
    )


def _utc(value: datetime, place: str) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise BadInput("input.bad", place, reason=str(error)) from error


def _named(crm: Crm, session: Session, text: str) -> Sequence[int]:
    """Return our ids of the people that a text names as a whole, with the accounts merged into them."""
    folded = fold(text)
    ways = [Person.host_id == text, Person.display_name_folded == folded, Person.real_name_folded == folded]
    email, phone = email_key(text), phone_key(text, region_of(crm) or None)
    ways += [Person.email_key == email] if email else []
    ways += [Person.phone_key == phone] if phone else []
    found = session.execute(
        sa.select(Person.id, Person.host_id).where(sa.or_(*ways)).limit(MOST_PEOPLE)
    ).all()
    merged = sa.select(Person.id).where(Person.merged_into.in_([host_id for _, host_id in found]))
    return [ident for ident, _ in found] + list(session.scalars(merged.limit(MOST_PEOPLE)))


def _people(session: Session, ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    columns = sa.select(Person.id, Person.host_id, Person.display_name).where(Person.id.in_(ids))
    return {ident: (host_id, name) for ident, host_id, name in session.execute(columns)}


def _names(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Return what these actors are called: accounts of our own, programs, or staff that the school knows."""
    wanted = list(ids)
    numbers = [number for number in map(tokens.number_of, wanted) if number is not None]
    persons = session.execute(
        sa.select(Person.host_id, Person.display_name).where(Person.host_id.in_(wanted))
    )
    found = {host_id: name for host_id, name in persons if name}
    accounts = sa.select(Account.login, Account.display_name).where(Account.login.in_(wanted))
    found |= {row.login: row.display_name for row in session.execute(accounts)}
    programs = session.execute(sa.select(Token.id, Token.name).where(Token.id.in_(numbers)))
    return found | {f"{tokens.PROGRAM}{ident}": name for ident, name in programs}
