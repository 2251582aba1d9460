"""The make-up of people, counted by a worker and kept with its age; pages read what is kept.

Always counted whole, from the very segments that the slices open, as of one instant: there is nothing that
could drift away from them. What only compares the person's own row is counted in one pass over everybody.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.dashboard import furthest
from crm_plugin.dashboard.slices import RECENT, Chart, Slice, charts, key_figures
from crm_plugin.host.context import Crm
from crm_plugin.kernel.bands import read_bands
from crm_plugin.kernel.db.types import Money
from crm_plugin.kernel.key_value import keep, kept
from crm_plugin.profiles.models.school import HELD_MONEY, Order, Person
from crm_plugin.profiles.store.host_info_cache import own_currency, school_zone
from crm_plugin.profiles.store.recompute_queue import moved_at
from crm_plugin.segments import service as segments
from crm_plugin.segments.language.dates import Present, day_start
from crm_plugin.segments.language.parse import parse
from crm_plugin.segments.language.tree import Tree
from crm_plugin.segments.sql.compile import condition, is_person, people

JOB = "dashboard.make_up"
_KEPT = JOB
FRESH = timedelta(minutes=10)
"""Time alone moves people: numbers older than this are counted again."""
REST = timedelta(minutes=1)
"""How long they stand at least where people change all the time."""
SHARE = 50
"""They stand at least so many times as long as counting took: it never takes a worker for itself."""


@dataclass(frozen=True, slots=True)
class MakeUp:
    """What was counted.

    :param day: of the school, which its slices mean.
    :param counts: chart → the number of each of its slices; without charts whose facts the school lacks.
    :param taken: paid in the last :data:`~crm_plugin.dashboard.slices.RECENT` days, in the school's currency,
        refunds taken off.
    """

    as_of: datetime
    day: date
    counts: Mapping[str, Sequence[int]]
    taken: Decimal


def current(crm: Crm, session: Session) -> MakeUp | None:
    """Return what was counted last; None when nothing was, or other bands were meant."""
    found = kept(session, _KEPT)
    if found is None or found["basis"] != _basis(crm):
        return None
    at, day = datetime.fromisoformat(found["as_of"]), date.fromisoformat(found["day"])
    return MakeUp(at, day, found["counts"], Decimal(found["taken"]))


def refresh(crm: Crm, *, everything: bool = False) -> bool:
    """Count again where facts moved since, or where it is long ago; return whether it was done."""
    now = crm.clock()
    with crm.db.read() as session:
        if not everything and not _is_due(crm, session, now):
            return False
    started = time.perf_counter()
    found = count(crm, now)
    document = {
        "basis": _basis(crm),
        "as_of": now.isoformat(),
        "day": found.day.isoformat(),
        "counts": dict(found.counts),
        "taken": format(found.taken, "f"),
        "seconds": round(time.perf_counter() - started, 3),
    }
    crm.db.run(lambda session: keep(session, _KEPT, document))
    return True


def count(crm: Crm, now: datetime) -> MakeUp:
    """Count the make-up as of an instant, without keeping it."""
    present = segments.present(crm, now)
    known = segments.catalogue(crm)
    every = (*key_figures(present.today), *charts(crm.settings, present.today))
    there = [chart for chart in every if all(map(known.provides, chart.needs))]
    trees = {chart.key: [parse(one.tree, known) for one in chart.slices] for chart in there}
    facts = {chart.key: trees[chart.key] for chart in there if not chart.related}
    with crm.db.read() as session:
        counts = _by_facts(session, present, facts)
        taken = session.scalar(_taken(present)) or Decimal(0)
    round_ = crm.round(JOB)
    for key in trees.keys() - facts.keys():
        work = partial(_furthest, crm) if key == "completion" else partial(_each, crm, trees[key])
        done = round_.one(key, partial(work, present))
        if done:
            counts[key] = done[0]
    return MakeUp(now, present.today, counts, taken)


def _by_facts(
    session: Session, present: Present, trees: Mapping[str, Sequence[Tree]]
) -> dict[str, list[int]]:
    sums = [
        sa.func.sum(sa.case((condition(tree, present), 1), else_=0))
        for some in trees.values()
        for tree in some
    ]
    found = iter(session.execute(sa.select(*sums).where(*is_person(Person, present))).one())
    return {key: [int(next(found) or 0) for _ in some] for key, some in trees.items()}


def _furthest(crm: Crm, present: Present) -> list[int]:
    with crm.db.read() as session:
        return furthest.numbers(session, present, read_bands(crm.settings.home_progress))


def _each(crm: Crm, trees: Sequence[Tree], present: Present) -> list[int]:
    asked = [sa.select(sa.func.count()).select_from(people(tree, present).subquery()) for tree in trees]
    with crm.db.read() as session:
        return [session.scalar(query) or 0 for query in asked]


def _taken(present: Present) -> sa.Select[Any]:
    since = day_start(present.today - timedelta(days=RECENT - 1), present.zone)
    paid = sa.func.coalesce(Order.paid_at, Order.created_at) >= since
    mine = Order.currency == present.currency, Order.state.in_(HELD_MONEY)
    # A difference of amounts forgets that it is one; PostgreSQL sums big numbers as numeric.
    return sa.select(sa.type_coerce(sa.func.sum(Order.amount - Order.refunded), Money)).where(*mine, paid)


def _is_due(crm: Crm, session: Session, now: datetime) -> bool:
    found = kept(session, _KEPT)
    if found is None or found["basis"] != _basis(crm):
        return True
    at, moved = datetime.fromisoformat(found["as_of"]), moved_at(session)
    rest = max(REST, timedelta(seconds=SHARE * found["seconds"]))
    if found["day"] != segments.present(crm, now).today.isoformat() or now - at >= max(FRESH, rest):
        return True
    return moved is not None and moved >= at and now - at >= rest


def _basis(crm: Crm) -> str:
    """Return what the numbers depend on beside the people."""
    bands = (crm.settings.home_days, crm.settings.home_purchases, crm.settings.home_spend)
    return " | ".join((*bands, crm.settings.home_progress, own_currency(crm), school_zone(crm).key))


def slices_of(crm: Crm, found: MakeUp) -> list[tuple[Chart, list[tuple[Slice, int]]]]:
    """Return the charts that were counted, each slice with its number."""
    shown = []
    for chart in charts(crm.settings, found.day):
        numbers = found.counts.get(chart.key)
        if numbers is not None:
            shown.append((chart, list(zip(chart.slices, numbers, strict=True))))
    return shown


def figures_of(found: MakeUp) -> dict[str, tuple[Slice, int]]:
    """Return the numbers of the whole school by their names."""
    every = key_figures(found.day)
    return {one.key: (one.slices[0], found.counts[one.key][0]) for one in every if one.key in found.counts}
