"""Consent and suppression: one ledger per person and channel, and the addresses not to be written to.

Our own opt-out always wins; among the school's records denied wins. A consent that a person gave us
themselves outweighs an older denial at the school, never a later one.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel import audit
from crm_plugin.kernel.db.bulk import among, chunks, insert_many
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.errors import Clause, NotFound
from crm_plugin.profiles.consent import address_locks
from crm_plugin.profiles.extension import Address
from crm_plugin.profiles.models.school import Consent, ConsentRecord, Person, Suppression
from crm_plugin.profiles.store.recompute_queue import touch

MARKETING = ("marketing", "all")
"""Purposes of a record that decide about marketing."""
ONE_CLICK = "one-click"
"""Source of what a mail program posts (RFC 8058); it may post several times for one press of a button."""


class Line(NamedTuple):
    """What matters of a line of the ledger."""

    origin: str
    purpose: str
    state: str
    at: datetime


class InForce(NamedTuple):
    """The consent in force for a channel."""

    state: str
    origin: str
    at: datetime


def in_force(lines: Iterable[Line]) -> InForce | None:
    """Decide by the lines of one person and channel, in the order they were written; None = unknown.

    Of our own lines the newest decides by its time: a reply may reach us after a later answer.
    """
    own: Line | None = None
    host: dict[str, Line] = {}
    for line in lines:
        if line.purpose not in MARKETING:
            continue
        if line.origin == "own":
            own = line if own is None or line.at >= own.at else own
        else:
            host[line.purpose] = line
    said = [line for line in host.values() if line.state != "unknown"]
    denied = max((line for line in said if line.state == "denied"), key=lambda line: line.at, default=None)
    if own is not None and (own.state == "denied" or denied is None or own.at > denied.at):
        return InForce(own.state, "own", own.at)
    decisive = denied or max(said, key=lambda line: line.at, default=None)
    return None if decisive is None else InForce(decisive.state, "host", decisive.at)


def refresh_consents(session: Session, person_ids: Collection[int]) -> None:
    """Decide again which consent is in force for these persons, from the ledger."""
    for part in chunks(person_ids):
        lines: dict[tuple[int, str], list[Line]] = {}
        rows = session.execute(
            sa.select(
                ConsentRecord.person_id,
                ConsentRecord.channel,
                ConsentRecord.origin,
                ConsentRecord.purpose,
                ConsentRecord.state,
                ConsentRecord.at,
            )
            .where(among(session, ConsentRecord.person_id, part))
            .order_by(ConsentRecord.id)
        )
        for person, channel, origin, purpose, state, at in rows:
            lines.setdefault((person, channel), []).append(Line(origin, purpose, state, at))
        decided = {key: in_force(of_key) for key, of_key in lines.items()}
        session.execute(
            sa.delete(Consent).where(among(session, Consent.person_id, part)), execution_options=_UNSYNCED
        )
        values = [
            {"person_id": person, "channel": channel, **answer._asdict()}
            for (person, channel), answer in decided.items()
            if answer is not None
        ]
        insert_many(session, Consent, values)


_UNSYNCED = {"synchronize_session": False}


def opt_out(  # noqa: PLR0913 - who, what, when, how and the words seen belong together
    crm: Crm,
    session: Session,
    person_id: int,
    channel: str,
    at: datetime,
    source: str,
    text_version: str = "",
    *,
    scope: str = "marketing",
) -> None:
    """Take note that a person wants no more of a channel.

    A one-click opt-out that a mail program repeats stays one record. It holds for everybody with their
    address. The rows of all these persons are locked as
    :mod:`crm_plugin.profiles.consent.address_locks` says, so that a message is either marked before or not
    sent.
    To take note of several channels, call :func:`lock_person` first, once for all of them.

    :param person_id: our id.
    :param source: how it reached us, such as ``link``, ``page``, ``one-click``, ``staff``.
    :param text_version: of the words that the person saw.
    :param scope: ``marketing``, or ``all`` for service messages too.
    :raises NotFound: ``object.missing``.
    """
    addresses = lock_person(crm, session, person_id, (channel,))
    if source != ONE_CLICK or _last_said(session, person_id, channel) != ("denied", ONE_CLICK):
        _write(session, own_line(person_id, channel, "denied", at, source, text_version))
    for _, address_key in addresses:
        _suppress(session, channel, address_key, scope, "opt_out", at, source)


def opt_in(  # noqa: PLR0913 - as above
    crm: Crm,
    session: Session,
    person_id: int,
    channel: str,
    at: datetime,
    source: str,
    text_version: str = "",
) -> None:
    """Take note that a person agrees to a channel (again); their earlier opt-out ends, and stays on record.

    :raises NotFound: ``object.missing``.
    """
    addresses = lock_person(crm, session, person_id, (channel,))
    _write(session, own_line(person_id, channel, "granted", at, source, text_version))
    for _, address_key in addresses:
        for scope in ("marketing", "all"):
            lift(session, channel, address_key, scope, "opt_out", at, source)


def own_line(
    person_id: int, channel: str, state: str, at: datetime, source: str, text_version: str = ""
) -> ConsentRecord:
    """Return a line of our own for the ledger; the school gets it later."""
    return ConsentRecord(
        person_id=person_id,
        channel=channel,
        purpose="marketing",
        state=state,
        origin="own",
        at=at,
        source=source,
        text_version=text_version,
        to_push=True,
    )


def suppress(  # noqa: PLR0913 - the columns of a row
    crm: Crm,
    session: Session,
    channel: str,
    address_key: str,
    scope: str,
    reason: str,
    at: datetime,
    source: str,
) -> None:
    """Write an address down as not to be written to; twice is once. All who have it are locked first.

    :param address_key: e-mail in lower case, E.164, or host id (private message): ``normalise``.
    :param scope: ``marketing`` or ``all``.
    :param reason: ``opt_out bounce complaint manual``.
    """
    address_locks.lock(crm, session, [(channel, address_key)])
    _suppress(session, channel, address_key, scope, reason, at, source)


def _suppress(  # noqa: PLR0913 - the columns of a row
    session: Session, channel: str, address_key: str, scope: str, reason: str, at: datetime, source: str
) -> None:
    row = {
        "channel": channel,
        "address_key": address_key,
        "scope": scope,
        "reason": reason,
        "at": at,
        "source": source,
    }
    insert_missing(session, Suppression, [row], _SUPPRESSION_KEY)


_SUPPRESSION_KEY: Sequence[str] = ("channel", "address_key", "scope", "reason")


def lift(  # noqa: PLR0913 - the columns of a row
    session: Session, channel: str, address_key: str, scope: str, reason: str, at: datetime, source: str
) -> bool:
    """End a suppression; return False when there was none.

    :param at: when; the audit log keeps it, and ``source`` as the author.
    """
    gone = sa.delete(Suppression).where(
        Suppression.channel == channel,
        Suppression.address_key == address_key,
        Suppression.scope == scope,
        Suppression.reason == reason,
    )
    result: sa.CursorResult[object] = session.execute(gone)  # type: ignore[assignment]
    if result.rowcount:
        audit.record(session, at, SYSTEM.id, "suppression.lift", (channel, ""), scope=scope, by=source)
    return result.rowcount > 0


def _last_said(session: Session, person_id: int, channel: str) -> tuple[str, str] | None:
    """Return state and source of the newest thing that a person said to us about a channel."""
    query = sa.select(ConsentRecord.state, ConsentRecord.source)
    query = query.where(ConsentRecord.person_id == person_id, ConsentRecord.channel == channel)
    query = query.where(ConsentRecord.origin == "own", ConsentRecord.purpose.in_(MARKETING))
    row = session.execute(query.order_by(ConsentRecord.at.desc(), ConsentRecord.id.desc()).limit(1)).first()
    return None if row is None else (row.state, row.source)


def _write(session: Session, line: ConsentRecord) -> None:
    session.add(line)
    session.flush()
    refresh_consents(session, [line.person_id])
    touch(session, [line.person_id])


def lock_person(crm: Crm, session: Session, person_id: int, channels: Collection[str]) -> set[Address]:
    """Lock a person and all who share an address with them on these channels; return those addresses.

    :raises NotFound: ``object.missing``.
    """
    addresses = address_locks.addresses_of(session, person_id, channels)
    if not addresses and session.get(Person, person_id) is None:
        raise NotFound("object.missing", kind=Clause("person"), id=person_id)
    address_locks.lock(crm, session, addresses, [person_id])
    return addresses
