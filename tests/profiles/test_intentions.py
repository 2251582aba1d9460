"""How much somebody wants a course: what is suggested and why, and what is set by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.errors import BadInput, NotFound
from crm_plugin.profiles.facts.intent_score import Reason, decide
from crm_plugin.profiles.models.staff import Intention, IntentionChange
from crm_plugin.profiles.people.queries import person_id_of
from crm_plugin.profiles.privacy.requests import export, forget
from crm_plugin.profiles.staff import purchase_intent
from crm_plugin.profiles.staff.purchase_intent import CourseIntention
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import NOW, MakeCrm, clock_of, count

DAY = timedelta(days=1)
ANN = r.Actor("ann", "Ann", frozenset({"crm.edit"}))


@pytest.mark.parametrize(
    ("reasons", "level"),
    [
        ([Reason("view", 1, NOW)], "low"),
        ([Reason("view", 1, NOW - 180 * DAY)], "none"),
        ([Reason("view", 7, NOW)], "medium"),
        ([Reason("trial", 1, NOW), Reason("view", 1, NOW)], "high"),
        ([Reason("trial", 1, NOW - 90 * DAY)], "medium"),
        ([Reason("ordered", 1, NOW)], "high"),
        ([Reason("bought", 1, NOW - 900 * DAY)], "won"),
        ([Reason("enrolled", 1, None), Reason("refunded", 1, NOW)], "won"),
        ([Reason("refunded", 1, NOW), Reason("trial", 9, NOW - DAY)], "lost"),
        ([Reason("refunded", 1, NOW - DAY), Reason("trial", 1, NOW)], "medium"),
    ],
)
def test_a_level_follows_from_the_reasons(reasons: list[Reason], level: str) -> None:
    assert decide(reasons, NOW).level == level


@pytest.fixture
def host() -> FakeHost:
    """Ada bought one course, gave one back, tries one; Bob has nothing."""
    return FakeHost(
        r.Course("won", "Piano"),
        r.Course("lost", "Drums"),
        r.Course("tried", "Flute"),
        r.Course("other", "Harp"),
        r.Person("ada", display_name="Ada"),
        r.Person("bob", display_name="Bob"),
        r.Order("o1", "ada", "paid", Decimal(9), "CNY", paid_at=NOW, lines=(_line("won"),)),
        r.Order("o2", "ada", "refunded", Decimal(9), "CNY", paid_at=NOW, lines=(_line("lost"),)),
        r.Enrolment("e1", "ada", "lost", state="ended", ended_at=NOW, end_kind="refund"),
        r.Signal("s1", "ada", "trial", NOW - DAY, "tried"),
        r.Signal("s2", "ada", "view", NOW - DAY, "tried", count=3),
    )


def _line(course: str) -> r.OrderLine:
    return r.OrderLine("course", course, Decimal(9))


@pytest.fixture
def crm(make_crm: MakeCrm, host: FakeHost) -> Crm:
    """The CRM of that school, which has read it."""
    crm = make_crm(host)
    sync(crm)
    return crm


def id_of(crm: Crm, host_id: str) -> int:
    with crm.db.read() as session:
        return person_id_of(session, host_id)


def of(crm: Crm, host_id: str, scope: frozenset[str] | None = None) -> dict[str, CourseIntention]:
    with crm.db.read() as session:
        found = purchase_intent.of_person(session, person_id_of(session, host_id), crm.clock(), scope)
    return {one.course_host_id: one for one in found}


def test_suggestions_come_with_their_reasons(crm: Crm) -> None:
    found = of(crm, "ada")
    assert {course: one.suggested.level for course, one in found.items()} == {
        "won": "won",
        "lost": "lost",
        "tried": "high",
    }
    assert [(one.kind, one.count) for one in found["tried"].suggested.reasons] == [("trial", 1), ("view", 3)]
    assert set(of(crm, "ada", frozenset({"tried"}))) == {"tried"}
    assert of(crm, "bob") == {}


def test_a_level_set_by_hand_stands_beside_the_suggestion_with_its_history(crm: Crm) -> None:
    ada = id_of(crm, "ada")
    for level in ("low", "low", "high", None):
        purchase_intent.put(crm, ANN, ada, "other", level)
        clock_of(crm).move(hours=1)
    purchase_intent.put(crm, ANN, ada, "tried", "lost")
    found = of(crm, "ada")
    assert next(iter(found)) == "tried"
    assert (found["tried"].level, found["tried"].suggested.level) == ("lost", "high")
    assert [line.level for line in found["other"].history] == [None, "high", "low"]
    assert (found["other"].level, found["other"].suggested.level) == (None, "none")
    with crm.db.read() as session:
        audited = session.scalars(sa.select(AuditRow.details).where(AuditRow.action == "intention.set")).all()
    assert [row["level"] for row in audited] == ["low", "high", None, "lost"]


def test_nonsense_and_foreign_courses_are_refused(crm: Crm) -> None:
    ada = id_of(crm, "ada")
    with pytest.raises(BadInput):
        purchase_intent.put(crm, ANN, ada, "tried", "huge")
    with pytest.raises(NotFound):
        purchase_intent.put(crm, ANN, ada, "nowhere", "low")
    with pytest.raises(NotFound):
        purchase_intent.put(crm, ANN, 10**9, "tried", "low")
    limited = r.Actor("ben", "Ben", frozenset({"crm.edit"}), scope=frozenset({"won"}))
    with pytest.raises(NotFound):
        purchase_intent.put(crm, limited, ada, "tried", "low")


def test_of_two_that_a_merge_brings_together_the_newer_stays(crm: Crm, host: FakeHost) -> None:
    ada, bob = id_of(crm, "ada"), id_of(crm, "bob")
    purchase_intent.put(crm, ANN, bob, "other", "low")
    purchase_intent.put(crm, ANN, bob, "won", "high")
    clock_of(crm).move(hours=1)
    purchase_intent.put(crm, ANN, ada, "other", "medium")
    host.put(r.Person("bob", merged_into="ada"))
    sync(crm)
    found = of(crm, "ada")
    assert (found["other"].level, found["won"].level) == ("medium", "high")
    assert [line.level for line in found["other"].history] == ["medium", "low"]
    assert count(crm, Intention) == 2


def test_they_are_told_to_the_person_and_go_with_them(crm: Crm) -> None:
    ada = id_of(crm, "ada")
    purchase_intent.put(crm, ANN, ada, "tried", "high")
    (told,) = export(crm, ada)["intentions"]
    assert (told["course"], told["level"], told["author_name"]) == ("Flute", "high", "Ann")
    forget(crm, ada)
    assert (count(crm, Intention), count(crm, IntentionChange)) == (0, 0)


def test_a_course_that_becomes_a_copy_takes_its_intentions_along(crm: Crm, host: FakeHost) -> None:
    purchase_intent.put(crm, ANN, id_of(crm, "ada"), "other", "high")
    host.put(r.Course("other", "Harp", parent_id="won"))
    sync(crm)
    with crm.db.read() as session:
        roots = session.execute(sa.select(Intention.root_id, Intention.course_id)).all()
        assert roots[0].root_id == of(crm, "ada")["won"].course_id != roots[0].course_id


@pytest.mark.parametrize(
    ("end_kind", "level"),
    [("refund", "lost"), ("removed", "lost"), ("left", "lost"), ("expired", None), ("completed", None)],
)
def test_a_seat_that_ran_out_is_no_loss(make_crm: MakeCrm, end_kind: str, level: str | None) -> None:
    seat = r.Enrolment("e1", "ada", "c", state="ended", ended_at=NOW, end_kind=end_kind)
    held = r.Enrolment("e2", "ada", "held", state="active")
    crm = make_crm(FakeHost(r.Course("c", "C"), r.Course("held", "H"), r.Person("ada"), seat, held))
    sync(crm)
    found = {course: one.suggested.level for course, one in of(crm, "ada").items()}
    assert found == {"held": "won", **({"c": level} if level else {})}


def test_a_seat_counts_for_won_as_long_as_it_lasts(make_crm: MakeCrm) -> None:
    """What the school left active after its last day neither won nor lost; one that begins later is won."""
    seats = [
        r.Enrolment("e1", "ada", "over", expires_at=NOW),
        r.Enrolment("e2", "ada", "soon", starts_at=NOW + timedelta(days=1)),
    ]
    crm = make_crm(FakeHost(r.Course("over", "O"), r.Course("soon", "S"), r.Person("ada"), *seats))
    sync(crm)
    assert {course: one.suggested.level for course, one in of(crm, "ada").items()} == {"soon": "won"}
