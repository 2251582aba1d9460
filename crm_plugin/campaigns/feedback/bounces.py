"""What comes back from e-mail: which message it was, what the ledger makes of it, whether to stop writing.

A message that came back was not delivered: its row goes from *sent* to *failed_permanent*. A complaint
proves that it was. Rows move forward only, and the same event twice is once. Nobody's consent changes:
an address is suppressed, and only when the numbers of the settings are reached.
"""

import hashlib
import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.campaigns.feedback.bounce_effects import Taken, apply, handed, move_row
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.channels import installation
from crm_plugin.channels.email.feedback import bounce_classification, bounces
from crm_plugin.channels.email.feedback.bounces import CHANNEL, Event
from crm_plugin.channels.email.feedback.dsn import Returned
from crm_plugin.channels.email.feedback.posted import Posted
from crm_plugin.channels.models import Bounce
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.engine import is_outage
from crm_plugin.links import service as links
from crm_plugin.links.codes import Signer
from crm_plugin.profiles.consent import by_address
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.store.email_addresses import email_key

log = logging.getLogger(__name__)

_LATELY = timedelta(days=1)
_OLDEST = timedelta(days=366)
_BATCH = 500
MANY = 5
"""Refusals alike in a campaign without one success that may be our own fault."""


def take(crm: Crm, returned: Returned) -> Taken:
    """Take a message that a mail server handed to ``crm bounce``.

    Only codes that we signed say which message it is about.
    """
    if returned.kind is None:
        return Taken(None, detail=returned.detail)
    kind = returned.kind
    ids = _signed(crm, returned)

    def work(session: Session) -> Taken:
        row = next((found for found in (_row(session, id) for id in ids) if found), None)
        if row is None or row.address_key is None:
            return Taken(kind, detail="no code of ours")
        key = f"{row.id}:{kind}"
        at, words = crm.clock(), returned.words
        event = Event(key, row.address_key, kind, returned.status, "mail", at, row.id, words)
        return apply(crm, session, event, row)

    return crm.db.run(work)


def post(crm: Crm, events: Iterable[Posted]) -> list[Taken]:
    """Take events of a provider whose request was signed, each in a transaction of its own.

    One that cannot be stored harms itself only; while the database is away none is taken.
    """
    signer = links.signer(crm)
    return [_take_one(crm, signer, one) for one in events]


def _take_one(crm: Crm, signer: Signer, one: Posted) -> Taken:
    try:
        return crm.db.run(partial(_post, crm, signer, one))
    except Exception as error:
        if is_outage(error):
            raise
        log.exception("an event of e-mail cannot be stored")
        return Taken(None, detail="not stored")


def sweep(crm: Crm) -> int:
    """Do what is left over: addresses refused at once, and reports that came before their row was settled.

    :return: how many rows it was about.
    """
    round_ = crm.round("campaigns.bounces")
    refused = _refused_lately(crm, round_.left_alone)
    count = sum(round_.each(refused, lambda id: crm.db.run(partial(_note_refused, crm, id))))
    early = _early(crm, round_.left_alone)
    moved = round_.each(early, lambda one: crm.db.run(partial(_move_early, one)), lambda one: one[-1])
    return count + sum(moved)


def erase(session: Session, person_ids: Collection[int]) -> None:
    """Forget what came back from people who are erased, also at addresses that they had before."""
    bounces.erase(session, person_ids)
    theirs = sa.select(Delivery.id).where(among(session, Delivery.person_id, person_ids))
    gone = sa.delete(Bounce).where(Bounce.delivery_id.in_(theirs))
    session.execute(gone.execution_options(synchronize_session=False))


def _signed(crm: Crm, returned: Returned) -> list[int]:
    signer = links.signer(crm)
    found = [signer.read_bounce(code) for code in returned.codes]
    ids = [one[1] for one in found if one is not None]
    for token in returned.tokens:
        read = signer.read_opt_out(token)
        if read is not None and read[1] == CHANNEL:
            ids.append(read[2])
    return ids


def _row(session: Session, delivery_id: int) -> Delivery | None:
    row = session.get(Delivery, delivery_id)
    return row if row is not None and row.channel == CHANNEL else None


def _post(crm: Crm, signer: Signer, one: Posted, session: Session) -> Taken:
    row = _posted_row(crm, signer, session, one)
    key = row.address_key if row is not None else email_key(one.address)
    if key is None:
        return Taken(one.kind, detail="no such message or address")
    now = crm.clock()
    # A provider's clock that is ahead, or an invented year, must not date our rows.
    at = one.at if one.at is not None and now - _OLDEST <= one.at <= now else now
    name = f"{row.id}:{one.kind}" if row is not None else _name(one, key)
    ident = row.id if row is not None else None
    if one.kind == "opt_out":
        by_address.stop(crm, session, CHANNEL, key, at, "provider")
        return Taken(one.kind, True, True)
    return apply(crm, session, Event(name, key, one.kind, one.status, "post", at, ident, one.words), row)


