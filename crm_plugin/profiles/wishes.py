"""What people say about being written to, written down by staff: consent, and addresses to leave alone."""

from datetime import datetime

from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.host.rights import need, need_whole
from crm_plugin.kernel import audit
from crm_plugin.kernel.errors import BadInput
from crm_plugin.profiles import consent
from crm_plugin.profiles.normalise import email_key, phone_key
from crm_plugin.profiles.reach import address_kind, channels
from crm_plugin.profiles.scope import check

SCOPES = ("marketing", "all")
SOURCE = "staff"
"""How it reached us, in the ledger of consent."""


def set_consent(
    crm: Crm, actor: Actor, person_id: int, channel: str, granted: bool, scope: str = "marketing"
) -> None:
    """Write down that a person agrees to a channel, or wants no more of it.

    :param person_id: our id.
    :param scope: of a refusal: ``marketing``, or ``all`` for service messages too.
    :raises Refused: without ``crm.edit``.
    :raises BadInput: ``input.bad``.
    :raises NotFound: ``object.missing``, also for somebody outside the actor's courses.
    """
    need(actor, "crm.edit")
    _check(channel, scope)
    now = crm.clock()

    def work(session: Session) -> None:
        check(session, actor, person_id)
        if granted:
            consent.opt_in(session, person_id, channel, now, SOURCE)
        else:
            consent.opt_out(session, person_id, channel, now, SOURCE, scope=scope)
        action = "consent.grant" if granted else "consent.deny"
        audit.record(session, now, actor.id, action, ("person", person_id), count=1, channel=channel)

    crm.db.run(work)


def suppress(crm: Crm, actor: Actor, channel: str, address: str, scope: str = "marketing") -> None:
    """Put an address on the list of those that are not written to.

    :raises Refused: without ``crm.edit`` and ``crm.contacts``, and for who sees some courses only.
    :raises BadInput: ``input.bad``, ``channel.bad_address``.
    """
    key = _key(crm, actor, channel, address, scope)

    def work(session: Session, at: datetime) -> None:
        consent.suppress(session, channel, key, scope, "manual", at, SOURCE)
        audit.record(session, at, actor.id, "suppression.add", ("channel", channel), count=1, scope=scope)

    crm.db.run(lambda session: work(session, crm.clock()))


def unsuppress(crm: Crm, actor: Actor, channel: str, address: str, scope: str = "marketing") -> bool:
    """Take an address off that list, where staff put it; opt-outs and bounces stay. False = it was not on it.

    :raises Refused: without ``crm.edit`` and ``crm.contacts``, and for who sees some courses only.
    :raises BadInput: ``input.bad``, ``channel.bad_address``.
    """
    key = _key(crm, actor, channel, address, scope)
    now = crm.clock()

    def work(session: Session) -> bool:
        lifted = consent.lift(session, channel, key, scope, "manual", now, SOURCE)
        if lifted:
            of = ("channel", channel)
            audit.record(session, now, actor.id, "suppression.remove", of, count=1, scope=scope)
        return lifted

    return crm.db.run(work)


def _check(channel: str, scope: str) -> None:
    if channel not in channels():
        raise BadInput("input.bad", "channel", reason=f"expected one of {', '.join(channels())}")
    if scope not in SCOPES:
        raise BadInput("input.bad", "scope", reason=f"expected one of {', '.join(SCOPES)}")


def _key(crm: Crm, actor: Actor, channel: str, address: str, scope: str) -> str:
    need(actor, "crm.edit")
    need(actor, "crm.contacts")
    need_whole(actor)
    _check(channel, scope)
    kind = address_kind(channel)
    if kind == "person":
        return address
    region = crm.settings.host_region or crm.host.info.region or ""
    key = email_key(address) if kind == "email" else phone_key(address, region)
    if key is None:
        raise BadInput("channel.bad_address", "address", address=address, channel=channel)
    return key
