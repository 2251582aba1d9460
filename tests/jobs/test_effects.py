"""What each job does, called by the name under which a worker finds it.

A new job is a new function here: ``test_each_job_has_an_effect`` compares the two lists.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.automations import service as service_of_automations
from crm_plugin.automations.models import Automation
from crm_plugin.automations.recurring import queries as recurring
from crm_plugin.automations.recurring import service as service_of_recurring
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery import wakeups
from crm_plugin.campaigns.models import Campaign, Delivery, EarlyReport
from crm_plugin.channels.sms.carriers.pushes import Report
from crm_plugin.channels.sms.carriers.receipt_codes import REFUSING
from crm_plugin.channels.sms.carriers.template_submission import Verdict
from crm_plugin.channels.sms_templates import approval, editing
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.host.jobs import Jobs
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.jobs.daily import DailyRun
from crm_plugin.links import draft_link_check
from crm_plugin.links.measures import tally
from crm_plugin.links.models import Hit
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import make_links, signer
from crm_plugin.plugin import periodic_jobs, upkeep_jobs
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.school import Consent, Person, Signal, Suppression
from crm_plugin.profiles.store.recompute_queue import touch
from crm_plugin.profiles.sync import host_checks
from crm_plugin.profiles.sync.events import Sink
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import queries, service
from crm_plugin.segments.bulk import bulk_jobs, bulk_tagging, exports
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.models import Export, Tagging
from crm_plugin.segments.saved import quick_queries
from tests.automations.fixtures import HELLO, add_order, children_of, file, switched_on
from tests.automations.fixtures import school as school_of_automations
from tests.campaigns.fixtures import EVERYBODY, books_of, document, launched, rows, run, state, world
from tests.channels.sms.test_template_approval import EDITOR, KEYS, TEXT, TextReview
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import ALL
from tests.fakes.web import page, pages
from tests.jobs import effects_of_figures
from tests.jobs.effects import EFFECTS, PHONE, Here, do, move, of, one
from tests.web.fixtures import PEOPLE, open_school

MORE = (effects_of_figures,)
"""Each adds its effects to the list."""
pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
ANN = r.Actor("ann", "Ann", ALL)


@of("crm_plugin.profiles.jobs.sync_changes")
def changes_come_in(here: Here) -> None:
    school = open_school(here.database, here.folder)
    school.host.put(r.Person("late", display_name="Late"))
    do(school.crm, "crm_plugin.profiles.jobs.sync_changes")
    assert one(school.crm, sa.select(Person.display_name).where(Person.host_id == "late")) == "Late"


@of("crm_plugin.profiles.jobs.read_events")
def what_events_name_is_read(here: Here) -> None:
    school = open_school(here.database, here.folder)
    school.host.put(r.Person("p3", display_name="Renamed"), silent=True)
    Sink(school.crm).emit(r.HostEvent("persons", ["p3"]))
    do(school.crm, "crm_plugin.profiles.jobs.read_events")
    assert one(school.crm, sa.select(Person.display_name).where(Person.host_id == "p3")) == "Renamed"


@of("crm_plugin.profiles.jobs.compute_facts")
def facts_are_computed(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    ident = one(crm, sa.select(Person.id).where(Person.host_id == "p2"))
    with crm.db.begin() as session:
        session.execute(sa.update(Person).where(Person.id == ident).values(paid_count=77))
        touch(session, [ident])
    do(crm, "crm_plugin.profiles.jobs.compute_facts")
    assert one(crm, sa.select(Person.paid_count).where(Person.id == ident)) == 1


@of("crm_plugin.profiles.jobs.push_consents")
def opt_outs_are_told_to_the_school(here: Here) -> None:
    school = open_school(here.database, here.folder)
    crm = school.crm
    ident = one(crm, sa.select(Person.id).where(Person.host_id == "p2"))
    with crm.db.begin() as session:
        ledger.opt_out(crm, session, ident, "email", NOW, "page")
    do(crm, "crm_plugin.profiles.jobs.push_consents")
    assert [told[:3] for told in school.host.pushed] == [("p2", "email", "denied")]


@of("crm_plugin.profiles.jobs.check_school")
def the_school_is_asked_for_its_checks(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    do(crm, "crm_plugin.profiles.jobs.check_school")
    with crm.db.read() as session:
        asked_at, checks = host_checks.last(session)
    assert (asked_at, [check.detail for check in checks]) == (NOW, ["in memory", "every hook answers"])


@of("crm_plugin.profiles.jobs.daily")
def the_day_finds_what_a_silent_school_lost(here: Here) -> None:
    school = open_school(here.database, here.folder)
    school.host.remove("persons", "p3", silent=True)
    move(school.crm, days=1)
    do(school.crm, "crm_plugin.profiles.jobs.daily")
    sync(school.crm)
    assert one(school.crm, sa.select(Person.status).where(Person.host_id == "p3")) == "erased"


@of("crm_plugin.segments.jobs.refresh_counts")
def quick_queries_are_counted_and_shown_to_the_school(here: Here) -> None:
    school = open_school(here.database, here.folder)
    ident = quick_queries.save(school.crm, ANN, "All", EVERYBODY, pinned=True)
    do(school.crm, "crm_plugin.segments.jobs.refresh_counts")
    assert queries.get(school.crm, ident, ANN).count == PEOPLE
    assert [pin.count for pin in school.host.pins["ann"]] == [PEOPLE]


@of("crm_plugin.segments.jobs.make_exports")
def an_export_is_written(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    ident = exports.queue(crm, ANN, exports.Wanted(Part(EVERYBODY), ["name"], "csv"))
    do(crm, "crm_plugin.segments.jobs.make_exports")
    assert exports.file_of(crm, ANN, ident).read_text("utf-8-sig").count("\n") == PEOPLE + 1


@of("crm_plugin.segments.jobs.remove_exports")
def an_old_export_is_removed(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    ident = exports.queue(crm, ANN, exports.Wanted(Part(EVERYBODY), ["name"], "csv"))
    do(crm, "crm_plugin.segments.jobs.make_exports")
    file = exports.file_of(crm, ANN, ident)
    do(crm, "crm_plugin.segments.jobs.remove_exports")
    assert file.exists()
    move(crm, seconds=bulk_jobs.KEPT.total_seconds() + 1)
    do(crm, "crm_plugin.segments.jobs.remove_exports")
    assert not file.exists()
    assert one(crm, sa.select(sa.func.count()).select_from(Export)) == 0


def _tagging(here: Here) -> Crm:
    here.monkeypatch.setattr(bulk_tagging, "AT_ONCE", 1)
    crm = open_school(here.database, here.folder).crm
    bulk_tagging.request(crm, ANN, Part(EVERYBODY), "fair", put=True)
    do(crm, "crm_plugin.segments.jobs.tag_people")
    return crm


@of("crm_plugin.segments.jobs.tag_people")
def people_are_tagged(here: Here) -> None:
    crm = _tagging(here)
    rule = {"field": "crm_tags", "operator": "contains", "value": "fair"}
    assert service.count(crm, {"combinator": "and", "rules": [rule]}).count == PEOPLE


@of("crm_plugin.segments.jobs.forget_taggings")
def an_old_tagging_is_forgotten(here: Here) -> None:
    crm = _tagging(here)
    for days, left in ((0, 1), (bulk_jobs.KEPT.days + 1, 0)):
        move(crm, days=days)
        do(crm, "crm_plugin.segments.jobs.forget_taggings")
        assert one(crm, sa.select(sa.func.count()).select_from(Tagging)) == left


@of("crm_plugin.campaigns.jobs.freeze")
def the_audience_is_frozen(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    ident = launched(crm)
    do(crm, "crm_plugin.campaigns.jobs.freeze", ident)
    assert (state(crm, ident), len(rows(crm, ident))) == ("sending", 3)


@of("crm_plugin.campaigns.jobs.drain")
def a_campaign_is_sent(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    ident = launched(crm)
    do(crm, "crm_plugin.campaigns.jobs.freeze", ident)
    do(crm, "crm_plugin.campaigns.jobs.drain", ident)
    assert {row.state for row in rows(crm, ident).values()} == {"sent"}


@of("crm_plugin.campaigns.jobs.sweep")
def what_time_makes_due_begins_and_a_worker_is_woken(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    ident = launched(crm, at=(NOW + timedelta(hours=1)).isoformat())
    do(crm, "crm_plugin.campaigns.jobs.sweep")
    assert state(crm, ident) == "scheduled"
    move(crm, hours=1)
    woken: list[Any] = []
    here.monkeypatch.setattr(wakeups, "wake", lambda _crm, *about: woken.append(about))
    do(crm, "crm_plugin.campaigns.jobs.sweep")
    assert (state(crm, ident), woken) == ("freezing", [(ident, "freezing")])


@of("crm_plugin.automations.recurring.jobs.look")
def a_period_that_has_begun_has_its_child(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    ident = drafts.create(crm, ANN, document())
    service_of_recurring.start(crm, ANN, ident, {"every": "day", "at": "13:00", "zone": "UTC"})
    move(crm, hours=1)
    do(crm, "crm_plugin.automations.recurring.jobs.look")
    (period,) = recurring.history(crm, ANN, ident)
    assert (state(crm, period.child_id or 0), period.due_at) == ("scheduled", NOW + timedelta(hours=1))


@of("crm_plugin.automations.jobs.carry_on")
def a_cause_lets_somebody_in_and_their_message_is_made(here: Here) -> None:
    crm = school_of_automations(here.database, here.folder, people=1)
    ident = switched_on(crm, steps=[HELLO])
    add_order(crm, 1, 1)
    do(crm, "crm_plugin.automations.jobs.carry_on")
    assert [one.state for one in children_of(crm, ident)] == ["freezing"]


@of("crm_plugin.automations.jobs.tidy")
def an_automation_deleted_long_ago_is_gone(here: Here) -> None:
    crm = school_of_automations(here.database, here.folder)
    ident = service_of_automations.create(crm, ANN, file())
    service_of_automations.remove(crm, ANN, ident)
    move(crm, days=31)
    do(crm, "crm_plugin.automations.jobs.tidy")
    assert one(crm, sa.select(sa.func.count()).select_from(Automation)) == 0


@of("crm_plugin.campaigns.jobs.attend")
def a_campaign_is_frozen_and_sent_without_a_queue(here: Here) -> None:
    crm = world(here.database, here.folder, people=3)
    ident = launched(crm)
    for _ in range(2):
        do(crm, "crm_plugin.campaigns.jobs.attend")
    assert state(crm, ident) == "finished"


@of("crm_plugin.campaigns.jobs.look_at_bounces")
def an_address_refused_at_once_is_stopped(here: Here) -> None:
    crm = world(here.database, here.folder, people=1)
    launched(crm, {"name": "x", "channel": "email", "audience": EVERYBODY, "subject": "x", "text": "x"})
    run(crm)
    refused = {"state": "failed_permanent", "reason": "smtp_550_5.1.1"}
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).values(refused))
    do(crm, "crm_plugin.campaigns.jobs.look_at_bounces")
    assert one(crm, sa.select(Suppression.address_key)) == "p1@example.org"


@of("crm_plugin.campaigns.jobs.look_at_refusals")
def a_number_that_the_carrier_blocks_is_opted_out(here: Here) -> None:
    crm = world(here.database, here.folder, people=1)
    launched(crm)
    run(crm)
    refused = {"state": "failed_permanent", "reason": f"{REFUSING[0]}:21610"}
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).values(refused))
    do(crm, "crm_plugin.campaigns.jobs.look_at_refusals")
    assert one(crm, sa.select(Consent.state).where(Consent.channel == "sms")) == "denied"


@of("crm_plugin.campaigns.jobs.ask")
def the_carrier_is_asked_what_became_of_a_message(here: Here) -> None:
    crm = world(here.database, here.folder, people=1)
    ident = launched(crm)
    run(crm)
    answer = lambda ref, _sent_at: Report(ref, "delivered")  # noqa: E731
    here.monkeypatch.setattr(books_of(crm), "ask", answer, raising=False)
    do(crm, "crm_plugin.campaigns.jobs.ask")
    assert rows(crm, ident)[1].state == "sent", "too early"
    move(crm, hours=1)
    do(crm, "crm_plugin.campaigns.jobs.ask")
    assert rows(crm, ident)[1].state == "delivered"


@of("crm_plugin.campaigns.jobs.tidy")
def old_drafts_and_lost_reports_are_forgotten(here: Here) -> None:
    crm = world(here.database, here.folder, people=1)
    draft = launched(crm)
    with crm.db.begin() as session:
        session.execute(sa.update(Campaign).where(Campaign.id == draft).values(state="draft", removed_at=NOW))
        session.add(EarlyReport(carrier="books", carrier_ref="lost", state="delivered", at=NOW))
    for days, left in ((29, 1), (3, 0)):
        move(crm, days=days)
        do(crm, "crm_plugin.campaigns.jobs.tidy")
        assert one(crm, sa.select(sa.func.count()).select_from(EarlyReport)) == left
    assert one(crm, sa.select(sa.func.count()).select_from(Campaign)) == 0


@of("crm_plugin.channels.jobs.ask_templates")
def the_carrier_is_asked_about_templates(here: Here) -> None:
    crm = make_crm(here.database, sms_carrier="aliyun", **KEYS)
    text_review = TextReview("SMS_1", [Verdict("SMS_1", "approved")])
    here.monkeypatch.setattr(approval, "text_review_of", lambda crm: text_review)
    key = editing.create(crm, EDITOR, TEXT)
    approval.submit(crm, EDITOR, key)
    do(crm, "crm_plugin.channels.jobs.ask_templates")
    with crm.db.read() as session:
        assert approval.newest(crm, session, key).state == "approved"


@of("crm_plugin.links.jobs.collect")
def clicks_in_the_spool_are_judged_and_counted(here: Here) -> None:
    crm = make_crm(here.database, instance=str(here.folder))
    with crm.db.begin() as session:
        (link,) = make_links(session, 1, ["https://a.example/"], NOW)
    Redirector(crm).answer(signer(crm).code(link, 0), "GET", {"user-agent": PHONE}, "192.0.2.7")
    do(crm, "crm_plugin.links.jobs.collect")
    with crm.db.read() as session:
        assert (tally(session, 1).hits, tally(session, 1).human_hits) == (1, 1)


@of("crm_plugin.links.jobs.look")
def the_links_of_drafts_are_looked_at(here: Here) -> None:
    crm, url = make_crm(here.database, public_url="http://school.example"), "http://school.example/x"
    draft_link_check.ask(crm, [url])
    with pages({url: page(404)}):
        do(crm, "crm_plugin.links.jobs.look")
    assert draft_link_check.known(crm, [url])[url].good is False


@of("crm_plugin.links.jobs.confirm")
def a_visit_confirms_a_click(here: Here) -> None:
    crm = make_crm(here.database)
    row = {"spool": "s", "spool_offset": 1, "link_id": 1, "campaign_id": 1, "delivery_id": 1, "person_id": 1}
    with crm.db.begin() as session:
        session.add(Hit(**row, at=NOW, method="GET", agent="P", network="n", kind="human", marks={}))
        session.add(Signal(host_id="s", row_hash="", person_id=1, kind="view", at=NOW + timedelta(minutes=1)))
    do(crm, "crm_plugin.links.jobs.confirm")
    assert one(crm, sa.select(Hit.kind)) == "confirmed"


@of("crm_plugin.plugin.daily_tick")
def the_work_of_the_day_is_done(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    do(crm, "crm_plugin.plugin.daily_tick")
    with crm.db.read() as session:
        done = set(session.scalars(sa.select(DailyRun.job).where(DailyRun.finished_at.is_not(None))))
    assert done == {job for jobs in crm.contributed(Jobs) for job in jobs.daily}


@pytest.mark.parametrize("job", EFFECTS)
def test_the_effect_of(job: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    EFFECTS[job](Here(database, tmp_path, monkeypatch))


def test_each_job_has_an_effect(database: Database) -> None:
    crm = make_crm(database)
    daily = {job for jobs in crm.contributed(Jobs) for job in jobs.daily}
    woken = {"crm_plugin.campaigns.jobs.freeze", "crm_plugin.campaigns.jobs.drain"}
    repeated = {job for job, _ in (*periodic_jobs(crm), *upkeep_jobs(crm))}
    assert repeated | daily | woken == set(EFFECTS)
