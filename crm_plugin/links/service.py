"""Verbs of links: store targets at launch, sign codes with the installation's keys."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.network.web_address import parse
from crm_plugin.kernel.settings import Settings
from crm_plugin.links.codes import Signer
from crm_plugin.links.models import Link, LinkKey

LONGEST_TARGET = 8_000
"""Characters; longer ones do not fit into a response's head at common servers."""
RETURN_NAME = "bounce"
"""Before the ``+`` of return paths; the mail server hands whatever begins so to ``crm bounce``."""
KEEP_SECONDS = 300.0
"""How long a process signs with the keys that it read: a new key is in use everywhere after that."""


def check_target(url: str, place: str = "") -> str:
    """Return the address as it is, when a redirect may lead there.

    :raises BadInput: ``link.bad_url`` unless all programs read it alike (:func:`.web_address.parse`).
    """
    try:
        parse(url[: LONGEST_TARGET + 1])
    except ValueError:
        raise BadInput("link.bad_url", place, url=url[:200]) from None
    if len(url) > LONGEST_TARGET:
        raise BadInput("link.bad_url", place, url=url[:200])
    return url


def make_links(session: Session, campaign_id: int | None, targets: Sequence[str], at: datetime) -> list[int]:
    """Store the targets of a launch byte for byte; return their ids in the same order.

    Called again for the same campaign and targets it returns the same links, so that a launch may be
    repeated after a crash.

    :raises BadInput: ``link.bad_url``.
    """
    wanted = [check_target(target) for target in targets]
    there = _of_campaign(session, campaign_id)
    links = []
    for position, target in enumerate(wanted):
        link = there.get((position, target)) or Link(
            campaign_id=campaign_id, target=target, position=position, created_at=at
        )
        session.add(link)
        session.flush()
        links.append(link.id)
    return links


def _of_campaign(session: Session, campaign_id: int | None) -> dict[tuple[int, str], Link]:
    if campaign_id is None:
        return {}
    rows = session.scalars(sa.select(Link).where(Link.campaign_id == campaign_id))
    return {(row.position, row.target): row for row in rows}


def targets_of(session: Session, campaign_id: int) -> dict[int, str]:
    """Return link id → target of a campaign, in the order of the content."""
    query = sa.select(Link).where(Link.campaign_id == campaign_id).order_by(Link.position, Link.id)
    return {row.id: row.target for row in session.scalars(query)}


def load_keys(session: Session) -> dict[int, bytes]:
    """Return the signing keys by number; empty on a new installation."""
    return {row.id: bytes.fromhex(row.secret) for row in session.scalars(sa.select(LinkKey))}


def add_key(session: Session, at: datetime) -> int:
    """Make a new key that signs from now on (older ones still verify); return its number."""
    number = max(load_keys(session), default=0) + 1
    row = {"id": number, "secret": secrets.token_hex(32), "created_at": at}
    insert_missing(session, LinkKey, [row], key=["id"])
    return number


@dataclass
class KeptSigner:
    """The signer of an installation as this process last read it."""

    read_at: float = 0.0
    signer: Signer | None = None


def signer(crm: Crm) -> Signer:
    """Return the signer of this installation; the first key is made when there is none."""
    kept = crm.state(KeptSigner)
    if kept.signer is not None and time.monotonic() - kept.read_at < KEEP_SECONDS:
        return kept.signer
    with crm.db.read() as session:
        keys = load_keys(session)
    if not keys:
        keys = crm.db.run(lambda session: _first_key(session, crm.clock()))
    made = Signer(keys)
    kept.read_at, kept.signer = time.monotonic(), made
    return made


def _first_key(session: Session, at: datetime) -> dict[int, bytes]:
    add_key(session, at)
    return load_keys(session)


def short_url(settings: Settings, code: str) -> str:
    """Return the web address of a code."""
    return f"{settings.public_url.rstrip('/')}/r/{code}"


def opt_out_url(settings: Settings, token: str) -> str:
    """Return the web address of an opt-out page."""
    return f"{settings.public_url.rstrip('/')}/u/{token}"


def return_path(settings: Settings, code: str) -> str:
    """Return the address that a message's failure is reported to; empty without a domain for it."""
    return f"{RETURN_NAME}+{code}@{settings.bounce_domain}" if settings.bounce_domain else ""
