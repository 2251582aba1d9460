"""The school's data come in whole, once, and go on from where they stood."""

from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models import streams as sm
from crm_plugin.profiles.sync.service import Progress, sync
from tests.fakes.host import FakeHost, host_info
from tests.profiles.conftest import NOW, MakeCrm, clock_of

COURSES = (
    r.Course("c1", "Python", tags=("python", "Code"), category=("IT", "Beginners"), teacher_ids=("t1",)),
    r.Course("c1-copy", "Python in class", parent_id="c1"),
    r.Course("k1", "Class one", kind="class", course_ids=("c1-copy",)),
)
PEOPLE = (
    r.Person("p1", display_name="Ada Ａ", email="Ada@School.example", phone="13800138000", tags=("vip",)),
    r.Person("p2", display_name="王芳", phone="13800138001", attributes={"source": "Ad", "vip": True}),
    r.Person("t1", display_name="Teacher", roles=("teacher",)),
)


def small_school() -> FakeHost:
    """A school with two learners, a teacher and a bit of everything."""
    return FakeHost(
        *COURSES,
        *PEOPLE,
        r.Enrolment("e1", "p1", "c1-copy", enrolled_at=NOW - timedelta(days=9)),
        r.Order(
            "o1",
            "p1",
            "paid",
            Decimal("99.50"),
            "CNY",
            paid_at=NOW - timedelta(days=9),
            lines=(r.OrderLine("course", "c1", Decimal("99.50")),),
        ),
        r.Signal("s1", "p2", "favourite", NOW - timedelta(days=1), "c1"),
    )


def rows(crm: Crm, *columns: object) -> list[tuple[object, ...]]:
    """Return the rows of these columns, ordered."""
    with crm.db.read() as session:
        return [tuple(row) for row in session.execute(sa.select(*columns).order_by(*columns))]  # type: ignore[call-overload]


def test_a_round_brings_everything_in(make_crm: MakeCrm) -> None:
    crm = make_crm(small_school())
    seen: list[Progress] = []
    result = sync(crm, progress=seen.append)
    assert result.complete
    assert set(result.states) == set(r.STREAMS)
    assert Progress("persons", 3, 3, "scanning") in seen
    assert rows(crm, m.Person.host_id, m.Person.email_key, m.Person.phone_key, m.Person.is_staff) == [
        ("p1", "ada@school.example", "+8613800138000", False),
        ("p2", None, "+8613800138001", False),
        ("t1", None, None, True),
    ]
    assert rows(crm, m.PersonTag.kind, m.PersonTag.folded)[-1] == ("tag", "vip")
    assert rows(crm, m.PersonAttribute.name, m.PersonAttribute.value) == [("source", "Ad"), ("vip", "true")]
    assert rows(crm, m.CourseLabel.kind, m.CourseLabel.folded) == [
        ("category", "beginners"),
        ("category", "it"),
        ("tag", "code"),
        ("tag", "python"),
    ]
    assert rows(crm, m.Person.host_id, m.Person.paid_count, m.Person.paid_total)[0] == (
        "p1",
        1,
        Decimal("99.5"),
    )
    assert rows(crm, m.Interest.tag, m.Interest.folded)[0] == ("Code", "code")


def test_a_copy_folds_into_its_course(make_crm: MakeCrm) -> None:
    host = small_school()
    crm = make_crm(host)
    sync(crm)
    root = sa.select(m.Course.host_id).where(m.Course.id == m.Enrolment.root_id).scalar_subquery()
    assert rows(crm, root) == [("c1",)]
    # The course turns out to be a copy of another, which comes later.
    host.put(r.Course("c1", "Python", parent_id="c0"))
    sync(crm)
    assert rows(crm, root) == [("c1",)]
    host.put(r.Course("c0", "Programming"))
    sync(crm)
    assert rows(crm, root) == [("c0",)]
    line = sa.select(m.Course.host_id).where(m.Course.id == m.OrderLine.root_id).scalar_subquery()
    assert rows(crm, line) == [("c0",)]


def test_a_repeated_row_costs_nothing(make_crm: MakeCrm) -> None:
    host = small_school()
    crm = make_crm(host)
    sync(crm)
    host.put(*PEOPLE, *COURSES)
    assert sync(crm).changed == 0
    assert sync(crm, full=True).changed == 0
    assert sync(crm).facts == 0


