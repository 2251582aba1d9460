"""Figures and stages of a real Moodle site's courses are what SQL on the site's own tables says."""

import hashlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.boards import service as boards
from crm_plugin.boards.models import CourseFigures, CourseMoney
from crm_plugin.boards.stages.stage_trees import AUDIENCES, STAGES, people_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.clock import parse_instant
from crm_plugin.kernel.db.engine import Database
from crm_plugin.plugin import load_host
from crm_plugin.profiles.models.school import Course
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from tests.boards import moodle_stages
from tests.fakes.crm import make_crm
from tests.hooks import moodle_site
from tests.segments.moodle_questions import AS_OF

LARGEST = 6
"""Courses whose people are compared one by one."""


def digest(ids: Any) -> str:
    return hashlib.md5(",".join(sorted(ids, key=int)).encode(), usedforsecurity=False).hexdigest()


def of_courses(pairs: set[tuple[str, str]]) -> Counter[str]:
    return Counter(course for course, _person in pairs)


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_every_course_has_the_sites_own_figures(
    database: Database, moodle_folder: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'moodle.db'}"
    moodle_site.load(moodle_folder, url)
    crm = make_crm(database, load_host(moodle_site.settings(url)), parse_instant(AS_OF), **moodle_site.FACTS)
    sync(crm)
    boards.refresh(crm)
    assert money(crm) == moodle_stages.revenue(url)
    expected = moodle_stages.stages(url)
    people = of_courses(set().union(*expected.values()))
    assert [stage for stage in ("potential", "learners", "expired") if not expected[stage]] == []
    for stage in (*STAGES, *AUDIENCES):
        assert counts(crm, stage) == of_courses(expected[stage])
        for course, _number in people.most_common(LARGEST):
            found = service.ids(crm, people_of(stage, course), at=parse_instant(AS_OF))
            assert digest(found) == digest(who for one, who in expected[stage] if one == course), stage


def counts(crm: Crm, stage: str) -> Counter[str]:
    """Return how many people each course has in a stage, by its figures."""
    column = getattr(CourseFigures, stage)
    figures = sa.select(Course.host_id, column).join(CourseFigures, CourseFigures.root_id == Course.id)
    with crm.db.read() as session:
        rows: Any = session.execute(figures.where(column > 0))
        return Counter(dict(rows.all()))


def money(crm: Crm) -> dict[tuple[str, str], tuple[int, Decimal]]:
    """Return (course, currency) → how many orders revenue is made of, and the revenue."""
    figures = sa.select(Course.host_id, CourseMoney).join(CourseMoney, CourseMoney.root_id == Course.id)
    with crm.db.read() as session:
        rows: Any = session.execute(figures)
        return {(course, one.currency): (one.orders, one.revenue) for course, one in rows}
