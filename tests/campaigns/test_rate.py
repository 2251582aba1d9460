"""The rate of a campaign over several processes, with all of them and the queue's memory dying half way."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from crm_plugin.host.context import Crm
from crm_plugin.kernel.clock import system_clock
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue.queue import Queue
from tests.campaigns.fixtures import books, ready, world

N = 200
PROCESSES = 4
BATCH = 20
POSTGRESQL = pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)


@contextmanager
def workers(crm: Crm, folder: Path, redis_url: str, campaign: int) -> Iterator[None]:
    """Processes that drain a campaign, killed at the end."""
    url = crm.db.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.campaigns.rate_worker", url, str(folder), redis_url]
    with ExitStack() as ends:
        for _ in range(PROCESSES):
            process = ends.enter_context(subprocess.Popen([*command, str(campaign)]))
            ends.callback(process.kill)
        yield


def read(file: Path) -> list[tuple[float, int]]:
    """Return (instant, messages), in order."""
    lines = file.read_text().splitlines() if file.exists() else []
    return sorted((float(at), int(count)) for at, count in map(str.split, lines))


def fullest(events: list[tuple[float, int]], seconds: float = 1.0) -> int:
    """Return how many messages the fullest sliding window holds; it is open at its start."""
    most = held = first = 0
    for at, count in events:
        held += count
        while events[first][0] <= at - seconds:
            held -= events[first][1]
            first += 1
        most = max(most, held)
    return most


def busiest_rate(events: list[tuple[float, int]], begins: float, ends: float) -> float:
    """Return messages a second between two instants."""
    return sum(count for at, count in events if begins < at <= ends) / (ends - begins)


@dataclass
class Measured:
    """What came of a run."""

    rates: tuple[float, float]
    """Messages a second in the two halves, the starts of the processes left out."""
    granted: int
    """In the fullest sliding second, by the senders' grants."""
    arrived: int
    """The same at the carrier."""


def run(database: Database, folder: Path, redis_url: str, seconds: float) -> Measured:
    """Send at full rate, with a restart of everything in the middle."""
    crm = world(database, folder, people=int(N * (seconds + 6)))
    crm.queue, crm.clock = Queue(redis_url), system_clock
    campaign = ready(crm, policy={"rate": {"n": N, "per_seconds": 1}})
    halves = []
    for _ in range(2):
        before = len(read(folder / "arrived.txt"))
        with workers(crm, folder, redis_url, campaign):
            while len(read(folder / "arrived.txt")) < before + 20:  # all are there, and past the first burst
                time.sleep(0.05)
            begins = time.time()
            time.sleep(seconds / 2)
            ends = time.time()
        halves.append((begins, ends))
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()  # what it had granted is forgotten
    granted, arrived = read(folder / "granted.txt"), read(folder / "arrived.txt")
    taken = [line.split()[0] for line in (folder / "books.txt").read_text().splitlines()]
    assert len(taken) == len(set(taken))
    # Who is killed between the two files has noted one call more.
    assert 0 <= sum(count for _, count in arrived) - len(taken) <= 2 * PROCESSES * BATCH
    assert books(crm, campaign)["considered"] >= len(taken)
    first, second = (busiest_rate(arrived, *half) for half in halves)
    found = Measured((first, second), fullest(granted), fullest(arrived))
    print(f"{database.dialect}: {found}")
    return found


@POSTGRESQL
def test_four_processes_keep_a_rate_through_a_restart(
    database: Database, tmp_path: Path, valkey_url: str
) -> None:
    found = run(database, tmp_path, valkey_url, 6)
    assert found.granted <= N
    # One call more, where the machine halts a process between its last look at the clock and the call.
    assert found.arrived <= N + BATCH
    assert min(found.rates) >= 0.6 * N


@pytest.mark.long
def test_for_a_minute(database: Database, tmp_path: Path, valkey_url: str) -> None:
    found = run(database, tmp_path, valkey_url, 60)
    assert found.granted <= N
    assert found.arrived <= 1.02 * N
    assert min(found.rates) >= 0.95 * N


def test_the_fullest_window_is_found() -> None:
    assert fullest([(0.0, 3), (0.5, 3), (1.0, 3), (1.2, 3)]) == 9
