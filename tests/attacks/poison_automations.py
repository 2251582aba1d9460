"""Bad items among automations."""

import sqlalchemy as sa

from crm_plugin.automations import service
from crm_plugin.automations.entering import entry
from crm_plugin.automations.models import Automation
from crm_plugin.automations.recurring import queries as recurring
from crm_plugin.automations.recurring import service as service_of_recurring
from crm_plugin.automations.steps import messages
from crm_plugin.campaigns.composing import drafts, repeating
from tests.attacks.poison import failing, in_job, kept
from tests.automations.fixtures import HELLO, TESTER, add_order, file, members, school, switched_on
from tests.campaigns.fixtures import document, world
from tests.fakes.crm import NOW
from tests.jobs.effects import Here, do, move, one

CARRY_ON, TIDY = "crm_plugin.automations.jobs.carry_on", "crm_plugin.automations.jobs.tidy"


@in_job("automations.jobs.carry_on")
def an_automation_that_cannot_be_looked_at(here: Here) -> None:
    crm = school(here.database, here.folder, people=1)
    bad, good = switched_on(crm), switched_on(crm)
    add_order(crm, 1, 1)
    failing(here, entry, "enter", lambda _crm, _session, row, _now: row.id == bad)
    do(crm, CARRY_ON)
    assert (members(crm, bad), list(members(crm, good))) == ({}, [1])
    assert kept(crm) == {"automations.look": [(str(bad), "Bad")]}


@in_job("automations.jobs.carry_on")
def an_automation_that_cannot_be_carried_on(here: Here) -> None:
    crm = school(here.database, here.folder, people=1)
    bad, good = (switched_on(crm, steps=[HELLO]) for _ in range(2))
    add_order(crm, 1, 1)
    failing(here, messages, "child", lambda _crm, row, *_: row.id == bad)
    do(crm, CARRY_ON)
    assert [members(crm, ident)[1].state for ident in (bad, good)] == ["active", "done"]
    assert kept(crm) == {"automations.steps": [(str(bad), "Bad")]}


@in_job("automations.jobs.tidy")
def an_automation_that_cannot_be_forgotten(here: Here) -> None:
    crm = school(here.database, here.folder)
    bad, good = (service.create(crm, TESTER, file(name=name)) for name in ("bad", "good"))
    with crm.db.begin() as session:
        session.execute(sa.update(Automation).values(removed_at=NOW))
        session.execute(sa.text(f"CREATE TRIGGER bad BEFORE DELETE ON crm_automation WHEN OLD.id = {bad} "
                                "BEGIN SELECT RAISE(ABORT, 'bad'); END"))  # fmt: skip
    crm.clock.move(hours=31 * 24)  # type: ignore[attr-defined]
    try:
        do(crm, TIDY)
        assert one(crm, sa.select(Automation.id)) == bad != good
        assert kept(crm) == {"automations.drafts": [(str(bad), "IntegrityError")]}
    finally:
        with crm.db.begin() as session:
            session.execute(sa.text("DROP TRIGGER bad"))


@in_job("automations.recurring.jobs.look")
def a_campaign_that_cannot_be_repeated(here: Here) -> None:
    crm = world(here.database, here.folder, people=1)
    bad, good = (drafts.create(crm, TESTER, document()) for _ in range(2))
    for ident in (bad, good):
        service_of_recurring.start(crm, TESTER, ident, {"every": "day", "at": "13:00", "zone": "UTC"})
    failing(here, repeating, "make_child", lambda _crm, _session, campaign, *_: campaign == bad)
    move(crm, hours=1)
    do(crm, "crm_plugin.automations.recurring.jobs.look")
    assert [len(recurring.history(crm, TESTER, ident)) for ident in (bad, good)] == [0, 1]
    assert kept(crm) == {"automations.recurring": [(str(bad), "Bad")]}
