"""Opt-outs while a campaign sends, over connections of their own: after its commit nobody is written to."""

import threading
import time
from pathlib import Path

import pytest

from crm_plugin.campaigns.delivery import mark
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.ledger import lease
from crm_plugin.campaigns.prepared_campaign import load, present_of
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links import optout
from crm_plugin.links.optout import Answer, Asked
from crm_plugin.profiles.consent import ledger
from tests.campaigns.fixtures import (
    answers,
    books,
    books_of,
    marked_behind,
    ready,
    rows,
    sent,
    set_person,
    world,
)
from tests.fakes.carrier import receipt
from tests.fakes.crm import NOW

PAGE = Answer("page")
SERVERS = pytest.mark.parametrize("db_kind", ["postgresql", "mariadb"], indirect=True)
"""On SQLite a writer holds the whole database: there is nothing to interleave."""


@SERVERS
@pytest.mark.parametrize("who", [2, 4], ids=["themselves", "whoever shares the address"])
def test_a_marking_waits_for_an_opt_out_under_way(database: Database, tmp_path: Path, who: int) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = ready(crm)
    if who == 4:
        set_person(crm, 3, phone_key="+8613800000002")
        who = 3
    found = marked_behind(
        crm, campaign, lambda session: ledger.opt_out(crm, session, who, "sms", NOW, "page")
    )
    assert rows(crm, campaign)[2].id not in found.ids
    assert rows(crm, campaign)[2].reason == "suppressed"
    assert rows(crm, campaign)[1].id in found.ids


@SERVERS
def test_an_opt_out_waits_for_the_marking_under_way(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = ready(crm)
    batch = lease.take(crm, campaign, 10)
    running = load(crm, campaign)
    assert running is not None
    ask = mark.Ask(batch.token, batch.rows, {}, 60)
    worker = threading.Thread(target=optout.stop, args=(crm, Asked(2, "sms", 1), ["sms"], PAGE))
    with crm.db.begin() as session:
        marked = mark._mark(crm, session, running.rules, ask, present_of(crm))
        worker.start()
        worker.join(timeout=0.5)
        assert worker.is_alive(), "the person is told only after the marking is settled either way"
    worker.join(timeout=20)
    assert not worker.is_alive()
    assert len(marked.ids) == 2


def test_nobody_is_called_who_opted_out_before_the_marking(database: Database, tmp_path: Path) -> None:
    """Many opt-outs against two workers: each person is marked before their opt-out or gets nothing."""
    crm = world(database, tmp_path, people=400)
    books_of(crm).delay = 0.02
    campaign = ready(crm)
    done: dict[str, float] = {}
    called: dict[str, float] = {}

    def answer(message: Message) -> Receipt:
        called[message.person] = time.monotonic()
        return receipt(message)

    def opt_out(people: range) -> None:
        for person in people:
            optout.stop(crm, Asked(person, "sms", 1), ["sms"], PAGE)
            done[f"p{person}"] = time.monotonic()

    answers(crm, answer)
    threads = [threading.Thread(target=drain, args=(crm, campaign, 60)) for _ in range(2)]
    # From both ends, against the order of the workers.
    threads += [threading.Thread(target=opt_out, args=(range(400, 0, -step),)) for step in (3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
        assert not thread.is_alive()
    found = books(crm, campaign)
    stopped = found["excluded"]["suppressed"]
    assert found == {"considered": 400, "sent": 400 - stopped, "excluded": {"suppressed": stopped}}
    assert stopped > 0
    assert len(sent(crm)) == len(set(sent(crm))) == 400 - stopped
    # Who was marked just before may be called just after: no later than a micro-batch takes.
    late = [called[who] - at for who, at in done.items() if who in called]
    assert max(late, default=0) < 5.0
