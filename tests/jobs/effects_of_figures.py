"""What the jobs of boards and of the home page do."""

import sqlalchemy as sa

from crm_plugin.boards import service
from crm_plugin.boards.models import CourseFigures
from crm_plugin.dashboard import make_up
from tests.jobs.effects import Here, do, of, one
from tests.web.fixtures import open_school


@of("crm_plugin.boards.jobs.refresh_figures")
def figures_of_touched_courses_are_computed(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    do(crm, "crm_plugin.boards.jobs.refresh_figures")
    assert one(crm, sa.select(CourseFigures.learners)) > 0


@of("crm_plugin.boards.jobs.compare_figures")
def figures_that_are_wrong_are_repaired(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    service.refresh(crm)
    right = one(crm, sa.select(CourseFigures.learners))
    crm.db.run(lambda session: session.execute(sa.update(CourseFigures).values(learners=77)))
    do(crm, "crm_plugin.boards.jobs.compare_figures")
    assert one(crm, sa.select(CourseFigures.learners)) == right


def _home_is_counted(here: Here, job: str) -> None:
    crm = open_school(here.database, here.folder).crm
    do(crm, job)
    with crm.db.read() as session:
        assert make_up.current(crm, session) is not None


@of("crm_plugin.dashboard.jobs.refresh")
def the_home_page_is_counted(here: Here) -> None:
    _home_is_counted(here, "crm_plugin.dashboard.jobs.refresh")


@of("crm_plugin.dashboard.jobs.recount")
def the_home_page_is_counted_whole(here: Here) -> None:
    _home_is_counted(here, "crm_plugin.dashboard.jobs.recount")
