"""Clicks that a signed-in visit confirms: an addressee who then acts in the school was a person.

The school reports visits minutes after them, so the hits of the last hours are looked at again and again.
Hits of scanners and prefetches stay what they are: a visit of the addressee soon after does not prove that
the addressee opened the link.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.links.classify import CONFIRMED, HUMAN, UNKNOWN
from crm_plugin.links.measures import recount
from crm_plugin.links.models import Hit
from crm_plugin.profiles.models.school import Person, Signal

SOON = timedelta(minutes=30)
"""Between a click and the visit that confirms it."""
LOOK_BACK = timedelta(hours=6)
"""How late the school's signals may come in."""
LATEST = 50_000
"""Hits that are looked at, the latest ones: the work does not grow with the table."""


def confirm(crm: Crm) -> int:
    """Confirm what can be confirmed by now; return how many hits."""
    return crm.db.run(lambda session: _confirm(session, crm.clock()))


def _confirm(session: Session, now: datetime) -> int:
    visits: list[Any] = [*session.execute(_by_signal(now)), *session.execute(_by_login(now))]
    found = {id: campaign for id, campaign, at, visit in visits if at <= visit <= at + SOON}
    if not found:
        return 0
    _mark(session, found)
    recount(session, {campaign for campaign in found.values() if campaign is not None}, now)
    return len(found)


def _mark(session: Session, ids: Iterable[int]) -> None:
    hits = sa.update(Hit).where(Hit.id.in_(tuple(ids)), Hit.kind.in_((HUMAN, UNKNOWN)))
    session.execute(hits.values(kind=CONFIRMED), execution_options={"synchronize_session": False})


def _hits(now: datetime, visit: Any) -> sa.Select[Any]:
    newest = sa.select(sa.func.max(Hit.id)).scalar_subquery()
    return sa.select(Hit.id, Hit.campaign_id, Hit.at, visit).where(
        Hit.id > newest - LATEST, Hit.kind.in_((HUMAN, UNKNOWN)), Hit.at > now - LOOK_BACK
    )


def _by_signal(now: datetime) -> sa.Select[Any]:
    after = sa.and_(Signal.person_id == Hit.person_id, Signal.at >= Hit.at)
    first = _hits(now, sa.func.min(Signal.at)).join(Signal, after)
    return first.group_by(Hit.id, Hit.campaign_id, Hit.at)


def _by_login(now: datetime) -> sa.Select[Any]:
    after = sa.and_(Person.id == Hit.person_id, Person.last_login_at >= Hit.at)
    return _hits(now, Person.last_login_at).join(Person, after)