def test_a_change_touches_only_its_people(make_crm: MakeCrm) -> None:
    host = small_school()
    crm = make_crm(host)
    sync(crm)
    host.put(r.Signal("s2", "p2", "learn", NOW - timedelta(hours=1), "c1"))
    result = sync(crm)
    assert (result.changed, result.facts) == (1, 1)
    assert rows(crm, m.Person.host_id, m.Person.last_active_at)[1] == ("p2", NOW - timedelta(hours=1))


def test_what_waits_is_fetched_and_written(make_crm: MakeCrm) -> None:
    host = small_school()
    crm = make_crm(host)
    sync(crm)
    host.put(r.Person("late"), r.Course("new", "New"), silent=True)
    host.put(r.Enrolment("e2", "late", "new"), r.Signal("s9", "nobody", "view", NOW))
    result = sync(crm)
    assert result.complete
    assert ("e2",) in rows(crm, m.Enrolment.host_id)
    assert rows(crm, sm.Parked.host_id) == [("s9",)]
    fetched = host.called("host_fetch")
    sync(crm)
    assert host.called("host_fetch") == fetched
    host.put(r.Person("nobody"))
    sync(crm)
    assert rows(crm, sm.Parked.host_id) == []
    assert ("s9",) in rows(crm, m.Signal.host_id)


def test_a_seat_that_vanishes_after_it_ran_out_was_not_removed(make_crm: MakeCrm) -> None:
    host = small_school()
    over = NOW - timedelta(days=1)
    host.put(r.Enrolment("e2", "p1", "c1", expires_at=over))
    crm = make_crm(host)
    sync(crm)
    host.remove("enrolments", "e1", silent=True)
    host.remove("enrolments", "e2", silent=True)
    sync(crm, full=True)
    assert set(rows(crm, m.Enrolment.state, m.Enrolment.end_kind, m.Enrolment.ended_at)) == {
        ("ended", "removed", NOW),
        ("ended", "expired", over),
    }


def test_what_a_scan_does_not_see_is_ended(make_crm: MakeCrm) -> None:
    host = small_school()
    crm = make_crm(host)
    sync(crm)
    host.remove("enrolments", "e1", silent=True)
    host.remove("orders", "o1", silent=True)
    host.remove("persons", "p2", silent=True)
    host.remove("courses", "k1", silent=True)
    sync(crm)
    assert rows(crm, m.Enrolment.state) == [("active",)]
    sync(crm, full=True)
    assert rows(crm, m.Enrolment.state, m.Enrolment.end_kind) == [("ended", "removed")]
    assert rows(crm, m.Order.id) == rows(crm, m.OrderLine.order_id) == []
    assert rows(crm, m.Person.host_id, m.Person.paid_count)[0] == ("p1", 0)
    assert rows(crm, m.Person.host_id, m.Person.status, m.Person.phone)[1] == ("p2", "erased", None)
    assert ("k1", True) in rows(crm, m.Course.host_id, m.Course.gone)
    host.put(*PEOPLE, *COURSES, r.Enrolment("e1", "p1", "c1-copy"))
    sync(crm)
    assert rows(crm, m.Enrolment.state) == [("active",)]
    assert rows(crm, m.Person.host_id, m.Person.phone_key)[1] == ("p2", "+8613800138001")
    assert ("k1", False) in rows(crm, m.Course.host_id, m.Course.gone)
    assert rows(crm, sm.Seen.host_id) == []


def test_a_lost_mark_means_a_full_scan(make_crm: MakeCrm) -> None:
    host = small_school()
    crm = make_crm(host)
    sync(crm)
    host.put(r.Person("p3"), silent=True)
    host.forget_changes("persons")
    assert sync(crm).complete
    assert ("p3",) in rows(crm, m.Person.host_id)


def test_a_stream_without_changes_is_scanned_again_by_the_hour(make_crm: MakeCrm) -> None:
    host = small_school()
    host.info = host_info(capabilities=("changes.persons", "changes.courses", "changes.enrolments"))
    crm = make_crm(host)
    sync(crm)
    host.put(r.Order("o2", "p2", "pending", Decimal(5), "CNY"))
    sync(crm)
    assert len(rows(crm, m.Order.host_id)) == 1
    clock_of(crm).move(minutes=61)
    sync(crm)
    assert len(rows(crm, m.Order.host_id)) == 2
    assert rows(crm, m.Person.host_id, m.Person.unpaid_count)[1] == ("p2", 1)
