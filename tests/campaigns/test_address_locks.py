"""Whoever stops an address locks everybody to whom a message could be marked for it, in one order."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns.delivery import mark as marking
from crm_plugin.campaigns.ledger import lease
from crm_plugin.campaigns.prepared_campaign import load, present_of
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links import optout
from crm_plugin.links.optout import Asked
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.school import Person
from tests.campaigns.fixtures import ready, rows, set_person, world
from tests.fakes.crm import NOW

SERVERS = pytest.mark.parametrize("db_kind", ["postgresql", "mariadb"], indirect=True)
"""On SQLite a writer holds the whole database: there is nothing to interleave."""

FIRST = "+8613800000001"


def complaint(crm: Crm, session: Session) -> None:
    ledger.suppress(crm, session, "sms", FIRST, "marketing", "complaint", NOW, "carrier")


def opt_out(crm: Crm, session: Session) -> None:
    ledger.opt_out(crm, session, 1, "sms", NOW, "page")


@SERVERS
@pytest.mark.parametrize("stop", [complaint, opt_out])
def test_a_message_to_the_address_of_old_waits_too(
    database: Database, tmp_path: Path, stop: Callable[[Crm, Session], None]
) -> None:
    """Person 2 had the address when the campaign was frozen, and has another one by now."""
    crm = world(database, tmp_path, people=3)
    set_person(crm, 1, phone_key=None)
    set_person(crm, 2, phone_key=FIRST)
    campaign = ready(crm)
    set_person(crm, 1, phone_key=FIRST)
    set_person(crm, 2, phone_key="+8613800000099")
    batch = lease.take(crm, campaign, 10)
    running = load(crm, campaign)
    assert running is not None
    ask = marking.Ask(batch.token, batch.rows, {}, 60)
    marked: list[marking.Marked] = []

    def mark() -> None:
        marked.append(marking.mark(crm, running.rules, ask, present_of(crm), time.monotonic() + 30))

    worker = threading.Thread(target=mark)
    with crm.db.begin() as session:
        stop(crm, session)
        worker.start()
        worker.join(timeout=0.5)
        assert worker.is_alive(), "it must wait: the address is being stopped"
    worker.join(timeout=20)
    (found,) = marked
    assert rows(crm, campaign)[2].reason == "suppressed"
    assert rows(crm, campaign)[3].id in found.ids


def _share(crm: Crm) -> None:
    """5 has the telephone of 9 and the e-mail address of 2."""
    set_person(crm, 9, phone_key="+8613800000005")
    set_person(crm, 2, email_key="p5@example.org")


@SERVERS
def test_an_opt_out_of_all_channels_locks_in_one_order(database: Database, tmp_path: Path) -> None:
    """Channel by channel it would hold 9 while it waits for 2: a deadlock with whoever takes 2, then 9."""
    crm = world(database, tmp_path, people=9)
    _share(crm)
    worker = threading.Thread(
        target=optout.stop, args=(crm, Asked(5, "sms", 1), ["sms", "email"], optout.Answer("page"))
    )
    with crm.db.begin() as session:
        _lock(session, 2)
        worker.start()
        worker.join(timeout=0.5)
        assert worker.is_alive()
        _lock(session, 9)  # without waiting: nobody else has it
    worker.join(timeout=20)
    assert not worker.is_alive()


def _lock(session: Session, person: int) -> None:
    session.execute(sa.select(Person.id).where(Person.id == person).with_for_update(nowait=True))
