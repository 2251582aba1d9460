"""Workers are killed at every marked step and at random: nobody is lost, nobody gets it twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.ledger import states
from crm_plugin.campaigns.models import Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.kill_points import STEPS
from tests.campaigns.carriers_killed import KINDS, opened
from tests.campaigns.fixtures import BOOKS, add_people, launched, state, status, world
from tests.campaigns.kill_worker import settings
from tests.fakes.carrier import taken
from tests.fakes.host import staff

PEOPLE = 2000
IN_FLIGHT = 20
PATIENCE = 120.0
"""Seconds after which the test gives up, and some more for each kill."""
PER_KILL = 6.0


class Nursery:
    """Starts workers, kills some, and looks at the books meanwhile."""

    def __init__(
        self, crm: Crm, campaign: int, process: "subprocess.Popen[str]", people: int = PEOPLE
    ) -> None:
        self.crm = crm
        self.campaign = campaign
        self.process = process
        self.people = people
        self.until = time.monotonic() + PATIENCE
        self.samples = 0

    def start(self, kill_at: str = "") -> int:
        """Fork a worker; return its process id."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(kill_at + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self, pid: int, seconds: float) -> bool:
        """Sample the books until a worker is gone, or so long; tell whether it is gone."""
        until = min(time.monotonic() + seconds, self.until)
        while time.monotonic() < until:
            self.sample()
            if not _alive(pid):
                return True
            time.sleep(0.02)
        return False

    def is_gone(self, pid: int) -> bool:
        """Wait until a worker is gone, without a look at its database; tell whether it is."""
        while _alive(pid) and time.monotonic() < self.until:
            time.sleep(0.01)
        return not _alive(pid)

    def sample(self) -> states.Books:
        """Look at the books: they balance at every instant."""
        with self.crm.db.read() as session:
            books = states.books(session, [self.campaign])[self.campaign]
        assert books.considered == sum(books.excluded.values()) + sum(books.states.values())
        # The copying is chunked: before it is done nobody is there, or everybody of whole chunks.
        assert books.considered in (0, self.people)
        self.samples += 1
        return books

    def finish(self) -> None:
        """Let healthy workers work until nothing is left but what a person must decide."""
        workers = [self.start(), self.start()]
        while state(self.crm, self.campaign) != "finished":
            assert time.monotonic() < self.until, self.sample()
            self.sample()
            time.sleep(0.1)
        for pid in workers:
            _kill(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _kill(pid: int) -> None:
    if _alive(pid):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def nursery(
    crm: Crm, campaign: int, folder: Path, people: int = PEOPLE, environment: Mapping[str, str] | None = None
) -> Iterator[Nursery]:
    """The process that forks the workers, with variables of its own; all of them die with it."""
    url = crm.db.engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.campaigns.kill_worker", url, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    with process:
        try:
            yield Nursery(crm, campaign, process, people)
        finally:
            process.kill()


def check(crm: Crm, campaign: int, books: Path, kills: int) -> None:
    """0 lost, 0 twice, unknown no more than were in flight; a person's decision ends the campaign."""
    check_books(crm, campaign, taken(books), kills, IN_FLIGHT)


def check_books(crm: Crm, campaign: int, carrier: list[str], kills: int, in_flight: int) -> None:
    """The same, by what the carrier's own books say it took."""
    sent = Counter(carrier)
    assert [address for address, times in sent.items() if times > 1] == []
    with crm.db.read() as session:
        rows = session.execute(sa.select(Delivery.state, Delivery.address, Delivery.token)).all()
    assert Counter(row.state for row in rows).keys() <= {"sent", "unknown"}
    assert [row.address for row in rows if row.state == "sent" and row.address not in sent] == []
    unknown = Counter(row.token for row in rows if row.state == "unknown")
    assert all(count <= in_flight for count in unknown.values())
    assert len(unknown) <= kills
    count = service.resolve(crm, staff("tester"), campaign, "sent")
    assert count == sum(unknown.values())
    assert status(crm, campaign)["books"]["sent"] == len(rows)
    assert state(crm, campaign) == "finished"


def killed(database: Database, folder: Path, plan: list[str], kind: str = BOOKS, people: int = 0) -> None:
    """Send to everybody while workers die by the plan; an empty step is a moment of chance."""
    people = people or KINDS[kind].per_kill * len(plan)
    with opened(kind, folder) as (values, books):
        (folder / "carrier.json").write_text(json.dumps(values))
        crm = world(database, folder, **settings(folder))
        add_people(crm, range(1, people + 1))
        campaign = launched(crm, KINDS[kind].document)
        kills = carry_out(crm, campaign, folder, plan, people)
        check_books(crm, campaign, books(crm), kills, KINDS[kind].in_flight)


def carry_out(crm: Crm, campaign: int, folder: Path, plan: list[str], people: int) -> int:
    """Kill by the plan, then let healthy workers end it; return how many died."""
    chance = random.Random(len(plan))
    with nursery(crm, campaign, folder, people) as workers:
        workers.until += PER_KILL * len(plan)
        for kill_at in plan:
            pid = workers.start(kill_at)
            if not kill_at:
                workers.wait(pid, chance.uniform(0.02, 0.3))
                _kill(pid)
            gone = workers.wait(pid, workers.until - time.monotonic())
            assert gone, f"nobody came by {kill_at}: {workers.sample()}"
        workers.finish()
        assert workers.samples > len(plan)
    return len(plan)


def test_workers_die_at_each_step_and_at_random(database: Database, tmp_path: Path) -> None:
    killed(database, tmp_path, [*STEPS, "", ""], people=PEOPLE)


@pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("kind", ["outbox", "smtp", "http", "host"])
def test_each_carrier(database: Database, tmp_path: Path, kind: str) -> None:
    killed(database, tmp_path, ["after_call", ""], kind)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_workers_die(database: Database, tmp_path: Path, kind: str) -> None:
    often = [f"{step}:{times}" for step in STEPS[2:] for times in (*[1] * 18, 2, 2, 2, 3, 3)]
    often += [""] * (200 - 2 - len(often))
    random.Random(7).shuffle(often)
    killed(database, tmp_path, [*STEPS[:2], *often], kind)


def test_eight_processes_freeze_and_send_at_once(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, **settings(tmp_path))
    add_people(crm, range(1, PEOPLE + 1))
    campaign = launched(crm)
    with nursery(crm, campaign, tmp_path) as workers:
        for _ in range(6):
            workers.start()
        workers.finish()
    check(crm, campaign, tmp_path / "books.txt", kills=0)
