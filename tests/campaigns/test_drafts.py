"""Drafts: two writers, copies, deletion and its undo, times in zones that have names."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.document import local_time
from crm_plugin.campaigns.document.goals import renewed
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, NotFound
from crm_plugin.segments import service as segments
from tests.campaigns.fixtures import EVERYBODY, document, move_to, preflight, set_person, world
from tests.fakes.crm import NOW
from tests.fakes.host import staff

on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def test_the_second_of_two_writers_is_told(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    ident = drafts.create(crm, staff("ann"), document())
    seen = queries.get(crm, ident).revision
    anns, bobs = drafts.Form(seen, "tab of ann"), drafts.Form(seen, "tab of bob")
    drafts.update(crm, staff("ann"), ident, document(name="Ann"), anns)
    # A second save of the same form, sent before the answer to the first was there, is no conflict.
    first = drafts.update(crm, staff("ann"), ident, document(name="Ann's"), anns)
    with pytest.raises(Conflict, match="in the meantime"):
        drafts.update(crm, staff("bob"), ident, document(name="Bob's"), bobs)
    assert queries.get(crm, ident).name == "Ann's"
    # The same words again are no change, so nobody has to be told.
    assert drafts.update(crm, staff("bob"), ident, document(name="Ann's"), bobs) == first
    drafts.update(crm, staff("bob"), ident, document(name="Bob's"))
    assert queries.get(crm, ident).name == "Bob's"


def test_a_deleted_draft_is_nowhere_and_comes_back(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    ident = drafts.create(crm, staff("ann"), document())
    drafts.remove(crm, staff("ann"), ident)
    for change in (queries.get, preflight, lambda c, i: service.launch(c, staff("ann"), i)):
        with pytest.raises(NotFound):
            change(crm, ident)
    assert queries.listing(crm) == []
    assert [one.id for one in drafts.removed(crm, staff("ann"))] == [ident]
    assert drafts.removed(crm, replace(staff("bob"), scope=frozenset())) == []
    drafts.restore(crm, staff("ann"), ident)
    assert queries.get(crm, ident).name == "Hello"
    assert [one.campaign.id for one in queries.listing(crm)] == [ident]


@on_sqlite
def test_a_deleted_draft_is_swept_away_in_time(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    kept, gone = (drafts.create(crm, staff("ann"), document(name=name)) for name in ("kept", "gone"))
    drafts.remove(crm, staff("ann"), gone)
    assert drafts.sweep(crm) == 0
    move_to(crm, NOW + drafts.KEPT + timedelta(seconds=1))
    assert drafts.sweep(crm) == 1
    with pytest.raises(NotFound):
        drafts.restore(crm, staff("ann"), gone)
    assert queries.get(crm, kept).name == "kept"


@on_sqlite
def test_a_copy_has_all_but_the_times(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    policy = {"leave_out_days": 7, "expires_at": "2027-01-01T00:00:00+00:00"}
    told = document(policy=policy, holdout=0.1, at="2026-12-24T09:00", zone="Asia/Shanghai")
    first = drafts.create(crm, staff("ann"), told)
    second = queries.get(crm, drafts.copy(crm, staff("bob"), first, "Again"))
    assert (second.name, second.state, second.created_by) == ("Again", "draft", "bob")
    assert second.planned_at is None
    assert second.policy == {"leave_out_days": 7}
    assert (second.content, second.audience, second.holdout) == (
        *(queries.get(crm, first).content, queries.get(crm, first).audience),
        0.1,
    )


@on_sqlite
def test_a_time_is_meant_in_the_zone_that_is_named(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    ident = drafts.create(crm, staff("ann"), document(at="2026-12-24T09:00", zone="Asia/Kathmandu"))
    row = queries.get(crm, ident)
    assert row.planned_at == datetime(2026, 12, 24, 3, 15, tzinfo=UTC)
    assert drafts.update(crm, staff("ann"), ident, row.document()) == row.revision
    with pytest.raises(BadInput, match="no time zone"):
        drafts.create(crm, staff("ann"), document(zone="Middle/Earth"))
    with pytest.raises(BadInput, match="expected a time such as"):
        drafts.create(crm, staff("ann"), document(at="2026-12-24T09:00"))


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        ("Europe/Berlin", "2026-03-29T02:30", None),  # clocks are put forward at 02:00
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),  # shown twice: the first
        ("Pacific/Kiritimati", "2026-01-01T00:00", "2025-12-31T10:00"),
        ("Pacific/Pago_Pago", "2026-01-01T00:00", "2026-01-01T11:00"),
        ("Asia/Shanghai", "2028-02-29T09:00", "2028-02-29T01:00"),
        ("Asia/Shanghai", "2027-02-29T09:00", None),
    ],
)
def test_odd_hours(zone: str, text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(BadInput):
            local_time.instant(text, ZoneInfo(zone))
    else:
        assert local_time.instant(text, ZoneInfo(zone)) == datetime.fromisoformat(expected).replace(
            tzinfo=UTC
        )


@on_sqlite
def test_a_course_fills_in_its_title(database: Database, tmp_path: Path) -> None:
    from tests.web.fixtures import open_school

    crm = open_school(database, tmp_path).crm
    told = {"name": "x", "channel": "message", "audience": {"combinator": "and", "rules": []}}
    ident = drafts.create(crm, staff("ann"), {**told, "text": "{{ course_title }}", "course": "c1"})
    assert queries.get(crm, ident).content["variables"] == {"course_title": "Piano <b>one</b>"}
    other = {**told, "course": "c1", "variables": {"course_title": "Our piano course"}}
    assert (
        queries.get(crm, drafts.create(crm, staff("ann"), other)).content["variables"] == other["variables"]
    )


@on_sqlite
def test_a_named_level_fills_in_its_title(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    mail = {
        "name": "x",
        "channel": "email",
        "audience": EVERYBODY,
        "subject": "{{ level_title }}",
        "text": "-",
    }
    first = drafts.create(crm, staff("ann"), {**mail, "level": "Gold"})
    assert queries.get(crm, first).content["variables"] == {"level_title": "Gold"}
    own = {"variables": {"level_title": "our golden one"}}
    second = drafts.create(crm, staff("ann"), {**mail, "level": "Gold", **own})
    assert queries.get(crm, second).content["variables"] == own["variables"]


@on_sqlite
def test_people_whose_membership_lasts_longer_have_renewed_it(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=4)
    for number, days, level in ((1, 10, "Gold"), (2, 40, "Gold"), (3, 40, "Silver")):
        until = NOW + timedelta(days=days)
        set_person(crm, number, member_level=level, member_level_folded=level.lower(), member_until=until)
    set_person(crm, 4, member_level="Gold", member_level_folded="gold")  # for ever
    end = (NOW + timedelta(days=20)).isoformat()
    assert list(segments.ids(crm, renewed(end))) == ["p2", "p3", "p4"]
    assert list(segments.ids(crm, renewed(end, "Gold"))) == ["p2", "p4"]
