"""What came back from e-mail addresses, and when that is enough to stop writing to one.

A suppression is the consequence, never an opt-out: consents stay as they are, and a person with another
address is reached again. The numbers that decide are settings.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.channels.email.feedback.bounce_classification import KINDS, Kind
from crm_plugin.channels.models import Bounce
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import SYSTEM
from crm_plugin.kernel import audit
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.writes import insert_missing
from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.school import Person, Suppression

CHANNEL = "email"
REASONS = {"hard": "bounce", "soft": "bounce", "complaint": "complaint"}
"""Kind → reason of the suppression that it leads to."""
SHOWN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Event:
    """One message that came back."""

    key: str
    """Its own name; the same event again changes nothing."""
    address_key: str
    kind: Kind
    status: str
    source: str
    """``mail`` (crm bounce), ``post`` (/c/bounce) or ``smtp`` (refused at once)."""
    at: datetime
    delivery_id: int | None = None
    """The ledger row, where it is known."""
    words: str = ""
    """What the mail server said, without addresses."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the health page shows."""

    came_back: dict[str, int]
    """Kind → events of the last :data:`SHOWN_DAYS` days."""
    stopped: dict[str, int]
    """Reason → e-mail addresses that are not written to now."""


def record(session: Session, event: Event) -> bool:
    """Write an event down; return False when it was there already."""
    there = sa.select(Bounce.id).where(Bounce.event_key == event.key)
    if session.scalar(there) is not None:
        return False
    row = {
        "event_key": event.key,
        "address_key": event.address_key,
        "kind": event.kind,
        "status": event.status[:16],
        "source": event.source,
        "at": event.at,
        "delivery_id": event.delivery_id,
        "words": event.words[:255] or None,
        "counts": True,
    }
    insert_missing(session, Bounce, [row], key=["event_key"])
    return True


def is_enough(session: Session, settings: Settings, event: Event) -> bool:
    """Return whether hard bounces or complaints of an address have reached their number.

    Soft ones depend on what was sent in between, which only the ledger knows.
    """
    limit = {"hard": settings.bounce_hard, "complaint": settings.bounce_complaints}.get(event.kind, 0)
    return limit > 0 and _count(session, event.address_key, event.kind) >= limit


def soft_among(session: Session, address_key: str, deliveries: Collection[int]) -> set[int]:
    """Return those of these ledger rows that came back softly."""
    query = sa.select(Bounce.delivery_id).where(
        Bounce.address_key == address_key, Bounce.kind == "soft", Bounce.counts.is_(True)
    )
    return set(deliveries) & set(session.scalars(query.where(Bounce.delivery_id.in_(tuple(deliveries)))))


def stop(crm: Crm, session: Session, event: Event) -> None:
    """Write nothing more to the address of an event: also no service messages."""
    reason = REASONS[event.kind]
    ledger.suppress(crm, session, CHANNEL, event.address_key, "marketing", reason, event.at, _told_by(event))


def reopen(session: Session, address_key: str, at: datetime) -> None:
    """Write to an address again that was stopped for a bounce, unless another bounce of it counts."""
    if not _count(session, address_key, "hard"):
        ledger.lift(session, CHANNEL, address_key, "marketing", REASONS["hard"], at, SYSTEM.id)


def forgive(session: Session, address_key: str, at: datetime, actor: str) -> bool:
    """Let an address be written to again; what came back so far counts no more.

    :param actor: the school's id of who decided.
    :return: False when it was not stopped for what came back.
    """
    lifted = [
        ledger.lift(session, CHANNEL, address_key, "marketing", reason, at, actor)
        for reason in sorted(set(REASONS.values()))
    ]
    forgotten = sa.update(Bounce).where(Bounce.address_key == address_key).values(counts=False)
    session.execute(forgotten.execution_options(synchronize_session=False))
    if any(lifted):
        audit.record(session, at, actor, "bounce.forgive", (CHANNEL, ""))
    return any(lifted)


def figures(session: Session, now: datetime) -> Figures:
    """Count what came back lately, and the addresses that are stopped."""
    since = now - timedelta(days=SHOWN_DAYS)
    events = sa.select(Bounce.kind, sa.func.count()).where(Bounce.at >= since).group_by(Bounce.kind)
    counted = {kind: count for kind, count in session.execute(events)}  # noqa: C416 - rows are no pairs
    rows = (
        sa.select(Suppression.reason, sa.func.count(Suppression.address_key.distinct()))
        .where(Suppression.channel == CHANNEL)
        .group_by(Suppression.reason)
    )
    stopped = {reason: count for reason, count in session.execute(rows)}  # noqa: C416 - the same
    return Figures({kind: counted.get(kind, 0) for kind in KINDS}, stopped)


def erase(session: Session, person_ids: Collection[int]) -> None:
    """Forget what came back from the addresses of people who are erased."""
    theirs = sa.select(Person.email_key).where(among(session, Person.id, person_ids))
    keys = [key for key in session.scalars(theirs) if key is not None]
    if keys:
        gone = sa.delete(Bounce).where(among(session, Bounce.address_key, keys))
        session.execute(gone.execution_options(synchronize_session=False))


def held_on(session: Session, person_id: int) -> list[dict[str, object]]:
    """Return what is held on a person's address, for their right of access."""
    theirs = sa.select(Person.email_key).where(Person.id == person_id).scalar_subquery()
    rows = session.scalars(sa.select(Bounce).where(Bounce.address_key == theirs).order_by(Bounce.id))
    return [{"at": row.at, "kind": row.kind, "status": row.status, "source": row.source} for row in rows]


def _count(session: Session, address_key: str, kind: str) -> int:
    rows = sa.select(sa.func.count()).select_from(Bounce)
    rows = rows.where(Bounce.address_key == address_key, Bounce.kind == kind, Bounce.counts.is_(True))
    return session.scalar(rows) or 0


def _told_by(event: Event) -> str:
    return f"{event.source} {event.status}".strip()
