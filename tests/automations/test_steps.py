"""From step to step: waits, conditions, what is left out when it is late, and all that stops somebody."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.automations import queries, service
from crm_plugin.automations.language.document import COURSE
from crm_plugin.automations.steps import advance
from crm_plugin.campaigns import access
from crm_plugin.campaigns import service as campaigns
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.models import Campaign
from crm_plugin.channels.models import OutboxMessage
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import Conflict
from crm_plugin.links.models import Hit
from crm_plugin.profiles.consent import by_address
from crm_plugin.profiles.models.school import Course
from crm_plugin.segments.language.documents import all_of, rows, rule
from tests.automations.fixtures import (
    HELLO,
    TESTER,
    add_course,
    add_order,
    add_seat,
    children_of,
    file,
    members,
    pass_time,
    school,
    set_order,
    set_seat,
    switched_on,
    wait,
    work,
)
from tests.campaigns.fixtures import books, sent, set_person
from tests.campaigns.fixtures import rows as ledger_rows
from tests.fakes.crm import NOW

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
pytestmark = SQLITE
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def phones(*numbers: int) -> list[str]:
    return [f"+86138{number:08d}" for number in numbers]


def move(crm: Crm, **delta: float) -> None:
    crm.clock.move(**delta)  # type: ignore[attr-defined]


def fates(crm: Crm, ident: int) -> dict[int, tuple[str, str | None]]:
    return {person: (one.state, one.reason) for person, one in members(crm, ident).items()}


def step_sent(crm: Crm, ident: int) -> list[int]:
    """The steps that sent something, in the order of their campaigns."""
    return [one.step or 0 for one in children_of(crm, ident) if books(crm, one.id).get("sent")]


def test_of_late_messages_only_the_last_is_sent(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=1)
    ident = switched_on(crm, steps=[wait(1), HELLO, wait(5), HELLO, wait(2, "day"), HELLO])
    add_order(crm, 1, 1)
    work(crm)
    move(crm, hours=9)  # nobody worked meanwhile
    work(crm)
    assert step_sent(crm, ident) == [3]
    # The next wait counts from the message that was sent, not from when that was due.
    pass_time(crm, 42 * HOUR, 6 * HOUR)
    assert step_sent(crm, ident) == [3]
    pass_time(crm, 6 * HOUR, HOUR)
    assert step_sent(crm, ident) == [3, 5]
    assert fates(crm, ident) == {1: ("done", None)}


def test_messages_of_one_moment_are_all_sent(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=1)
    mail = {"send": {"channel": "email", "subject": "Hello", "text": "Hello {{ display_name }}"}}
    ident = switched_on(crm, steps=[wait(1), HELLO, mail])
    add_order(crm, 1, 1)
    work(crm)
    move(crm, hours=3)
    work(crm)
    assert step_sent(crm, ident) == [1, 2]


def test_before_a_deadline(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=3)
    ident = switched_on(crm, steps=[wait(1), HELLO, wait(2, before=True), HELLO])
    move(crm, minutes=1)
    add_order(crm, 1, 1, closes_at=crm.clock() + 24 * HOUR)
    add_order(crm, 2, 2)  # without a closing: the last message is left out
    add_order(crm, 3, 3, closes_at=crm.clock() + 2.5 * HOUR)  # both are due at once: the last one is sent
    pass_time(crm, 3 * HOUR, HOUR / 2)
    pass_time(crm, 27 * HOUR, HOUR)
    found = [(one.step, sorted(ledger_rows(crm, one.id))) for one in children_of(crm, ident)]
    assert found == [(1, [1, 2]), (3, [3]), (3, [1])]
    with_closing = [one for one in children_of(crm, ident) if one.step == 3]
    assert with_closing[-1].created_at >= NOW + 22 * HOUR


def test_conditions_stop_or_skip(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=2)
    set_person(crm, 1, city="Bath", city_folded="bath")
    bath = rule("city", "=", "Bath")
    stopping = switched_on(crm, steps=[{"if": all_of(bath), "else": "stop"}, HELLO])
    skipping = switched_on(crm, steps=[{"if": all_of(bath), "else": "skip"}, HELLO, wait(1), HELLO])
    for number in (1, 2):
        add_order(crm, number, number)
    work(crm)
    pass_time(crm, 3 * HOUR, HOUR)
    assert fates(crm, stopping) == {1: ("done", None), 2: ("stopped", "condition")}
    assert fates(crm, skipping) == {1: ("done", None), 2: ("done", None)}
    assert [sorted(ledger_rows(crm, one.id)) for one in children_of(crm, skipping)] == [[1], [1, 2]]


def test_the_goal_is_asked_before_each_step_and_at_the_last_moment(
    database: Database, tmp_path: Path
) -> None:
    crm = school(database, tmp_path, people=3)
    seat = all_of(rows("enrolments", rule("course_id", "=", COURSE), rule("role", "=", "learner")))
    ident = switched_on(crm, goal=seat)
    for number in (1, 2, 3):
        add_order(crm, number, number, course=1 + number % 2)
    work(crm)
    add_seat(crm, 1, 1, course=2)
    add_seat(crm, 2, 2, course=2)  # another course than the order's
    move(crm, hours=2)
    assert advance.advance(crm, ident) == 3
    add_seat(crm, 3, 3, course=2)  # between the making of the campaign and its freeze
    work(crm)
    assert sent(crm) == phones(2)
    assert fates(crm, ident)[1] == ("stopped", "goal")
    made = children_of(crm, ident)
    assert sorted(len(ledger_rows(crm, one.id)) for one in made) == [1, 1]
    reasons = {row.person_id: row.reason for one in made for row in ledger_rows(crm, one.id).values()}
    assert reasons == {2: None, 3: "goal"}
    move(crm, hours=24)
    work(crm)
    assert fates(crm, ident) == {1: ("stopped", "goal"), 2: ("done", None), 3: ("stopped", "goal")}


def test_an_order_that_is_paid_between_freeze_and_sending_gets_no_message(
    database: Database, tmp_path: Path
) -> None:
    crm = school(database, tmp_path, people=2)
    ident = switched_on(crm)
    for number in (1, 2):
        add_order(crm, number, number)
    add_order(crm, 9, 1)  # one more of the same person, which stays open: it is not this chase's
    work(crm)
    move(crm, hours=2)
    advance.advance(crm, ident)
    set_order(crm, 1, state="paid", paid_at=crm.clock())
    work(crm)
    assert sent(crm) == phones(2)


def test_a_course_that_sells_out_or_closes_stops_its_chase(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=4)
    ident = switched_on(crm, open_course=True)
    for number in (1, 2, 3, 4):
        add_order(crm, number, number, course=1 + number % 2)
    work(crm)
    set_course(crm, 1, status="closed")
    move(crm, hours=2)
    advance.advance(crm, ident)
    set_course(crm, 2, capacity=1)
    add_seat(crm, 1, 4, course=2)  # the last seat, after the campaign was made
    work(crm)
    assert sent(crm) == []
    reasons = {row.person_id: row.reason for one in children_of(crm, ident) for row in rows_of(crm, one)}
    assert reasons == {1: "course", 3: "course"}
    assert {person: one for person, one in fates(crm, ident).items() if person in (2, 4)} == {
        2: ("stopped", "course"),
        4: ("stopped", "course"),
    }


def rows_of(crm: Crm, campaign: Campaign) -> Any:
    return ledger_rows(crm, campaign.id).values()


def set_course(crm: Crm, number: int, **values: Any) -> None:
    with crm.db.begin() as session:
        session.execute(sa.update(Course).where(Course.id == number).values(**values))


def test_people_who_left_were_suspended_or_opted_out_get_nothing_more(
    database: Database, tmp_path: Path
) -> None:
    crm = school(database, tmp_path, people=4)
    trigger = {"on": "date", "date": "enrolled"}
    ident = switched_on(crm, trigger=trigger)
    for number in (1, 2, 3, 4):
        add_seat(crm, number, number)
    pass_time(crm, 2 * HOUR, HOUR)
    assert sorted(sent(crm)) == phones(1, 2, 3, 4)
    set_seat(crm, 1, state="ended", end_kind="left", ended_at=crm.clock())
    set_person(crm, 2, status="suspended")
    crm.db.run(lambda session: by_address.stop(crm, session, "sms", phones(3)[0], crm.clock(), "test"))
    pass_time(crm, 26 * HOUR, 2 * HOUR)
    assert sorted(sent(crm)) == sorted(phones(1, 2, 3, 4, 4))
    assert fates(crm, ident) == {
        1: ("stopped", "left"),
        2: ("stopped", "status"),
        3: ("stopped", "opted_out"),
        4: ("done", None),
    }


def test_what_waits_for_quiet_hours_gives_way_to_the_next_message(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=1)
    set_person(crm, 1, timezone="UTC")
    # The tests begin at noon.
    policy = {"quiet_hours": {"from": "12:30", "to": "23:30"}}
    ident = switched_on(crm, steps=[wait(1), HELLO, wait(5), HELLO], policy=policy)
    add_order(crm, 1, 1)
    pass_time(crm, 2 * HOUR, HOUR / 2)
    pass_time(crm, 12 * HOUR, HOUR)
    first, second = children_of(crm, ident)
    assert len(sent(crm)) == 1
    assert [books(crm, first.id), books(crm, second.id)] == [
        {"considered": 1, "excluded": {"expired": 1}},
        {"considered": 1, "sent": 1},
    ]


def test_a_campaign_that_waits_for_a_person_stops_the_automation(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=2)
    ident = switched_on(crm)
    add_order(crm, 1, 1)
    work(crm)
    move(crm, hours=2)
    advance.advance(crm, ident)
    (first,) = children_of(crm, ident)
    crm.db.run(lambda session: campaign_states.change(session, first.id, "pause", reason="unavailable"))
    add_order(crm, 2, 2)
    pass_time(crm, 3 * HOUR, HOUR)
    assert (sent(crm), len(children_of(crm, ident))) == ([], 1)
    assert queries.counts(crm, TESTER, ident).stuck == [(first.id, "paused", "unavailable")]
    campaigns.resume(crm, TESTER, first.id)
    work(crm)
    assert sorted(sent(crm)) == phones(1, 2)


def test_pausing_stops_what_is_under_way_and_ending_cancels_it(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=1)
    ident = switched_on(crm, steps=[wait(1), HELLO])
    add_order(crm, 1, 1)
    work(crm)
    move(crm, hours=2)
    advance.advance(crm, ident)
    service.pause(crm, TESTER, ident)
    work(crm)
    assert sent(crm) == []
    service.resume(crm, TESTER, ident)
    service.pause(crm, TESTER, ident)
    assert service.end(crm, TESTER, ident) == 0  # the only person is through
    work(crm)
    assert (sent(crm), [one.state for one in children_of(crm, ident)]) == ([], ["cancelled"])
    with pytest.raises(Conflict):
        service.resume(crm, TESTER, ident)


def test_each_course_has_its_campaign_with_title_link_price_and_order(
    database: Database, tmp_path: Path
) -> None:
    crm = school(database, tmp_path, people=3)
    words = {word: word for word in ("price", "order_amount", "closes_at")}
    text = "{{ course_title }} {{ price }} {{ order_amount }} {{ closes_at | default('-') }} {{ link }}"
    mail = {"channel": "email", "subject": "-", "text": text, "link": COURSE, "personal": words}
    ident = switched_on(crm, steps=[wait(1), {"send": mail | {"lacking": "leave_out"}}])
    for number in (1, 2, 3):
        add_order(crm, number, number, course=1 + number % 2, closes_at=NOW + 2 * DAY)
    set_order(crm, 3, amount=Decimal("150.50"))
    work(crm)
    move(crm, hours=2)
    advance.advance(crm, ident)
    set_course(crm, 2, price=Decimal("99.00"))  # after the campaign was made
    work(crm)
    with crm.db.read() as session:
        texts = {one.person: one.text for one in session.scalars(sa.select(OutboxMessage))}
    assert [texts[f"p{number}"].split(" ")[:4] for number in (1, 2, 3)] == [
        ["Course", "2", "CN¥99.00", "CN¥199.00"],
        ["Course", "1", "CN¥199.00", "CN¥199.00"],
        ["Course", "2", "CN¥99.00", "CN¥150.50"],
    ]
    assert all("Nov 17, 2026" in one for one in texts.values())
    assert [one.content["course"] for one in children_of(crm, ident)] == ["c2", "c1"]


def test_an_order_without_a_course_brings_nobody_into_a_chase_about_one(
    database: Database, tmp_path: Path
) -> None:
    crm = school(database, tmp_path, people=1)
    about = {"send": {**HELLO["send"], "link": COURSE}}
    ident = switched_on(crm, steps=[about])
    add_order(crm, 1, 1)
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_order_line SET root_id = NULL, course_id = NULL"))
    work(crm)
    assert members(crm, ident) == {}


def test_clicks_of_machines_drive_nothing(database: Database, tmp_path: Path) -> None:
    """A condition on clicks means those of humans; nothing else asks for a click."""
    crm = school(database, tmp_path, people=3)
    clicked = rows("deliveries", rule("clicked", "=", True))
    ident = switched_on(crm, steps=[HELLO, wait(1), {"if": all_of(clicked), "else": "stop"}, HELLO])
    trigger = {"on": "segment", "segment": all_of(clicked)}
    came = switched_on(crm, {"name": "x", "trigger": trigger, "steps": [HELLO]})
    for number in (1, 2, 3):
        add_order(crm, number, number)
    work(crm)
    (first,) = children_of(crm, ident)
    kinds = {1: "human", 2: "scanner", 3: "prefetch"}
    with crm.db.begin() as session:
        for person, row in ledger_rows(crm, first.id).items():
            hit = {
                **{"spool": "s", "spool_offset": person, "link_id": 1, "campaign_id": first.id},
                **{"delivery_id": row.id, "person_id": person, "at": crm.clock(), "method": "GET"},
                **{"agent": "", "network": "", "kind": kinds[person]},
            }
            session.execute(sa.insert(Hit).values(hit))
    move(crm, hours=2)
    work(crm)
    assert fates(crm, ident) == {1: ("done", None), 2: ("stopped", "condition"), 3: ("stopped", "condition")}
    assert set(members(crm, came)) == {1}


def test_each_step_is_counted(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=5)
    ident = switched_on(crm)
    for number in range(1, 6):
        add_order(crm, number, number)
    set_person(crm, 5, phone_key=None)
    work(crm)
    assert [one.waiting for one in queries.counts(crm, TESTER, ident).steps] == [5, 0, 0, 0], "in the wait"
    set_order(crm, 1, state="paid")
    pass_time(crm, 2 * HOUR, HOUR)
    assert [one.waiting for one in queries.counts(crm, TESTER, ident).steps] == [0, 0, 4, 0]
    move(crm, days=2)
    assert [one.waiting for one in queries.counts(crm, TESTER, ident).steps] == [0, 0, 0, 4], (
        "due: at the message"
    )
    move(crm, days=-2)
    set_order(crm, 2, state="closed")
    pass_time(crm, 24 * HOUR, 3 * HOUR)
    add_course(crm, 3)
    move(crm, minutes=2)
    add_order(crm, 6, 1, course=3)
    work(crm)
    found = queries.counts(crm, TESTER, ident)
    assert (found.entered, found.active, found.done, found.stopped) == (6, 1, 3, {"paid": 1, "closed": 1})
    assert [one.waiting for one in found.steps] == [1, 0, 0, 0]
    assert [one.sent for one in found.steps] == [0, 3, 0, 2]
    assert [one.stopped for one in found.steps] == [{}, {"paid": 1}, {}, {"closed": 1}]
    assert [one.excluded for one in found.steps] == [{}, {"no_address": 1}, {}, {"no_address": 1}]
    ((row, numbers),) = queries.list_for(crm, TESTER)
    assert (row.id, numbers.entered, numbers.steps) == (ident, 6, [])


def test_its_campaigns_are_on_no_list(database: Database, tmp_path: Path) -> None:
    crm = school(database, tmp_path, people=1)
    ident = switched_on(crm, file(steps=[HELLO]))
    add_order(crm, 1, 1)
    work(crm)
    assert len(children_of(crm, ident)) == 1
    assert access.listing(crm, TESTER) == []
    assert access.named(crm, TESTER, 10) == []
