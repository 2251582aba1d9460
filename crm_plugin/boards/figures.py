"""The figures of root courses, computed for a portion of them at once: some statements, however many.

Stages come from :mod:`~crm_plugin.boards.stage_rows` and money from :mod:`~crm_plugin.boards.order_shares`,
as on the pages behind the figures.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards import stage_rows
from crm_plugin.boards.acts import acts
from crm_plugin.boards.models import MONEY
from crm_plugin.boards.order_shares import shares, sums
from crm_plugin.boards.questions import Asked, is_anybody
from crm_plugin.boards.stages import AUDIENCES, STAGES
from crm_plugin.boards.weeks import week_starts
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.types import MONEY_UNIT
from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.models.school import Course, Enrolment, Person
from crm_plugin.segments.language.dates import Present

AHEAD = 7
"""Days in which an act that is dated ahead is looked for: clocks of schools differ."""
Row = dict[str, Any]


@dataclass
class Computed:
    """Rows of the two tables of figures, by root course and by (root course, currency)."""

    figures: dict[int, Row]
    money: dict[tuple[int, str], Row] = field(default_factory=dict)


@dataclass(frozen=True)
class Portion:
    """What is computed: root courses at an instant."""

    session: Session
    settings: Settings
    present: Present
    roots: Sequence[int]

    def of(self, column: Any) -> sa.ColumnElement[bool]:
        """Return the condition that a column names one of the courses."""
        return among(self.session, column, self.roots)

    def asked(self, present: Present | None = None) -> Asked:
        """Return the question for the people of a stage."""
        return Asked(present or self.present, sa.select(Course.id).where(self.of(Course.id)))

    def all(self, query: Any) -> Sequence[Any]:
        """Return the rows of a query."""
        return self.session.execute(query).all()


def computed(portion: Portion) -> Computed:
    """Compute the figures of root courses; of what is no root there are none."""
    at = portion.present.as_of
    heads = sa.select(Course.id).where(portion.of(Course.id), Course.root_id == Course.id)
    roots = portion.session.scalars(heads).all()
    found = Computed({root: {"root_id": root, "as_of": at, **_NOBODY} for root in roots})
    soon: dict[int, list[datetime]] = defaultdict(list)
    for part in (_stages, _finished, _seats, _acts, _money, _prices):
        part(portion, found, soon)
    for root, row in found.figures.items():
        row["next_change"] = min(soon[root], default=None)
    return found


_NOBODY: Row = {
    **dict.fromkeys((*STAGES, *AUDIENCES, "finished"), 0),
    **{"trend": [], "price": None, "currency": None, "next_change": None},
}
Soon = dict[int, list[datetime]]


def _stages(portion: Portion, found: Computed, _soon: Soon) -> None:
    for stage in (*STAGES, *AUDIENCES):
        pairs = stage_rows.pairs(stage, portion.asked()).subquery()
        people = sa.select(pairs.c.root_id, sa.func.count()).group_by(pairs.c.root_id)
        for root, count in portion.all(people):
            if root in found.figures:
                found.figures[root][stage] = count


def _finished(portion: Portion, found: Computed, _soon: Soon) -> None:
    both = (stage_rows.pairs(stage, portion.asked()) for stage in ("learners", "expired"))
    pairs = sa.union_all(*both).subquery()
    done = (
        *(Enrolment.person_id == pairs.c.person_id, Enrolment.root_id == pairs.c.root_id),
        *(Enrolment.role == "learner", Enrolment.completed_at.is_not(None)),
    )
    people = sa.select(pairs.c.root_id, sa.func.count(pairs.c.person_id.distinct()))
    for root, count in portion.all(people.join(Enrolment, sa.and_(*done)).group_by(pairs.c.root_id)):
        if root in found.figures:
            found.figures[root]["finished"] = count


def _seats(portion: Portion, found: Computed, soon: Soon) -> None:
    """Count the seats that began in each week; note when one begins or runs out next."""
    at, starts = portion.present.as_of, week_starts(portion.present.as_of, portion.present.zone)
    began = Enrolment.enrolled_at
    weeks = [
        sa.func.sum(sa.case((sa.and_(began >= low, began < high), sa.literal_column("1")), else_=_ZERO))
        for low, high in itertools.pairwise(starts)
    ]
    limits = ((Enrolment.starts_at, at), (Enrolment.expires_at, at), (began, starts[-1]))
    changes = [sa.func.min(sa.case((column > limit, column))) for column, limit in limits]
    seats = sa.select(Enrolment.root_id, *weeks, *changes).join(Person, Person.id == Enrolment.person_id)
    learning = (portion.of(Enrolment.root_id), Enrolment.role == "learner", *is_anybody(Person))
    for row in found.figures.values():
        row["trend"] = [0] * len(weeks)
    for root, *values in portion.all(seats.where(*learning).group_by(Enrolment.root_id)):
        if root in found.figures:
            found.figures[root]["trend"] = [int(value) for value in values[: len(weeks)]]
            soon[root] += filter(None, values[len(weeks) :])


_ZERO: Any = sa.literal_column("0")


def _acts(portion: Portion, _found: Computed, soon: Soon) -> None:
    """Note when an act of interest grows too old next, or begins to count."""
    now = portion.present
    days = now.interest_days
    ahead = replace(now, as_of=now.as_of + timedelta(days=AHEAD), interest_days=days + AHEAD)
    act = acts(portion.asked(ahead)).c
    oldest, coming = (
        sa.func.min(sa.case((one, act.at))) for one in (act.at <= now.as_of, act.at > now.as_of)
    )
    for root, first, later in portion.all(sa.select(act.root_id, oldest, coming).group_by(act.root_id)):
        if first is not None:
            # By the wall clock, as conditions count days; a microsecond later it counts no more.
            wall = first.astimezone(now.zone) + timedelta(days=days)
            soon[root].append(wall.astimezone(now.as_of.tzinfo) + timedelta(microseconds=1))
        soon[root] += filter(None, [later])


def _money(portion: Portion, found: Computed, soon: Soon) -> None:
    share = shares(portion.settings, portion.of, portion.present.as_of).c
    closes = sa.func.min(share.closes_at)
    query = sa.select(share.root_id, share.currency, *sums(share), closes.label("closes"))
    for row in portion.all(query.group_by(share.root_id, share.currency)):
        if row.root_id not in found.figures:
            continue
        soon[row.root_id] += filter(None, [row.closes])
        figures = {name: _figure(name, getattr(row, name)) for name in MONEY}
        if any(figures.values()):
            key = {"root_id": row.root_id, "currency": row.currency}
            found.money[row.root_id, row.currency] = key | figures


def _figure(name: str, value: Any) -> Any:
    return int(value) if name.endswith("orders") else Decimal(int(value)) / MONEY_UNIT


def _prices(portion: Portion, found: Computed, soon: Soon) -> None:
    """Find the lowest price at which a course can be bought now: of itself, or of a plan or copy of it."""
    at, own = portion.present.as_of, portion.present.currency
    opened = (portion.of(Course.root_id), Course.status == "published", Course.gone == sa.false())
    lasts = sa.or_(Course.ends_at.is_(None), Course.ends_at > at)
    query = sa.select(Course.root_id, Course.currency, sa.func.min(Course.price), sa.func.min(Course.ends_at))
    offers: dict[int, list[tuple[str, Decimal]]] = defaultdict(list)
    for root, currency, price, ends in portion.all(
        query.where(*opened, lasts).group_by(Course.root_id, Course.currency)
    ):
        soon[root] += filter(None, [ends])
        if price is not None:
            offers[root].append((currency or own, price))
    for root, ways in offers.items():
        if root in found.figures:
            currency, price = _best(ways, own)
            found.figures[root] |= {"price": price, "currency": currency or None}


def _best(ways: Iterable[tuple[str, Decimal]], own: str) -> tuple[str, Decimal]:
    """Return the lowest price in the school's own currency, where there is one, as no two are compared."""
    return min(ways, key=lambda way: (way[0] != own, *way))
