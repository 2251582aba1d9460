"""Short links that are the same for everybody: they stand in a text that a carrier approved.

Such a link is made while the text is written, leads to one address, and counts for whichever campaign
sent the text last. Its clicks are nobody's: row 0 of the ledger.
"""

import re
from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.kernel.settings import Settings
from crm_plugin.links.codes import ALPHABET, Signer
from crm_plugin.links.models import Hit, Link
from crm_plugin.links.service import make_links, short_url

_BEHIND = 1_000
"""Position of an adopted link in its campaign: behind those of the content."""


def make_shared(session: Session, settings: Settings, sign: Signer, target: str, at: datetime) -> str:
    """Store a target and return its short address, the same for everybody.

    :raises BadInput: ``link.bad_url``.
    """
    (link,) = make_links(session, None, [target], at)
    return short_url(settings, sign.code(link, 0))


def shared_in(settings: Settings, sign: Signer, text: str) -> list[int]:
    """Return the ids of the shared links whose short addresses stand in a text."""
    pattern = re.escape(short_url(settings, "")) + f"([{ALPHABET}]+)"
    read = [sign.read(code) for code in re.findall(pattern, text)]
    return [found[0] for found in read if found is not None and found[1] == 0]


def adopt(session: Session, campaign_id: int, links: Collection[int]) -> None:
    """Let the coming clicks on shared links count for a campaign; those before stay where they are."""
    if links:
        mine = sa.update(Link).where(Link.id.in_(sorted(links)))
        session.execute(mine.values(campaign_id=campaign_id, position=_BEHIND))


def shared_hits(session: Session, links: Collection[int]) -> int:
    """Return how often shared links were opened, in all campaigns together, robots included."""
    if not links:
        return 0
    asked = sa.select(sa.func.count()).where(Hit.link_id.in_(sorted(links)), Hit.delivery_id == 0)
    return session.scalar(asked) or 0


def targets_of_shared(session: Session, links: Collection[int]) -> list[str]:
    """Return where shared links lead to."""
    query = sa.select(Link.target).where(Link.id.in_(sorted(links))).order_by(Link.id)
    return list(session.scalars(query)) if links else []
