"""The tabs of a board: each is the segment of a stage, narrowed by filters of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.boards.board import tab_filters
from crm_plugin.boards.board.columns import acts, interest, left, orders, seats
from crm_plugin.boards.board.columns.asked import Asked
from crm_plugin.boards.board.one_course import BoardCourse
from crm_plugin.boards.stages import stage_trees
from crm_plugin.boards.stages.stage_rows import LEFT
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor
from crm_plugin.kernel.errors import BadInput, one_of
from crm_plugin.segments import service
from crm_plugin.segments.language.documents import Document
from crm_plugin.segments.listing.paging import DEFAULT_SORT, OwnSort
from crm_plugin.segments.service import Search

TABS = (*stage_trees.STAGES, *stage_trees.AUDIENCES)
"""In the order in which they stand."""
SORTS = {
    "potential": ("-acted", ("acted",)),
    "pending": ("closes", ("closes", "ordered")),
    "upcoming": ("begins", ("begins",)),
    "learners": ("-learned", ("learned", "progress", "expires")),
    "left": ("-ended", ("ended",)),
    "expired": ("-ended", ("ended",)),
    "closed_unpaid": ("-closed", ("closed",)),
}
"""Tab → the order that it begins with, and the orders of its own; those of every list come on top."""


@dataclass(frozen=True)
class Tab:
    """A tab of one course's board.

    :param filters: name of a filter of :mod:`crm_plugin.boards.board.tab_filters` → its value.
    """

    course: BoardCourse
    stage: str
    filters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.stage not in TABS:
            raise BadInput("input.bad", "stage", reason=one_of(TABS))

    @property
    def tree(self) -> Document:
        """The segment of its people."""
        found = stage_trees.people_of(self.stage, self.course.host_id)
        rules = tab_filters.rules(self.stage, self.course, self.filters)
        return {**found, "rules": [*found["rules"], *rules]}


def own_sorts(crm: Crm, tab: Tab) -> dict[str, OwnSort]:
    """Return the orders that only this tab has."""
    made = {
        "acted": lambda: acts.latest(tab.course, crm.clock(), crm.settings.interest_days),
        "closes": lambda: orders.by_closing(tab.course),
        "ordered": lambda: orders.by_age(tab.course),
        "begins": lambda: seats.by_start(tab.course, crm.clock()),
        "learned": lambda: seats.by_learning(tab.course, crm.clock()),
        "progress": lambda: seats.by_progress(tab.course, crm.clock()),
        "expires": lambda: seats.by_expiry(tab.course, crm.clock()),
        "ended": lambda: left.by_end(tab.course, crm.clock(), _kinds(tab)),
        "closed": lambda: orders.by_close(tab.course),
    }
    return {name: OwnSort(made[name](), number=name == "progress") for name in SORTS[tab.stage][1]}


_COLUMNS: Mapping[str, Callable[[Session, Asked], Mapping[int, Any]]] = {
    "potential": interest.of_people,
    "pending": orders.pending,
    "upcoming": seats.upcoming,
    "learners": seats.of_people,
    "left": left.of_people,
    "expired": left.expired,
    "closed_unpaid": orders.closed,
}


def columns_of(session: Session, tab: Tab, asked: Asked) -> Mapping[int, Any]:
    """Return person → what matters of them on a tab, for all people that are asked about."""
    return _COLUMNS[tab.stage](session, asked)


def _kinds(tab: Tab) -> tuple[str, ...]:
    return left.EXPIRED if tab.stage == "expired" else LEFT


def sort_of(tab: Tab, asked: str, usual: Mapping[str, Any]) -> str:
    """Return an order that the tab has: the one that is asked for, else the one that it begins with.

    :param usual: orders of every list of people.
    """
    known = {*SORTS[tab.stage][1], *usual}
    return asked if asked.removeprefix("-") in known else SORTS[tab.stage][0] or DEFAULT_SORT


def counts(crm: Crm, actor: Actor, course: BoardCourse) -> dict[str, int]:
    """Return tab → how many people it has, all in one statement, by the segments that its lists show."""
    known = service.catalogue(crm, actor)
    searches: dict[str, Search] = {
        name: service.selected(crm, Tab(course, name).tree, actor=actor, known=known) for name in TABS
    }
    columns = [
        sa.select(sa.func.count()).select_from(one.people.subquery()).scalar_subquery().label(name)
        for name, one in searches.items()
    ]
    with crm.db.read() as session:
        row = session.execute(sa.select(*columns)).one()
    return {name: int(count) for name, count in zip(TABS, row, strict=True)}
