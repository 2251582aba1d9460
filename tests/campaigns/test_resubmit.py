"""What is in doubt at a carrier that takes a key once is submitted again; elsewhere a person decides."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.delivery import resubmit, sweeper
from crm_plugin.campaigns.models import Delivery
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.streams import HostEventRow
from tests.campaigns.fixtures import (
    add_people,
    answers,
    books,
    books_of,
    document,
    move_to,
    ready,
    rows,
    run,
    set_person,
    state,
    world,
)
from tests.fakes.carrier import receipt
from tests.fakes.crm import NOW
from tests.fakes.host import staff


class OnceCarrier:
    """A carrier's memory: a key's message goes out once, whatever is answered."""

    def __init__(self, crm: Crm) -> None:
        self.went: list[str] = []
        self.calls: list[str] = []
        self.texts: list[str] = []
        self.silent = True
        books_of(crm).idempotent = True
        answers(crm, self)

    def __call__(self, message: Message) -> Receipt:
        self.calls.append(message.key)
        self.texts.append(message.text)
        if message.key not in self.went:
            self.went.append(message.key)
        return receipt(message, "unknown" if self.silent else "accepted")


def in_doubt(crm: Crm, people: int = 3, **values: object) -> tuple[int, OnceCarrier]:
    """A campaign whose carrier took everything and told nothing."""
    carrier = OnceCarrier(crm)
    campaign = ready(crm, **values)
    run(crm)
    assert books(crm, campaign) == {"considered": people, "unknown": people}
    carrier.calls.clear()
    return campaign, carrier


def later(crm: Crm) -> None:
    """Let what a try has taken be free again."""
    with crm.db.begin() as session:
        session.execute(sa.update(Delivery).values(lease_until=None))


def test_it_comes_out_by_itself(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3, pause_after_failures=99)
    campaign, carrier = in_doubt(crm)
    later(crm)
    carrier.silent = False
    sweeper.sweep(crm)
    assert books(crm, campaign) == {"considered": 3, "sent": 3}
    assert len(carrier.calls) == len(carrier.went) == 3, "the same keys, and each message went once"
    assert rows(crm, campaign)[1].carrier_ref == f"ref-{carrier.went[0]}"
    assert state(crm, campaign) == "finished"


def test_it_says_again_what_differs_from_person_to_person(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2, pause_after_failures=99)
    for number, city in ((1, "Leeds"), (2, "York")):
        set_person(crm, number, city=city)
    with crm.db.begin() as session:
        session.execute(sa.update(SmsTemplate).values(text="${display_name} of ${town}"))
    campaign, carrier = in_doubt(crm, 2, file=document(personal={"town": "city"}))
    first, carrier.texts = set(carrier.texts), []
    later(crm)
    carrier.silent = False
    assert resubmit.clear(crm) == 2
    assert set(carrier.texts) == first
    assert any("Person 1 of Leeds" in text for text in first)
    assert books(crm, campaign) == {"considered": 2, "sent": 2}


def test_no_answer_leaves_it_in_doubt_and_is_not_asked_for_all_the_time(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=3, pause_after_failures=99)
    campaign, carrier = in_doubt(crm)
    later(crm)
    for _ in range(5):
        sweeper.sweep(crm)
    assert books(crm, campaign) == {"considered": 3, "unknown": 3}
    assert len(carrier.calls) == 3


def test_a_carrier_without_keys_is_never_called_again(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3, pause_after_failures=99)
    campaign, carrier = in_doubt(crm)
    books_of(crm).idempotent = False
    later(crm)
    carrier.silent = False
    assert resubmit.clear(crm) == 0
    assert (carrier.calls, books(crm, campaign)) == ([], {"considered": 3, "unknown": 3})


@pytest.mark.parametrize("why", ["opted out", "paused", "cancelled", "a day ago", "asleep", "unread"])
def test_who_must_not_be_written_to_stays_with_a_person(database: Database, tmp_path: Path, why: str) -> None:
    crm = world(database, tmp_path, pause_after_failures=99)
    add_people(crm, [2])
    quiet = {"quiet_hours": {"from": "21:00", "to": "23:00"}}  # it is 20:00
    campaign, carrier = in_doubt(crm, 1, policy=quiet)
    carrier.silent = False
    if why == "opted out":
        with crm.db.begin() as session:
            ledger.opt_out(crm, session, 2, "sms", NOW, "page")
    elif why == "unread":  # what the school reported may be that somebody has paid
        with crm.db.begin() as session:
            session.add(HostEventRow(stream="persons", ids=["p2"], at=NOW))
    elif why == "a day ago":
        move_to(crm, NOW + timedelta(hours=24))
    elif why == "asleep":
        move_to(crm, NOW + timedelta(hours=1))
    else:
        with crm.db.begin() as session:
            session.execute(sa.text(f"UPDATE crm_campaign SET state = '{why}'"))
    later(crm)
    assert resubmit.clear(crm) == 0
    assert (carrier.calls, books(crm, campaign)) == ([], {"considered": 1, "unknown": 1})


def test_its_own_message_does_not_use_up_the_cap(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign, carrier = in_doubt(crm, 1, policy={"cap": {"n": 1, "days": 7}, "leave_out_days": 7})
    carrier.silent = False
    later(crm)
    assert resubmit.clear(crm) == 1
    assert books(crm, campaign) == {"considered": 1, "sent": 1}


def test_a_persons_decision_during_the_call_stands(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign, carrier = in_doubt(crm, 1)
    carrier.silent = False
    later(crm)

    def decide(message: Message) -> Receipt:
        service.resolve(crm, staff("ann"), campaign, "again")
        return carrier(message)

    if database.dialect == "sqlite":
        pytest.skip("its one writer is the same thread here")
    answers(crm, decide)
    resubmit.clear(crm)
    assert books(crm, campaign) == {"considered": 1, "pending": 1}
    answers(crm, carrier)
    run(crm)
    assert books(crm, campaign) == {"considered": 1, "sent": 1}
    assert len(carrier.went) == 1
