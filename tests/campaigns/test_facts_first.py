"""What the school has reported is read before anybody is written to; who has paid is not asked to pay."""

import fcntl
import os
import threading
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery import catch_up
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.host import records as r
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.models.streams import HostEventRow, Touched
from crm_plugin.profiles.store.recompute_queue import touch
from crm_plugin.profiles.sync import events, stored_events
from crm_plugin.profiles.sync.events import FOLDER, Sink, hand_over
from tests.campaigns.fixtures import books
from tests.fakes.clock import FixedClock
from tests.fakes.crm import NOW
from tests.fakes.host import staff
from tests.web.fixtures import School, open_school

UNPAID: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"field": "paid_count", "operator": "=", "value": 0}],
}
PAID: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"field": "paid_count", "operator": ">=", "value": 1}],
}
WITHOUT, ALL = 6, 12


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    return open_school(database, tmp_path)


def chase(school: School) -> int:
    """Make a campaign ready that asks all who have not paid to pay."""
    document = {
        "name": "Pay",
        "audience": UNPAID,
        "channel": "message",
        "text": "x",
        "policy": {"goal": PAID},
    }
    ident = drafts.create(school.crm, staff("ann"), document)
    service.launch(school.crm, staff("ann"), ident)
    assert freeze(school.crm, ident)
    return ident


def pays(school: School, number: int) -> None:
    """Let somebody pay; the school emits an event and says it to nobody else."""
    lines = (r.OrderLine("course", "c1", Decimal(99)),)
    paid = r.Order(
        f"new{number}", f"p{number}", "paid", Decimal(99), "CNY", created_at=NOW, paid_at=NOW, lines=lines
    )
    school.host.put(paid, silent=True)
    Sink(school.crm).emit(r.HostEvent("orders", [f"new{number}"]))


def messaged(school: School) -> set[str]:
    return {message.person_id for message in school.host.messages}


def count(school: School, model: Any) -> int:
    with school.crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


@pytest.mark.parametrize("where", ["spool", "database"])
def test_who_paid_a_moment_ago_is_not_chased(school: School, where: str) -> None:
    ident = chase(school)
    pays(school, 3)
    if where == "database":  # of a web machine, by its own thread
        assert hand_over(school.crm) == 1
        assert count(school, HostEventRow) == 1
    drain(school.crm, ident)
    assert books(school.crm, ident) == {"considered": WITHOUT, "sent": WITHOUT - 1, "excluded": {"goal": 1}}
    assert "p3" not in messaged(school)
    assert count(school, HostEventRow) == 0


def test_an_event_is_done_when_its_columns_are_computed(school: School) -> None:
    """Ahead of all who wait for other reasons."""
    school.crm.db.run(lambda session: touch(session, [one(school, "p0")]))
    pays(school, 5)
    assert events.read_events(school.crm) == 1
    with school.crm.db.read() as session:
        facts = sa.select(Person.paid_count).where(Person.host_id == "p5")
        assert session.scalars(facts).one() == 1
    touched = sa.select(Touched.person_id).order_by(Touched.id)
    with school.crm.db.read() as session:
        assert session.scalars(touched).all() == [one(school, "p0"), one(school, "p5")], "the rest follows"


def test_other_peoples_facts_hold_up_nobody(school: School) -> None:
    ident = chase(school)
    school.crm.db.run(lambda session: touch(session, [one(school, "p0")]))
    drain(school.crm, ident)
    assert books(school.crm, ident) == {"considered": WITHOUT, "sent": WITHOUT}


def one(school: School, host_id: str) -> int:
    with school.crm.db.read() as session:
        return session.scalars(sa.select(Person.id).where(Person.host_id == host_id)).one()


