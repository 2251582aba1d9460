"""The figures of root courses, computed for a portion of them at once: some statements, however many.

Stages come from :mod:`~crm_plugin.boards.stages.stage_rows` and money from
:mod:`~crm_plugin.boards.figures.order_shares`, as on the pages behind the figures.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from crm_plugin.boards.figures.order_shares import shares, sums
from crm_plugin.boards.figures.weeks import week_starts
from crm_plugin.boards.models import MONEY
from crm_plugin.boards.stages import stage_rows
from crm_plugin.boards.stages.acts import SIGNALS, closing
from crm_plugin.boards.stages.questions import Asked, is_anybody
from crm_plugin.boards.stages.stage_trees import AUDIENCES, STAGES
from crm_plugin.kernel.db.bulk import among
from crm_plugin.kernel.db.types import MONEY_UNIT
from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.models.school import Course, CourseLink, Enrolment, Order, OrderLine, Person, Signal
from crm_plugin.segments.language.dates import Present, shift

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

    def asked(self) -> Asked:
        """Return the question for the people of a stage."""
        return Asked(self.present, sa.select(Course.id).where(self.of(Course.id)))

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
    for part in (_stages, _seats, _acts, _money, _prices):
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
        finishing = stage in _BEGUN
        query: Any = sa.select(pairs.c.root_id, sa.func.count(), _ZERO)
        if finishing:
            both = (Enrolment.person_id == pairs.c.person_id, Enrolment.root_id == pairs.c.root_id)
            done = (*both, Enrolment.role == "learner", Enrolment.completed_at.is_not(None))
            people = (pairs.c.person_id.distinct(), Enrolment.person_id.distinct())
            query = sa.select(pairs.c.root_id, *map(sa.func.count, people))
            query = query.outerjoin(Enrolment, sa.and_(*done))
        for root, count, finished in portion.all(query.group_by(pairs.c.root_id)):
            if root in found.figures:
                found.figures[root][stage] = count
                found.figures[root]["finished"] += int(finished)


_BEGUN = ("learners", "expired")
"""Stages of people who may have finished; nobody is in both."""


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


def _acts(portion: Portion, found: Computed, soon: Soon) -> None:
    """Note when an act of interest grows too old next, or begins to count, for a course and its classes."""
    counts_for: dict[int, set[int]] = {root: {root} for root in found.figures}
    for part, holder in portion.all(_contained(portion)):
        counts_for.setdefault(part, set()).add(holder)
    sources = replace(portion, roots=list(counts_for))
    for query in (_signals(sources), _closings(sources)):
        for source, *instants in portion.all(query):
            for holder in counts_for[source]:
                soon[holder] += _changes(portion.present, instants)


def _contained(portion: Portion) -> sa.Select[Any]:
    """Return a query of (root of a course, class of the portion that contains it)."""
    part, holder = aliased(Course), aliased(Course)
    links: Any = sa.select(part.root_id, holder.root_id).join(CourseLink, CourseLink.host_id == part.host_id)
    links = links.join(holder, holder.id == CourseLink.course_id)
    found: sa.Select[Any] = links.where(CourseLink.kind == "contains", portion.of(holder.root_id)).distinct()
    return found


def _signals(portion: Portion) -> Any:
    """Return a query of each root with the first act of each kind that counts, and that is still to come.

    Each is one step in an index, however many acts there are.
    """
    since, now = _lately(portion.present)
    firsts = []
    for kind in SIGNALS:
        mine = sa.select(sa.func.min(Signal.at)).where(Signal.root_id == Course.id, Signal.kind == kind)
        for after in (mine.where(Signal.at >= since), mine.where(Signal.at > now)):
            firsts.append(after.correlate(Course).scalar_subquery())
    return sa.select(Course.id, *firsts).where(portion.of(Course.id))


def _closings(portion: Portion) -> Any:
    """Return the same of orders that were closed unpaid."""
    at = closing(Order)
    firsts = (sa.func.min(sa.case((one, at))) for one in map(at.__ge__, _lately(portion.present)))
    lines = sa.select(OrderLine.root_id, *firsts).join(Order, Order.id == OrderLine.order_id)
    closed = (OrderLine.held_money == sa.false(), Order.state == "closed", portion.of(OrderLine.root_id))
    return lines.where(*closed).group_by(OrderLine.root_id)


def _lately(present: Present) -> tuple[datetime, datetime]:
    return shift(present, -present.interest_days, "day"), present.as_of


def _changes(present: Present, instants: Iterable[datetime | None]) -> Iterator[datetime]:
    """Yield when acts at these instants change something: they begin to count, or grow too old."""
    for at in filter(None, instants):
        if at > present.as_of:
            yield at
        else:
            # By the wall clock, as conditions count days; a microsecond later it counts no more.
            wall = at.astimezone(present.zone) + timedelta(days=present.interest_days)
            yield wall.astimezone(UTC) + timedelta(microseconds=1)


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