def _name(one: Posted, address_key: str) -> str:
    told = one.id or f"{address_key} {one.kind} {one.at}"
    return f"post:{hashlib.sha256(told.encode('utf-8', 'replace')).hexdigest()}"


def _posted_row(crm: Crm, signer: Signer, session: Session, one: Posted) -> Delivery | None:
    row = None
    signed = signer.read_bounce(one.code) if one.code else None
    if signed is not None:
        row = _row(session, signed[1])
    elif one.row is not None and one.mark in ("", installation.mark(session, crm.settings)):
        row = _row(session, one.row[1])
        row = row if row is not None and row.campaign_id == one.row[0] else None
    given = email_key(one.address) if one.address else None
    if row is not None and (row.address_key is None or given not in (None, row.address_key)):
        row = None  # it went elsewhere: the address decides
    return row or (_latest(session, given) if given else None)


def _latest(session: Session, address_key: str) -> Delivery | None:
    """Return the last message to an address, by the people who have it."""
    holders = sa.select(Person.id).where(Person.email_key == address_key)
    query = handed(address_key).where(Delivery.person_id.in_(holders))
    found: Delivery | None = session.scalars(query.limit(1)).first()
    return found


def _refused_lately(crm: Crm, left_alone: list[int]) -> list[int]:
    """Return rows that a mail server refused for good at once, and that were not looked at yet.

    A refusal counts once a later message was taken, or the campaign is over and few were refused alike:
    until then it may be our own fault.
    """
    since = crm.clock() - _LATELY
    lately = sa.or_(Campaign.finished_at.is_(None), Campaign.finished_at >= since)
    campaigns = sa.select(Campaign.id).where(
        Campaign.channel == CHANNEL, Campaign.launched_at.is_not(None), lately
    )
    known = sa.exists().where(Bounce.delivery_id == Delivery.id)
    other = aliased(Delivery)
    same = (other.campaign_id == Delivery.campaign_id, other.state == "failed_permanent")
    alike = sa.select(sa.func.count()).where(*same, other.reason == Delivery.reason).scalar_subquery()
    taken = sa.exists().where(
        other.campaign_id == Delivery.campaign_id, other.state.in_(("sent", "delivered"))
    )
    over = sa.exists().where(Campaign.id == Delivery.campaign_id, Campaign.finished_at.is_not(None))
    ours = sa.or_(
        taken.where(other.settled_at >= Delivery.settled_at), sa.and_(over, sa.or_(taken, alike < MANY))
    )
    query = sa.select(Delivery.id).where(
        Delivery.campaign_id.in_(campaigns),
        Delivery.state == "failed_permanent",
        Delivery.reason.startswith("smtp_5", autoescape=True),
        Delivery.address_key.is_not(None),
        Delivery.id.not_in(left_alone),
        ours,
        sa.not_(known),
    )
    with crm.db.read() as session:
        return list(session.scalars(query.limit(_BATCH)))


def _note_refused(crm: Crm, delivery_id: int, session: Session) -> int:
    row = _row(session, delivery_id)
    if row is None or row.address_key is None:
        return 0
    status = (row.reason or "").removeprefix("smtp_").partition("_")[2]
    words = row.words or ""
    kind = bounce_classification.kind_of(status, words)
    at = row.settled_at or crm.clock()
    event = Event(f"{row.id}:{kind}", row.address_key, kind, status, "smtp", at, row.id, words)
    apply(crm, session, event, row)
    return 1


def _move_early(early: Sequence[Any], session: Session) -> int:
    return move_row(session, *early)


def _early(crm: Crm, left_alone: list[int]) -> list[Sequence[Any]]:
    """Return what :func:`move_row` needs for reports whose row was still with the carrier when they came."""
    query = (
        sa.select(Bounce.kind, Bounce.status, Bounce.at, Bounce.words, Delivery.id)
        .join(Delivery, Delivery.id == Bounce.delivery_id)
        .where(Bounce.at >= crm.clock() - _LATELY, Delivery.state.in_(("sent", "unknown")))
        .where(Delivery.id.not_in(left_alone))
    )
    with crm.db.read() as session:
        return list(session.execute(query.limit(_BATCH)))
