"""Keeps what campaigns handed over by day: those that move are counted again, all of them each night.

A campaign is counted whole, from the ledger, so that counting twice changes nothing. Days are cut in Python
and not by a date function: the three databases cut days at different hours.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.ledger.states import COUNTED
from crm_plugin.campaigns.models import Campaign, Delivery, SentDay
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import among, chunks
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.profiles.store.host_info_cache import school_zone
from crm_plugin.segments.language.dates import day_start

log = logging.getLogger(__name__)

JOB = "campaigns.sent_days"
_LATELY = "campaigns.sent_lately_at"
MOVING = ("freezing", "sending", "paused", "held")
AT_ONCE = 500
"""Campaigns that are counted by one statement; one-to-one messages are campaigns too."""
SOON, LATE = timedelta(hours=1), timedelta(days=8)
"""How long after its end a campaign is counted at every round, and at every tenth minute: carriers report."""
EVERY = timedelta(minutes=10)
COLUMNS = ("messages", "received", "parts", "measured")
Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Whole:
    """What a campaign handed over altogether."""

    campaign: int
    first: datetime
    last: datetime
    numbers: Numbers


def refresh(crm: Crm) -> int:
    """Count the campaigns that move; return how many days changed."""
    now = crm.clock()
    with crm.db.read() as session:
        lately = kept(session, _LATELY)
        late = lately is None or now - datetime.fromisoformat(lately) >= EVERY
        since = None if lately is None else now - (LATE if late else SOON)
        ids = list(session.scalars(_moving(since)))
    changed = _count(crm, ids)
    if late:
        crm.db.run(lambda session: keep(session, _LATELY, now.isoformat()))
    return changed


def recount(crm: Crm) -> int:
    """Count every campaign whole and compare; repair what differs, and log it. Return how many days did."""
    with crm.db.read() as session:
        ids = list(session.scalars(_moving(None)))
    changed = _count(crm, ids)
    if changed:
        log.warning("%d days of sent messages differed from the ledger and were corrected", changed)
    return changed


def _moving(since: datetime | None) -> sa.Select[Any]:
    """Return the campaigns that may have changed.

    :param since: the end of those that are over; None = every launched one.
    """
    chosen = sa.select(Campaign.id).where(Campaign.launched_at.is_not(None)).order_by(Campaign.id)
    if since is None:
        return chosen
    return chosen.where(sa.or_(Campaign.state.in_(MOVING), Campaign.updated_at >= since))


def _count(crm: Crm, ids: Sequence[int]) -> int:
    zone, round_ = school_zone(crm), crm.round(JOB)
    return sum(sum(round_.together(some, partial(_count_some, crm, zone))) for some in chunks(ids, AT_ONCE))


def _count_some(crm: Crm, zone: ZoneInfo, ids: Sequence[int]) -> int:
    with crm.db.read() as session:
        found = {key: value for one in _wholes(session, ids) for key, value in _days(session, one, zone)}
        known = dict(_known(session, ids))
    if found == known:
        return 0
    changed = {key for key in {*found, *known} if found.get(key) != known.get(key)}
    crm.db.run(lambda session: _write(session, sorted(changed), found))
    return len(changed)


def _numbers() -> list[sa.ColumnElement[Any]]:
    """Return the numbers of a row of the table, in the order of :data:`COLUMNS`."""
    received = sa.case((Delivery.state.in_(("sent", "delivered")), 1), else_=0)
    return [
        sa.func.count(),
        sa.func.coalesce(sa.func.sum(received), 0),
        sa.func.coalesce(sa.func.sum(Delivery.parts), 0),
        sa.func.count(Delivery.parts),
    ]


_HANDED = (Delivery.state.in_(COUNTED), Delivery.handed_at.is_not(None))


def _wholes(session: Session, ids: Sequence[int]) -> Iterator[_Whole]:
    at = Delivery.handed_at
    query = sa.select(Delivery.campaign_id, sa.func.min(at), sa.func.max(at), *_numbers())
    mine = among(session, Delivery.campaign_id, ids)
    for campaign, first, last, *numbers in session.execute(
        query.where(mine, *_HANDED).group_by(Delivery.campaign_id)
    ):
        yield _Whole(campaign, first, last, tuple(map(int, numbers)))


def _days(session: Session, one: _Whole, zone: ZoneInfo) -> Iterator[tuple[tuple[int, date], Numbers]]:
    first, last = (at.astimezone(zone).date() for at in (one.first, one.last))
    if first == last:
        yield (one.campaign, first), one.numbers
        return
    days = [first + timedelta(days=n) for n in range((last - first).days + 2)]
    for day, (since, until) in zip(days, pairwise(day_start(day, zone) for day in days), strict=False):
        inside = Delivery.campaign_id == one.campaign, Delivery.handed_at >= since, Delivery.handed_at < until
        numbers = tuple(map(int, session.execute(sa.select(*_numbers()).where(*inside, *_HANDED)).one()))
        if numbers[0]:
            yield (one.campaign, day), numbers


def _known(session: Session, ids: Sequence[int]) -> Iterator[tuple[tuple[int, date], Numbers]]:
    columns = [getattr(SentDay, name) for name in COLUMNS]
    query = sa.select(SentDay.campaign_id, SentDay.day, *columns)
    for campaign, day, *numbers in session.execute(query.where(among(session, SentDay.campaign_id, ids))):
        yield (campaign, day), tuple(numbers)


def _write(
    session: Session, changed: Sequence[tuple[int, date]], found: dict[tuple[int, date], Numbers]
) -> None:
    for campaign, day in changed:
        numbers = found.get((campaign, day))
        mine = SentDay.campaign_id == campaign, SentDay.day == day
        session.execute(sa.delete(SentDay).where(*mine))
        if numbers is not None:
            row = dict(zip(COLUMNS, numbers, strict=True))
            session.execute(sa.insert(SentDay).values(campaign_id=campaign, day=day, **row))
