"""What a person's page of choices does; the signed token of its address is all the proof that it needs."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import NotFound
from crm_plugin.links.codes import Signer
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.consent.channels import address_columns, address_kind, channels
from crm_plugin.profiles.models.school import Consent, Person, Suppression
from crm_plugin.profiles.store.masking import mask_email, mask_phone

_MERGES = 10
_MASKS = {"email": mask_email, "phone": mask_phone}


@dataclass(frozen=True, slots=True)
class Asked:
    """The person behind the token of a link."""

    person_id: int
    channel: str
    delivery_id: int


@dataclass(frozen=True, slots=True)
class Answer:
    """How an answer reached us; the ledger of consents keeps it with the time."""

    source: str
    """The form: ``page`` (one button), ``choices`` (channel by channel), ``undo``, ``one-click``."""
    text_version: str = ""
    """Of the words that the person saw; empty where we showed none."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for one channel of a person now."""

    channel: str
    on: bool
    """Marketing may come by it."""
    address: str | None
    """Masked; None for what has no address to show."""
    blocked: bool = False
    """It came back, was called spam or was blocked by staff: no choice on the page lifts that."""


def read(signer: Signer, token: str) -> Asked | None:
    """Return who a token was made for; None for one that we did not sign."""
    found = signer.read_opt_out(token)
    if found is None or found[1] not in channels():
        return None
    return Asked(*found)


def standing(crm: Crm, asked: Asked) -> list[Standing]:
    """Return what holds now for each channel that reaches the person; nothing for one who is gone."""
    with crm.db.read() as session:
        return _standing(session, person_now(session, asked.person_id))


def stop(
    crm: Crm, asked: Asked, covered: Collection[str], answer: Answer, *, everything: bool = False
) -> list[str]:
    """Keep an opt-out; again is the same as once.

    The address is suppressed too, so that it holds for everybody who shares it. A person who is not there
    any more gets nothing anyway.

    :param covered: channels.
    :param everything: of service messages too, not only of marketing.
    :return: the channels that were on before.
    """
    if not covered:
        return []
    scope = "all" if everything else "marketing"

    def work(session: Session) -> list[str]:
        person_id = person_now(session, asked.person_id)
        ledger.lock_person(crm, session, person_id, covered)
        before = [one.channel for one in _standing(session, person_id) if one.on and one.channel in covered]
        for channel in covered:
            told = (crm.clock(), answer.source, answer.text_version)
            ledger.opt_out(crm, session, person_id, channel, *told, scope=scope)
        return before

    try:
        return crm.db.run(work)
    except NotFound:
        return []


def resume(crm: Crm, asked: Asked, covered: Collection[str], answer: Answer) -> None:
    """Keep that a person wants these channels (again): a consent of its own line, with its form and words."""
    if not covered:
        return

    def work(session: Session) -> None:
        person_id = person_now(session, asked.person_id)
        ledger.lock_person(crm, session, person_id, covered)
        for channel in covered:
            ledger.opt_in(crm, session, person_id, channel, crm.clock(), answer.source, answer.text_version)

    try:
        crm.db.run(work)
    except NotFound:
        return


def _standing(session: Session, person_id: int) -> list[Standing]:
    person = session.get(Person, person_id)
    if person is None:
        return []
    answers = sa.select(Consent.channel, Consent.state).where(Consent.person_id == person_id)
    said = {row.channel: row.state for row in session.execute(answers)}
    found = [_of_channel(session, person, channel, said.get(channel)) for channel in channels()]
    return [one for one in found if one is not None]


def _of_channel(session: Session, person: Person, channel: str, said: str | None) -> Standing | None:
    _, column = address_columns(channel)
    key = session.scalar(sa.select(column).where(Person.id == person.id))
    if key is None:
        return None
    reasons = set(
        session.scalars(
            sa.select(Suppression.reason).where(
                Suppression.channel == channel, Suppression.address_key == key
            )
        )
    )
    mask = _MASKS.get(address_kind(channel))
    on = not reasons and said != "denied"
    return Standing(channel, on, mask(key) if mask else None, bool(reasons - {"opt_out"}))


def person_now(session: Session, person_id: int) -> int:
    """Return our id of the account that a person has now: a link in an old message speaks for that."""
    for _ in range(_MERGES):
        merged = session.scalar(sa.select(Person.merged_into).where(Person.id == person_id))
        found = session.scalar(sa.select(Person.id).where(Person.host_id == merged)) if merged else None
        if found is None:
            return person_id
        person_id = found
    return person_id
