"""The power goes: what was committed and not synced is lost, and yet nobody is lost or gets it twice."""

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns.models import Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.kill_points import STEPS
from crm_plugin.kernel.migrate import upgrade
from tests.campaigns.fixtures import BOOKS, add_people, launched, world
from tests.campaigns.kill_worker import settings
from tests.campaigns.test_kill import Nursery, _kill, check_books, nursery
from tests.conftest import absent
from tests.fakes.carrier import taken
from tests.servers import postgresql, power
from tests.servers.power import Disk

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
IN_FLIGHT = 20


@pytest.fixture
def disk(database: Database, tmp_path: Path) -> Disk:
    """A disk of the test's own with a migrated database on it."""
    if reason := power.find():
        absent(reason)
    folder = tmp_path / "disk"
    folder.mkdir()
    database.close()
    shutil.copyfile(str(database.engine.url.database), folder / "crm.db")
    return Disk(folder, tmp_path / "work")


WRITER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute(f"PRAGMA synchronous={sys.argv[2]}")
connection.execute("INSERT INTO crm_kept (name, value) VALUES ('mark', '1')")
os.kill(os.getpid(), signal.SIGKILL)
"""


@SQLITE
@pytest.mark.parametrize(("synchronous", "left"), [("NORMAL", 0), ("FULL", 1)])
def test_a_cut_takes_what_was_committed_and_not_synced(disk: Disk, synchronous: str, left: int) -> None:
    """The trial of the trial: as SQLite came here before, a committed mark is gone."""
    command = [sys.executable, "-c", WRITER, str(disk.folder / "crm.db"), synchronous]
    subprocess.run(command, env=disk.environment, check=False)
    disk.cut()
    with sqlite3.connect(disk.folder / "crm.db") as connection:
        found = connection.execute("SELECT count(*) FROM crm_kept WHERE name = 'mark'").fetchone()
    assert found == (left,)


def survives(disk: Disk, folder: Path, plan: list[str], people: int, *, beside: bool) -> None:
    """Send to everybody while the power goes at each step of the plan; everything that runs dies with it.

    :param beside: every second time after the freeze another worker works beside the one at the step.
    """
    (folder / "carrier.json").write_text(json.dumps({"sms_carrier": BOOKS, "lease_seconds": 1}))
    crm = world(connect(f"sqlite:///{disk.folder}/crm.db"), folder, **settings(folder))
    add_people(crm, range(1, people + 1))
    campaign = launched(crm)
    crm.db.close()
    disk.sync()
    luck = random.Random(len(plan))
    with nursery(crm, campaign, folder, people, disk.environment) as workers:
        workers.until += 3.0 * len(plan) - 60.0
        for number, kill_at in enumerate(plan):
            _dies(workers, kill_at, beside=beside and number % 2 == 1 and number > 1)
            disk.cut(luck if number % 3 == 2 else None)
        _let_leases_end(crm)
        workers.finish()
    check_books(crm, campaign, taken(folder / "books.txt"), 2 * len(plan), IN_FLIGHT)
    crm.db.close()


def _let_leases_end(crm: Crm) -> None:
    """What the dead had leased is free at once: the test need not wait for it."""
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    with crm.db.begin() as session:
        held = sa.update(Delivery).where(Delivery.lease_until.is_not(None))
        session.execute(held.values(lease_until=long_ago))


def _dies(workers: Nursery, kill_at: str, *, beside: bool) -> None:
    """Let a worker work up to a step, and all that works beside it die with it."""
    others = [workers.start()] if beside else []
    assert workers.is_gone(workers.start(kill_at)), f"nobody came by {kill_at}"
    for pid in others:
        _kill(pid)
        assert workers.is_gone(pid)


@SQLITE
def test_the_power_is_cut_and_nobody_gets_it_twice(disk: Disk, tmp_path: Path) -> None:
    survives(disk, tmp_path, ["after_call"], 100, beside=False)


@pytest.mark.long
@SQLITE
def test_the_power_is_cut_fifty_times(disk: Disk, tmp_path: Path) -> None:
    often = [f"{step}:{times}" for step in STEPS[2:] for times in (1, 1, 1, 1, 2, 2, 3)]
    random.Random(11).shuffle(often)
    plan = [*STEPS[:2], *often, "after_call"]
    assert len(plan) >= 50
    survives(disk, tmp_path, plan, 6000, beside=True)


class Server:
    """A PostgreSQL that answers before it has written, and that can be killed.

    :param folder: of its files.
    """

    SETTINGS = ("synchronous_commit=off", "wal_writer_delay=10s")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start it, also after it was killed, and wait until it answers."""
        self._process, self.url = postgresql.start(self._folder, *self.SETTINGS)
        until = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < until, (self._folder / "server.log").read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        database = connect(self.url)
        try:
            with database.read() as session:
                return bool(session.scalar(sa.text("SELECT 1")))
        except (sa.exc.DBAPIError, Unavailable):
            return False
        finally:
            database.close()

    def kill(self) -> None:
        """Kill it: what it has not written is gone."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def end(self) -> None:
        """End it for good."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of the test's own; the path of its socket must be short."""
    if reason := postgresql.find():
        absent(reason)
    folder = Path(tempfile.mkdtemp(prefix="crm-pg-"))
    folder.chmod(0o755)
    found = Server(folder)
    yield found
    found.end()
    shutil.rmtree(folder)


def outlives(server: Server, folder: Path, plan: list[str], people: int) -> None:
    """Send to everybody while the server is killed after each step; an empty one is a moment of chance."""
    database = connect(server.url)
    upgrade(database)
    (folder / "carrier.json").write_text(json.dumps({"sms_carrier": BOOKS, "lease_seconds": 1}))
    crm = world(database, folder, **settings(folder))
    add_people(crm, range(1, people + 1))
    campaign = launched(crm)
    chance = random.Random(len(plan))
    with nursery(crm, campaign, folder, people) as workers:
        workers.until += 6.0 * len(plan) - 60.0
        for kill_at in plan:
            pid = workers.start(kill_at)
            if kill_at:
                assert workers.is_gone(pid), f"nobody came by {kill_at}"
            else:
                time.sleep(chance.uniform(0.3, 0.6))
            server.kill()
            server.start()
            if not kill_at:
                # It lives on: what it knows of its messages it writes down now.
                time.sleep(1.5)
                _kill(pid)
        crm.db.close()
        _let_leases_end(crm)
        workers.finish()
    check_books(crm, campaign, taken(folder / "books.txt"), len(plan), IN_FLIGHT)
    crm.db.close()


def test_a_server_that_answers_before_it_writes_is_killed(server: Server, tmp_path: Path) -> None:
    outlives(server, tmp_path, ["after_call"], 100)


@pytest.mark.long
def test_such_a_server_is_killed_twenty_times(server: Server, tmp_path: Path) -> None:
    plan = [*STEPS[:2], *["after_call"] * 4, *STEPS[2:], *["", "after_call:3"] * 4]
    plan = plan[:20] + [""] * (20 - len(plan))
    assert len(plan) >= 20
    outlives(server, tmp_path, plan, 6000)
