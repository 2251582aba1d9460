"""Pinned quick queries on the school's own home, pushed by the worker when something about them changed."""

import hashlib
import logging
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.bounded_calls import Resting
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Pin
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.segments.models import QuickQuery

log = logging.getLogger(__name__)

PINNED = "segments.pins"
"""Name of the job that pushes them."""
_PUSHED = "pins.pushed"


@dataclass
class PinAddress:
    """Where pinned quick queries lead; to be set where the pages are mounted elsewhere."""

    page: str = "/admin/crm/people?query={id}"


def publish(crm: Crm) -> int:
    """Push the pins of every owner with changes; return for how many.

    Unpinned, renamed and deleted searches are changes too. A school that does not answer is asked again
    at the next round, since nothing is written down for it.
    """
    with crm.db.read() as session:
        wanted = _pins(crm, session)
        pushed: dict[str, str] = dict(kept(session, _PUSHED, {}))
    changed = [
        owner for owner in sorted({*wanted, *pushed}) if pushed.get(owner) != _mark(wanted.get(owner, []))
    ]
    done = _pushed(crm, {owner: wanted.get(owner, []) for owner in changed})
    if done:
        marks = {owner: _mark(wanted[owner]) for owner in done if owner in wanted}
        left = {owner: mark for owner, mark in pushed.items() if owner not in done}
        crm.db.run(lambda session: keep(session, _PUSHED, left | marks))
    return len(done)


def _pins(crm: Crm, session: Session) -> dict[str, list[Pin]]:
    page = crm.state(PinAddress).page
    pinned = sa.select(QuickQuery).where(QuickQuery.pinned == sa.true())
    found: dict[str, list[Pin]] = {}
    for query in session.scalars(pinned.order_by(QuickQuery.position, QuickQuery.id)):
        pin = Pin(query.name, query.count, page.format(id=query.id), query.counted_at)
        found.setdefault(query.owner, []).append(pin)
    return found


def _pushed(crm: Crm, pins: dict[str, list[Pin]]) -> list[str]:
    """Push these pins; return the owners whose pins the school took."""
    round_, done = crm.round(PINNED, Resting), []
    try:
        if not pins or not crm.host.can("pins"):
            return []
        for owner, theirs in pins.items():
            if any(round_.one(owner, partial(crm.host.publish_pins, owner, theirs))):
                done.append(owner)
    except Unavailable as error:
        log.warning("the school shows no pins now: %s", error)
    return done


def _mark(pins: list[Pin]) -> str:
    return hashlib.sha256(repr(pins).encode()).hexdigest()[:32] if pins else ""
