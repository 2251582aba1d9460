"""Bad items among the school's data, quick queries, exports and tags."""

from typing import Any

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.models.streams import HostEventRow, Quarantined
from crm_plugin.profiles.store.mapping import spelled
from crm_plugin.profiles.store.recompute_queue import touch, touch_all
from crm_plugin.profiles.sync import daily, host_checks, named_rows, respelling, service, write_page
from crm_plugin.profiles.sync.events import Sink
from crm_plugin.segments import queries
from crm_plugin.segments.bulk import bulk_tagging, exports
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.saved import home_pins, quick_queries
from tests.attacks.poison import Bad, asked, failing, in_job, kept
from tests.campaigns.fixtures import EVERYBODY
from tests.fakes.crm import NOW
from tests.fakes.host import ALL, staff
from tests.jobs.effects import Here, do, move, one
from tests.web.fixtures import open_school

ANN = r.Actor("ann", "Ann", ALL)


@in_job("profiles.jobs.sync_changes")
def a_row_that_cannot_be_written(here: Here) -> None:
    school = open_school(here.database, here.folder)
    apply = write_page.apply
    failing(here, write_page, "apply", lambda _batch, _stream, rows, *_args, **_more: _has(rows, "bad"))
    school.host.put(*(r.Person(name, display_name=name) for name in ("good", "bad", "fine", "well")))
    do(school.crm, "crm_plugin.profiles.jobs.sync_changes")
    names = sa.select(Person.host_id).where(Person.host_id.in_(["good", "bad", "fine", "well"]))
    with school.crm.db.read() as session:
        assert set(session.scalars(names)) == {"good", "fine", "well"}
    assert one(school.crm, sa.select(Quarantined.reason)) == "cannot be written: Bad"
    assert kept(school.crm) == {}, "it stands with the rows that were set aside"
    here.monkeypatch.setattr(write_page, "apply", apply)


def _has(rows: Any, host_id: str) -> bool:
    return any(row.id == host_id for row in rows)


@in_job("profiles.jobs.sync_changes")
def a_stream_that_fails(here: Here) -> None:
    school = open_school(here.database, here.folder)
    failing(here, service, "_advance", lambda visit, _full: visit.stream == "courses")
    school.host.put(r.Person("good", display_name="good"))
    do(school.crm, "crm_plugin.profiles.jobs.sync_changes")
    assert one(school.crm, sa.select(Person.id).where(Person.host_id == "good"))
    assert kept(school.crm) == {"profiles.streams": [("courses", "Bad")]}


