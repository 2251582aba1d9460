"""One bad item in each loop of each job: the others are done, it is kept with its reason, and the work ends.

A new job is a new function in a module ``poison_*``: ``test_each_job_has_its_poison`` compares the lists.
"""

from pathlib import Path

import pytest

from crm_plugin.host.jobs import Jobs
from crm_plugin.kernel.db.engine import Database
from crm_plugin.plugin import periodic_jobs, upkeep_jobs
from tests.attacks import (
    poison_automations,
    poison_boards,
    poison_campaigns,
    poison_data,
    poison_home,
    poison_links,
)
from tests.attacks.poison import POISONS, Poison
from tests.fakes.crm import make_crm
from tests.jobs.effects import Here

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
PLANTED = (poison_automations, poison_boards, poison_data, poison_campaigns, poison_home, poison_links)
"""Each adds its poisons to the list."""
ONE_STATEMENT = {
    "crm_plugin.links.jobs.confirm",
    "crm_plugin.segments.jobs.forget_taggings",
    "crm_plugin.plugin.daily_tick",
}
"""Jobs without a loop of their own; the last one runs the daily jobs, each apart."""

CASES = [(job, poison) for job, poisons in POISONS.items() for poison in poisons]


@SQLITE
@pytest.mark.parametrize(("job", "poison"), CASES, ids=[poison.__name__ for _, poison in CASES])
def test_the_others_are_done(
    job: str, poison: Poison, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(Here(database, tmp_path, monkeypatch))


@SQLITE
def test_each_job_has_its_poison(database: Database) -> None:
    crm = make_crm(database)
    of_the_day = {job for jobs in crm.contributed(Jobs) for job in jobs.daily}
    woken = {"crm_plugin.campaigns.jobs.freeze", "crm_plugin.campaigns.jobs.drain"}
    repeated = {job for job, _ in (*periodic_jobs(crm), *upkeep_jobs(crm))}
    assert repeated | of_the_day | woken == set(POISONS) | ONE_STATEMENT
