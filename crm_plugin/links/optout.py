"""What an opt-out link does; the signed token is all the proof that it needs."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import NotFound
from crm_plugin.links.codes import Signer
from crm_plugin.profiles import consent
from crm_plugin.profiles.models import Person
from crm_plugin.profiles.reach import channels

TEXT_VERSION = "2026-11"
"""Of the words on the opt-out page; it goes into the consent ledger with each answer."""
_MERGES = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, by the token of their link."""

    person_id: int
    channel: str
    delivery_id: int


def read(signer: Signer, token: str) -> Asked | None:
    """Return who a token was made for; None for one that we did not sign."""
    found = signer.read_opt_out(token)
    if found is None or found[1] not in channels():
        return None
    return Asked(*found)


def opt_out(crm: Crm, asked: Asked, source: str, *, everywhere: bool = False) -> None:
    """Keep an opt-out of marketing; again is the same as once.

    The address is suppressed too, so that it holds for whoever shares it. A person who is not there
    any more gets nothing anyway.

    :param source: ``page`` or ``one-click``.
    :param everywhere: of all channels, not only the one that the message came by.
    """
    covered = channels() if everywhere else (asked.channel,)

    def work(session: Session) -> None:
        person_id = _now(session, asked.person_id)
        for channel in covered:
            consent.opt_out(session, person_id, channel, crm.clock(), source, TEXT_VERSION)

    try:
        crm.db.run(work)
    except NotFound:
        return


def _now(session: Session, person_id: int) -> int:
    """Follow merges: a link in an old message speaks for the account that remains."""
    for _ in range(_MERGES):
        merged = session.scalar(sa.select(Person.merged_into).where(Person.id == person_id))
        found = session.scalar(sa.select(Person.id).where(Person.host_id == merged)) if merged else None
        if found is None:
            return person_id
        person_id = found
    return person_id
