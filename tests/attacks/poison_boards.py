"""Bad items among the figures of courses."""

import sqlalchemy as sa

from crm_plugin.boards import service
from crm_plugin.boards.figures import portions
from crm_plugin.boards.models import CourseFigures
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.profiles.models.school import Course
from crm_plugin.profiles.sync.service import sync
from tests.attacks.poison import failing, in_job, kept
from tests.jobs.effects import Here, do
from tests.web.fixtures import open_school

REFRESH, COMPARE = "crm_plugin.boards.jobs.refresh_figures", "crm_plugin.boards.jobs.compare_figures"


def _three_courses(here: Here) -> tuple[Crm, int]:
    """Return a CRM with three courses, and our id of one whose figures cannot be computed."""
    school = open_school(here.database, here.folder)
    school.host.put(r.Course("c2", "Chess"), r.Course("c3", "Go"))
    sync(school.crm)
    with school.crm.db.read() as session:
        bad = session.scalars(sa.select(Course.id).where(Course.host_id == "c2")).one()
    failing(here, portions, "compute", lambda _crm, roots: bad in roots)
    return school.crm, bad


def _learners(crm: Crm) -> dict[int, int]:
    with crm.db.read() as session:
        return {row.root_id: row.learners for row in session.scalars(sa.select(CourseFigures))}


@in_job("boards.jobs.refresh_figures")
def a_course_whose_figures_cannot_be_computed(here: Here) -> None:
    crm, bad = _three_courses(here)
    do(crm, REFRESH)
    assert (len(_learners(crm)), bad in _learners(crm)) == (2, False)
    assert kept(crm) == {"boards.figures": [(str(bad), "Bad")]}


@in_job("boards.jobs.compare_figures")
def a_course_whose_figures_cannot_be_compared(here: Here) -> None:
    crm, bad = _three_courses(here)
    service.refresh(crm)
    right = _learners(crm)
    crm.db.run(lambda session: session.execute(sa.update(CourseFigures).values(learners=77)))
    do(crm, COMPARE)
    assert _learners(crm) == right
    assert kept(crm)["boards.compare"] == [(str(bad), "Bad")]