def test_while_the_school_does_not_answer_nobody_is_called_and_a_person_may_let_it_go_on(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "SECONDS", 0.3)
    ident = chase(school)
    pays(school, 3)
    school.host.fail("host_fetch")
    drain(school.crm, ident)
    row = queries.get(school.crm, ident)
    assert (row.state, row.reason, school.host.messages) == ("held", "events_waiting", [])
    assert count(school, HostEventRow) == 1, "it is kept"
    service.resume(school.crm, staff("ann"), ident)
    drain(school.crm, ident)
    assert books(school.crm, ident) == {"considered": WITHOUT, "sent": WITHOUT}


def test_an_event_that_cannot_be_read_for_long_holds_up_nobody(school: School) -> None:
    """The changes of its stream bring the same, and a school that always fails on one row is no reason."""
    ident = chase(school)
    pays(school, 3)
    school.host.fail("host_fetch")
    assert events.read_events(school.crm) == 0
    school.crm.clock = FixedClock(NOW + stored_events.KEPT + timedelta(seconds=1))
    drain(school.crm, ident)
    assert count(school, HostEventRow) == 0
    assert books(school.crm, ident) == {"considered": WITHOUT, "sent": WITHOUT}


def test_an_event_that_another_process_is_reading_is_waited_for(school: School) -> None:
    """The upkeep is at the spool: the worker goes on as soon as it is done."""
    ident = chase(school)
    pays(school, 7)
    folder = school.crm.instance / FOLDER
    fd = os.open(folder / ".drain", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    threading.Timer(0.4, lambda: os.close(fd)).start()
    drain(school.crm, ident)
    assert "p7" not in messaged(school)
    assert books(school.crm, ident) == {"considered": WITHOUT, "sent": WITHOUT - 1, "excluded": {"goal": 1}}


def test_at_a_school_where_something_always_waits_sending_goes_on(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A marking waits for what was reported when it began; the next one for what came meanwhile."""
    ident = chase(school)
    answer = school.host._fetch

    def fetch(stream: str, ids: Any) -> r.FetchPage:
        Sink(school.crm).emit(r.HostEvent("persons", ["p0"]))
        assert hand_over(school.crm) == 1
        return answer(stream, ids)

    monkeypatch.setattr(school.host, "_fetch", fetch)
    pays(school, 3)
    drain(school.crm, ident)
    assert books(school.crm, ident) == {"considered": WITHOUT, "sent": WITHOUT - 1, "excluded": {"goal": 1}}
    assert count(school, HostEventRow) > 0


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_spool_that_cannot_be_read_holds_it_until_a_person_lets_it_go_on(
    school: School, monkeypatch: pytest.MonkeyPatch, confirmed: bool
) -> None:
    monkeypatch.setattr(catch_up, "SECONDS", 0.3)
    ident = chase(school)
    pays(school, 3)
    with (school.crm.instance / FOLDER / ".drain").open("w") as another:
        fcntl.flock(another, fcntl.LOCK_EX)
        drain(school.crm, ident)
        row = queries.get(school.crm, ident)
        assert (row.state, row.reason, school.host.messages) == ("held", "events_waiting", [])
        if confirmed:
            service.resume(school.crm, staff("ann"), ident)
            drain(school.crm, ident)
    assert len(school.host.messages) == (WITHOUT if confirmed else 0)


def test_a_record_that_was_torn_holds_up_nobody(school: School) -> None:
    ident = chase(school)
    folder = school.crm.instance / FOLDER
    folder.mkdir()
    (folder / "events-torn.spool").write_bytes(b'{"stream": "ord')
    began = time.monotonic()
    drain(school.crm, ident)
    assert books(school.crm, ident) == {"considered": WITHOUT, "sent": WITHOUT}
    assert time.monotonic() - began < catch_up.SECONDS


def test_a_web_process_hands_over_what_it_heard_within_a_second(school: School) -> None:
    Sink(school.crm, hands_over=True).emit(r.HostEvent("orders", ["o0"]))
    until = time.monotonic() + 5
    began = time.monotonic()
    while not count(school, HostEventRow):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert time.monotonic() - began < 2
