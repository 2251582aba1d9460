"""Bad items among the figures of the home page."""

import sqlalchemy as sa

from crm_plugin.campaigns.models import SentDay
from crm_plugin.campaigns.reporting import sent_days
from crm_plugin.dashboard import make_up, reached
from crm_plugin.host.context import Crm
from tests.attacks.poison import failing, in_job, kept
from tests.campaigns.fixtures import launched, run, world
from tests.jobs.effects import Here, do
from tests.web.fixtures import open_school

REFRESH, RECOUNT = "crm_plugin.dashboard.jobs.refresh", "crm_plugin.dashboard.jobs.recount"


def _counted(crm: Crm) -> set[int]:
    """Return the campaigns whose days are kept."""
    with crm.db.read() as session:
        return set(session.scalars(sa.select(SentDay.campaign_id)))


def _a_bad_campaign(here: Here, job: str) -> None:
    crm = world(here.database, here.folder, people=3)
    bad, good, last = (launched(crm) for _ in range(3))
    run(crm)
    failing(here, sent_days, "_days", lambda _session, one, _zone: one.campaign == bad)
    do(crm, job)
    assert _counted(crm) == {good, last}
    assert kept(crm) == {"campaigns.sent_days": [(str(bad), "Bad")]}


@in_job("dashboard.jobs.refresh")
def a_campaign_whose_days_cannot_be_counted(here: Here) -> None:
    _a_bad_campaign(here, REFRESH)


@in_job("dashboard.jobs.recount")
def a_campaign_whose_days_cannot_be_counted_at_night(here: Here) -> None:
    _a_bad_campaign(here, RECOUNT)


@in_job("dashboard.jobs.refresh")
def a_chart_and_a_span_that_cannot_be_counted(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    failing(here, make_up, "_furthest", lambda _crm, _present: True)
    failing(here, reached, "_count", lambda _crm, span: span.length == 90)
    do(crm, REFRESH)
    with crm.db.read() as session:
        found = make_up.current(crm, session)
    assert found is not None
    assert "closing" in found.counts
    assert "completion" not in found.counts
    assert kept(crm) == {"dashboard.make_up": [("completion", "Bad")], "dashboard.reached": [("90", "Bad")]}


@in_job("dashboard.jobs.refresh")
def figures_that_the_school_cannot_take(here: Here) -> None:
    school = open_school(here.database, here.folder)
    failing(here, school.host, "_answer", lambda name, *_: name == "host_publish_figures")
    do(school.crm, REFRESH)
    assert kept(school.crm) == {"dashboard.figures": [("figures", "host.failed")]}
    with school.crm.db.read() as session:
        assert make_up.current(school.crm, session) is not None, "the others are counted"