@in_job("profiles.jobs.sync_changes")
def a_stored_row_that_cannot_be_spelled(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    bad, good = _person(crm, "p2"), _person(crm, "p4")

    def spell(row: Any, region: str | None) -> dict[str, Any]:
        if row.id == bad:
            raise Bad
        return {**spelled(row, region), "display_name": "respelled"}

    here.monkeypatch.setattr(respelling, "RULES", respelling.RULES + 1)
    here.monkeypatch.setattr(respelling, "STEPS", (respelling.Step(Person, "id", spell),))
    do(crm, "crm_plugin.profiles.jobs.sync_changes")
    with crm.db.read() as session:
        names = dict(session.execute(sa.select(Person.id, Person.display_name)).all())
    assert (names[bad] == "respelled", names[good]) == (False, "respelled")


@in_job("profiles.jobs.daily")
def a_stream_that_cannot_be_looked_at(here: Here) -> None:
    school = open_school(here.database, here.folder)
    failing(here, daily, "_is_old", lambda _crm, row: row.stream == "courses")
    move(school.crm, days=8)
    do(school.crm, "crm_plugin.profiles.jobs.daily")
    assert kept(school.crm) == {"profiles.streams": [("courses", "Bad")]}


@in_job("profiles.jobs.read_events")
def an_event_that_cannot_be_read(here: Here) -> None:
    school = open_school(here.database, here.folder)
    failing(here, named_rows, "read_again", lambda _visit, ids, **_values: "p3" in ids)
    for name in ("p2", "p3", "p4"):
        school.host.put(r.Person(name, display_name=f"Renamed {name}"), silent=True)
        Sink(school.crm).emit(r.HostEvent("persons", [name]))
    do(school.crm, "crm_plugin.profiles.jobs.read_events")
    renamed = sa.select(Person.host_id).where(Person.display_name.startswith("Renamed"))
    with school.crm.db.read() as session:
        assert set(session.scalars(renamed)) == {"p2", "p4"}
    assert [reason for _, reason in kept(school.crm)["profiles.events"]] == ["Bad"]
    assert one(school.crm, sa.select(sa.func.count()).select_from(HostEventRow)) == 0, "it holds nobody up"


@in_job("profiles.jobs.read_events")
def an_event_that_cannot_be_stored(here: Here) -> None:
    school = open_school(here.database, here.folder)
    school.host.put(r.Person("p2", display_name="Renamed"), silent=True)
    Sink(school.crm).emit(r.HostEvent("persons", ["a\0b", "\ud800", "p2"]))
    do(school.crm, "crm_plugin.profiles.jobs.read_events")
    assert one(school.crm, sa.select(Person.display_name).where(Person.host_id == "p2")) == "Renamed"


@in_job("profiles.jobs.compute_facts")
def a_person_whose_facts_cannot_be_computed(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    people = {name: _person(crm, name) for name in ("p2", "p4", "p6")}
    failing(here, compute, "compute", lambda _crm, _session, ids, *_: people["p4"] in ids)
    for touched in (lambda session: touch(session, people.values()), touch_all):
        with crm.db.begin() as session:
            session.execute(sa.update(Person).values(paid_count=77))
            touched(session)
        do(crm, "crm_plugin.profiles.jobs.compute_facts")
        counts = {
            name: one(crm, sa.select(Person.paid_count).where(Person.id == people[name])) for name in people
        }
        assert counts == {"p2": 1, "p4": 77, "p6": 1}
        assert kept(crm) == {"profiles.facts": [(str(people["p4"]), "Bad")]}


def _person(crm: Crm, host_id: str) -> int:
    return int(one(crm, sa.select(Person.id).where(Person.host_id == host_id)))


@in_job("profiles.jobs.push_consents")
def an_answer_that_the_school_cannot_take(here: Here) -> None:
    school = open_school(here.database, here.folder)
    crm = school.crm
    failing(here, school.host, "_answer", asked("host_push_consent", "p2"))
    for name in ("p2", "p4"):
        with crm.db.begin() as session:
            ledger.opt_out(crm, session, _person(crm, name), "email", NOW, "page")
    do(crm, "crm_plugin.profiles.jobs.push_consents")
    assert [reason for _, reason in kept(crm)["profiles.consents"]] == ["host.failed"]
    move(crm, seconds=10)  # the hook that failed is left alone for five
    do(crm, "crm_plugin.profiles.jobs.push_consents")
    assert [told[0] for told in school.host.pushed] == ["p2", "p4"]
    do(crm, "crm_plugin.profiles.jobs.push_consents")
    assert len(school.host.pushed) == 2, "the one is left alone, the other is done"


@in_job("profiles.jobs.check_school")
def a_check_that_is_none(here: Here) -> None:
    school = open_school(here.database, here.folder)
    school.host.garbage("host_check", [("one", True, "a\0\ud800"), 7, ("two", True, "good")])
    do(school.crm, "crm_plugin.profiles.jobs.check_school")
    with school.crm.db.read() as session:
        _, checks = host_checks.last(session)
    assert [(check.name, check.ok) for check in checks[:3]] == [("one", True), ("host", False), ("two", True)]
    assert school.get("/health").status_code == 200


# Quick queries, exports, tags


@in_job("segments.jobs.refresh_counts")
def a_query_that_cannot_be_counted(here: Here) -> None:
    school = open_school(here.database, here.folder)
    crm = school.crm
    bad, good = (quick_queries.save(crm, ANN, name, EVERYBODY, pinned=True) for name in ("bad", "good"))
    failing(here, quick_queries, "_count", lambda _crm, _now, one: one.id == bad)
    do(crm, "crm_plugin.segments.jobs.refresh_counts")
    counts = {query.id: query.count for query in queries.list_for(crm, ANN)}
    assert (counts[bad], counts[good]) == (None, 12)
    assert kept(crm) == {"segments.counts": [(str(bad), "Bad")]}


@in_job("segments.jobs.refresh_counts")
def pins_that_the_school_cannot_take(here: Here) -> None:
    school = open_school(here.database, here.folder)
    for owner in ("ann", "ben"):
        quick_queries.save(school.crm, staff(owner), "mine", EVERYBODY, pinned=True)
    failing(here, school.host, "_answer", asked("host_publish_pins", "ann"))
    do(school.crm, "crm_plugin.segments.jobs.refresh_counts")
    move(school.crm, seconds=10)
    do(school.crm, "crm_plugin.segments.jobs.refresh_counts")
    assert quick_queries.refresh_counts(school.crm) == 0
    assert kept(school.crm) == {"segments.pins": [("ann", "host.failed")]}
    assert home_pins.publish(school.crm) == 0, "ben has his"


@in_job("segments.jobs.make_exports")
def an_export_that_cannot_be_written(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    wanted = exports.Wanted(Part(EVERYBODY), ["name"], "csv")
    bad, good = exports.queue(crm, ANN, wanted), exports.queue(crm, ANN, wanted)
    failing(here, exports, "_make_csv", lambda _crm, row, *_: row.id == bad)
    do(crm, "crm_plugin.segments.jobs.make_exports")
    shown = {row.id: (row.state, row.problem) for row in exports.listed(crm, ANN)}
    assert shown == {bad: ("failed", "segment.gave_up"), good: ("done", "")}
    assert kept(crm) == {"segments.exports": [(str(bad), "Bad")]}


@in_job("segments.jobs.remove_exports")
def a_file_that_cannot_be_removed(here: Here) -> None:
    crm = open_school(here.database, here.folder).crm
    folder = crm.instance / "exports"
    (folder / "7-folder").mkdir(parents=True)
    (folder / "8-file").touch()
    do(crm, "crm_plugin.segments.jobs.remove_exports")
    assert [path.name for path in folder.iterdir()] == ["7-folder"]
    assert [item for item, _ in kept(crm)["segments.files"]] == ["7-folder"]


@in_job("segments.jobs.tag_people")
def a_tagging_that_fails(here: Here) -> None:
    here.monkeypatch.setattr(bulk_tagging, "AT_ONCE", 1)
    crm = open_school(here.database, here.folder).crm
    bad, _good = (bulk_tagging.request(crm, ANN, Part(EVERYBODY), tag, put=True) for tag in ("bad", "good"))
    failing(here, bulk_tagging, "_portion", lambda _crm, _actor, change, _ids: change.tag.value == "bad")
    do(crm, "crm_plugin.segments.jobs.tag_people")
    assert {row.tag: row.state for row in bulk_tagging.listed(crm, ANN)} == {"bad": "failed", "good": "done"}
    assert kept(crm) == {"segments.tags": [(str(bad), "Bad")]}
