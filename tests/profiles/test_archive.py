"""What pages, exports and erasure show and leave of a person."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, NotFound
from crm_plugin.profiles.extension import Window
from crm_plugin.profiles.jobs import burst
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.people import queries
from crm_plugin.profiles.people.archive import archive
from crm_plugin.profiles.people.timeline import timeline
from crm_plugin.profiles.privacy.requests import export, forget
from crm_plugin.profiles.store.masking import mask_email, mask_phone, mask_username
from crm_plugin.profiles.sync.events import FOLDER, Sink, emit, read_events
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import NOW, MakeCrm, clock_of, count

ADA = r.Person(
    "ada",
    display_name="Ada",
    username="13800138000",
    email="ada@school.example",
    phone="13800138000",
    tags=("vip",),
    attributes={"source": "fair"},
    consents=(r.Consent("sms", True, source="form"),),
)
ORDER = r.Order(
    "o1",
    "ada",
    "paid",
    Decimal("9.99"),
    "CNY",
    paid_at=NOW,
    lines=(r.OrderLine("course", "c1", Decimal("9.99")),),
)


def school() -> FakeHost:
    return FakeHost(
        r.Course("c1", "Python 100%", tags=("python",)),
        r.Course("c2", "Painting"),
        r.Course("k1", "Class of python", kind="class"),
        ADA,
        r.Person("bob", email="bob@school.example"),
        r.Enrolment("e1", "ada", "c1", enrolled_at=NOW),
        ORDER,
        r.Signal("s1", "ada", "view", NOW, "c1", count=3),
    )


def id_of(crm: Crm, host_id: str) -> int:
    with crm.db.read() as session:
        return queries.person_id_of(session, host_id)


def test_contacts_are_masked_unless_asked_for(make_crm: MakeCrm) -> None:
    crm = make_crm(school())
    sync(crm)
    ada = id_of(crm, "ada")
    with crm.db.read() as session:
        masked, clear = (queries.people(session, [10**9, ada], contacts=shown)[0] for shown in (False, True))
    assert (masked.email, masked.phone, masked.username) == ("a***@school.example", "***00", "***00")
    assert (clear.email, clear.phone, clear.username) == ("ada@school.example", "13800138000", "13800138000")
    assert (masked.has_email, masked.has_phone, masked.paid_total) == (True, True, Decimal("9.99"))


def test_masks() -> None:
    assert mask_email("nonsense") == "***"
    assert mask_phone("123") == "***"
    assert (mask_phone(None), mask_email(None), mask_username(None, None, None)) == (None, None, None)
    assert mask_username("ada", "ada@x.example", None) == "ada"
    assert mask_username("ada@x.example", None, None) == "a***@x.example"


def test_courses_are_found_by_title(make_crm: MakeCrm) -> None:
    crm = make_crm(school())
    sync(crm)
    with crm.db.read() as session:
        assert [row.host_id for row in queries.search_courses(session, "PYTHON")] == ["c1", "k1"]
        assert [row.host_id for row in queries.search_courses(session, "100%")] == ["c1"]
        assert [row.host_id for row in queries.search_courses(session, "%")] == ["c1"]
        assert [row.host_id for row in queries.search_courses(session, "c2")] == ["c2"]
        assert [row.host_id for row in queries.search_courses(session, kind="class")] == ["k1"]
        assert set(queries.courses_by_host_id(session, ["c2", "gone"])) == {"c2"}


def test_an_archive_shows_what_is_held(make_crm: MakeCrm) -> None:
    crm = make_crm(school())
    sync(crm)
    with crm.db.read() as session:
        found = archive(session, id_of(crm, "ada"), NOW)
        moments = timeline(crm, session, id_of(crm, "ada"), Window(50)).moments
        with pytest.raises(NotFound):
            archive(session, 10**9, NOW)
    assert (found.tags, found.roles, found.attributes) == (["vip"], ["learner"], {"source": "fair"})
    assert [(tag, set(reasons)) for tag, _, reasons in found.interests] == [
        ("python", {"view", "enrolled", "bought"})
    ]
    assert [(seat.course, seat.state) for seat in found.seats] == [("Python 100%", "active")]
    assert [(order.amount, order.titles) for order in found.purchases] == [(Decimal("9.99"), ["Python 100%"])]
    assert [(channel.channel, channel.has_address, channel.consent) for channel in found.channels] == [
        ("sms", True, "granted"),
        ("email", True, "unknown"),
        ("message", True, "unknown"),
    ]
    assert sorted(moment.kind for moment in moments) == ["enrolled", "paid", "view"]


def test_seats_are_shown_as_they_are_now(make_crm: MakeCrm) -> None:
    host = school()
    host.put(r.Enrolment("e2", "ada", "c2", expires_at=NOW, enrolled_at=NOW - timedelta(days=9)))
    host.put(r.Enrolment("e3", "ada", "k1", starts_at=NOW + timedelta(days=1)))
    crm = make_crm(host)
    sync(crm)
    with crm.db.read() as session:
        found = archive(session, id_of(crm, "ada"), NOW).seats
        before = archive(session, id_of(crm, "ada"), NOW - timedelta(seconds=1)).seats
        moments = timeline(crm, session, id_of(crm, "ada"), Window(50), only=["learning"]).moments
    assert {one.course_host_id: (one.state, one.end_kind, one.ended_at) for one in found} == {
        "c1": ("active", None, None),
        "c2": ("ended", "expired", NOW),
        "k1": ("upcoming", None, None),
    }
    assert {one.course_host_id: one.state for one in before} == {
        "c1": "active",
        "c2": "active",
        "k1": "upcoming",
    }
    assert sorted((one.kind, one.title) for one in moments if one.at == NOW) == [
        ("ended", "Painting"),
        ("enrolled", "Python 100%"),
    ]


def test_a_forgotten_person_never_comes_back(make_crm: MakeCrm) -> None:
    host = school()
    crm = make_crm(host)
    sync(crm)
    ada = id_of(crm, "ada")
    forget(crm, ada, "admin")
    with pytest.raises(NotFound):
        forget(crm, 10**9)
    host.put(ADA, r.Enrolment("e2", "ada", "c1"))
    sync(crm)
    sync(crm, full=True)
    held = json.dumps(export(crm, ada))
    assert not any(secret in held for secret in ("ada", "Ada", "13800138000", "vip", "fair"))
    assert count(crm, m.Person, m.Person.host_id == "ada") == 0
    assert count(crm, m.Enrolment) == count(crm, m.Signal) == count(crm, m.Interest) == 0
    with crm.db.read() as session:
        assert session.execute(sa.select(m.Order.person_id, m.Order.amount)).all() == [
            (None, Decimal("9.99"))
        ]


def test_whom_the_school_erased_is_forgotten(make_crm: MakeCrm) -> None:
    host = school()
    crm = make_crm(host)
    sync(crm)
    host.put(r.Person("ada", status="erased"))
    sync(crm)
    assert count(crm, m.Person, m.Person.display_name == "Ada") == 0
    assert count(crm, m.Forgotten) == 1


def test_an_export_holds_everything_and_is_json(make_crm: MakeCrm) -> None:
    crm = make_crm(school())
    sync(crm)
    document = json.loads(json.dumps(export(crm, id_of(crm, "ada"))))
    assert document["person"]["email"] == "ada@school.example"
    assert Decimal(document["orders"][0]["amount"]) == Decimal("9.99")
    assert document["consent_ledger"][0]["source"] == "form"
    assert {name for name, rows in document.items() if rows} >= {
        "tags",
        "attributes",
        "signals",
        "enrolments",
    }


def test_an_event_is_spooled_and_its_rows_read_again(make_crm: MakeCrm) -> None:
    host = school()
    crm = make_crm(host)
    sync(crm)
    host.put(r.Person("bob", display_name="Robert"), silent=True)
    host.remove("signals", "s1", silent=True)
    sink = Sink(crm)
    sink.emit(r.HostEvent("persons", ["bob", "bob"]))
    sink.emit(r.HostEvent("signals", ["s1", "never"]))
    sink.emit(r.HostEvent("nonsense", ["x"]))
    host.fail("host_fetch")
    assert read_events(crm) == 0
    host.heal()
    clock_of(crm).move(minutes=1)
    assert read_events(crm) == 2, "what names no stream is left out"
    assert count(crm, m.Person, m.Person.display_name == "Robert") == 1
    assert count(crm, m.Signal) == 0
    burst(crm)
    assert not burst(crm)


def test_emitting_never_raises(make_crm: MakeCrm, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    crm = make_crm(school())
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    emit(crm, r.HostEvent("persons", ["bob"]))
    assert "could not be spooled" in caplog.text


def test_an_order_without_lines_is_told_to_who_sees_the_whole_school(make_crm: MakeCrm) -> None:
    host = school()
    host.put(r.Order("bare", "ada", "paid", Decimal(5), "CNY", paid_at=NOW - timedelta(days=1)))
    crm = make_crm(host)
    sync(crm)
    ada = id_of(crm, "ada")
    with crm.db.read() as session:
        for scope, amounts in ((None, [Decimal("9.99"), Decimal(5)]), (frozenset({"c1"}), [Decimal("9.99")])):
            found = timeline(crm, session, ada, Window(50, scope=scope), only=("purchases",)).moments
            assert [moment.details["amount"] for moment in found] == amounts
        bare = timeline(crm, session, ada, Window(50), only=("purchases",)).moments[1]
    assert bare.title == ""


@pytest.mark.parametrize(
    "place",
    [
        "x",
        "2026-11-15~0",
        "2026-11-15T12:00:00+00:00~-1",
        "2026-11-15T12:00:00+00:00~10001",
        "2026-11-15T12:00:00+00:00",
        "~",
    ],
)
def test_a_place_that_no_page_gave_is_refused(make_crm: MakeCrm, place: str) -> None:
    crm = make_crm(school())
    sync(crm)
    with crm.db.read() as session, pytest.raises(BadInput) as refused:
        timeline(crm, session, id_of(crm, "ada"), Window(5), after=place)
    assert (refused.value.code, refused.value.place) == ("input.bad", "after")
