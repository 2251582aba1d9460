"""Addresses that are not written to, for administrators: which and why; block one, let one be used again.

An opt-out belongs to the person: it ends by their own page, never here.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels.email.feedback import bounces
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import need, need_whole
from crm_plugin.host.records import Actor
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import BadInput, Clause, Conflict, NotFound
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.consent.channels import address_kind, channels
from crm_plugin.profiles.models.school import Suppression
from crm_plugin.profiles.store.email_addresses import email_key
from crm_plugin.profiles.store.host_info_cache import region_of
from crm_plugin.profiles.store.phone_numbers import phone_key

REASONS = ("bounce", "complaint", "manual", "opt_out")
OWN_CHOICE = "opt_out"
"""The reason that only the person themselves can undo."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """One address and one reason."""

    id: int
    channel: str
    address_key: str
    scope: str
    """``marketing``, or ``all`` for service messages too (what came back always is)."""
    reason: str
    at: datetime
    source: str


def listed(
    crm: Crm, actor: Actor, *, reason: str = "", text: str = "", before: int | None = None, limit: int = 50
) -> list[Stopped]:
    """Return stopped addresses, the latest first.

    :param text: an address, whole, as anybody would write it.
    :param before: the ``id`` of the last one seen.
    :raises Refused: without ``crm.admin``, and for who sees some courses only.
    """
    _admit(actor)
    query = sa.select(Suppression)
    if reason:
        query = query.where(Suppression.reason == reason)
    if text:
        query = query.where(Suppression.address_key.in_(_spellings(crm, text)))
    if before is not None:
        query = query.where(Suppression.id < before)
    with crm.db.read() as session:
        return [_row(one) for one in session.scalars(query.order_by(Suppression.id.desc()).limit(limit))]


def block(crm: Crm, actor: Actor, channel: str, address: str) -> None:
    """Write nothing more to an address, neither marketing nor service messages; twice is once.

    :raises BadInput: ``channel.bad_address``, ``campaign.unknown_channel``.
    :raises Refused: as :func:`listed`.
    """
    _admit(actor)
    if channel not in channels():
        known = ", ".join(channels())
        raise BadInput("campaign.unknown_channel", "channel", channel=channel, known=known)
    key = _key(crm, channel, address)
    if key is None:
        raise BadInput("channel.bad_address", "address", address=address[:100], channel=channel)

    def work(session: Session) -> None:
        ledger.suppress(crm, session, channel, key, "all", "manual", crm.clock(), f"staff {actor.id}")
        audit.record(session, crm.clock(), actor.id, "address.block", ("channel", channel))

    crm.db.run(work)


def lift(crm: Crm, actor: Actor, ident: int) -> Stopped:
    """Let an address be written to again; return what it was. What came back starts counting again then.

    :raises Conflict: ``address.own_choice``.
    :raises NotFound: ``object.missing``.
    :raises Refused: as :func:`listed`.
    """
    _admit(actor)

    def work(session: Session) -> Stopped:
        found = session.get(Suppression, ident)
        if found is None:
            raise NotFound("object.missing", kind=Clause("address"), id=ident)
        if found.reason == OWN_CHOICE:
            raise Conflict("address.own_choice")
        row = _row(found)
        if row.channel == bounces.CHANNEL and row.reason in bounces.REASONS.values():
            bounces.forgive(session, row.address_key, crm.clock(), actor.id)
        else:
            why = (row.scope, row.reason)
            ledger.lift(session, row.channel, row.address_key, *why, crm.clock(), actor.id)
        audit.record(session, crm.clock(), actor.id, "address.lift", ("channel", row.channel))
        return row

    return crm.db.run(work)


def _admit(actor: Actor) -> None:
    need(actor, "crm.admin")
    need_whole(actor)


def _row(one: Suppression) -> Stopped:
    return Stopped(one.id, one.channel, one.address_key, one.scope, one.reason, one.at, one.source)


def _key(crm: Crm, channel: str, address: str) -> str | None:
    kind = address_kind(channel)
    if kind == "email":
        return email_key(address)
    if kind == "phone":
        return phone_key(address, region_of(crm) or None)
    return address.strip()[:191] or None


def _spellings(crm: Crm, text: str) -> list[str]:
    found = {email_key(text), phone_key(text, region_of(crm) or None), text.strip()[:191]}
    return sorted(one for one in found if one)
