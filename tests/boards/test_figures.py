"""Figures of courses: kept for what something touched, and the same as a whole computation at any time."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.boards import queries, service
from crm_plugin.boards.course_orders import Behind, orders
from crm_plugin.boards.figures import comparison
from crm_plugin.boards.figures.order_shares import FIGURES
from crm_plugin.boards.stages.stage_trees import people_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.streams import TouchedCourse
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service as segments
from tests.boards.happenings import RandomSchool
from tests.fakes.clock import FixedClock
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import staff

ADA = staff("ada")


def _walk(database: Database, folder: Path, seed: int, steps: int) -> tuple[Crm, RandomSchool]:
    """Let anything happen to a school, and look at the figures after each step."""
    clock = FixedClock(NOW)
    school = RandomSchool(seed, clock)
    crm = make_crm(database, school.host, host_region="CN", instance=str(folder))
    crm.clock = clock
    sync(crm, full=True)
    for _ in range(steps):
        for _ in range(school.dice.randint(1, 4)):
            school.happen()
        school.pass_time()
        sync(crm)
        service.refresh(crm)
        _look(crm)
    return crm, school


def _look(crm: Crm) -> None:
    """Nothing waits, and a whole computation finds what is kept."""
    with crm.db.read() as session:
        assert session.scalars(sa.select(TouchedCourse)).all() == []
    assert comparison.compare(crm) == 0


def _check_lists(crm: Crm, school: RandomSchool, most: int = 9) -> None:
    """Each count of the lists is that of its segment, each amount that of its orders.

    :param most: rows of each list that are looked at.
    """
    # What time alone changes may be some minutes old.
    crm.clock.move(minutes=11)  # type: ignore[attr-defined]
    service.refresh(crm)
    for kind in queries.KINDS:
        for row in queries.listing(crm, ADA, queries.Wanted(kind, limit=most)).rows:
            for stage in queries.PEOPLE:
                assert getattr(row, stage) == len([*segments.ids(crm, people_of(stage, row.host_id))]), stage
            _check_money(crm, school, row)


def _check_money(crm: Crm, school: RandomSchool, row: queries.FiguresRow) -> None:
    money = {one.currency: one for one in row.money or ()}
    for name, offsite in (("revenue", False), ("offsite_revenue", True)):
        kept = {currency: getattr(one, name) for currency, one in money.items()}
        assert {key: value for key, value in kept.items() if value} == school.money(row.host_id, offsite)
    for currency, one in money.items():
        for what in FIGURES:
            behind = orders(crm, ADA, Behind(row.host_id, what, currency, limit=500))
            assert behind.total == getattr(one, what) == sum(share.amount for share in behind.rows)
            assert behind.count == len(behind.rows)


def test_kept_figures_are_those_of_a_whole_computation(database: Database, tmp_path: Path) -> None:
    steps = 3 if database.dialect == "sqlite" else 1
    _check_lists(*_walk(database, tmp_path, seed=1, steps=steps), most=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
def test_the_same_after_any_sequence_of_events(database: Database, tmp_path: Path, seed: int) -> None:
    _check_lists(*_walk(database, tmp_path, seed, steps=40))
