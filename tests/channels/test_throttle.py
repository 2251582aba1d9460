"""Rates: exact over any sliding window, in simulated time on each backend and once in real time."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_plugin.channels.rates.throttle import SETTLE, Throttle
from crm_plugin.channels.rates.window import Limit, State, granted, seeded, wait_for
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue.queue import Queue
from tests.fakes.crm import make_crm

MINUTE = Limit("x", 10, 60)
SLOW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
STEPS = st.lists(st.tuples(st.floats(0, 2), st.integers(1, 12)), min_size=5, max_size=60)


def most_in_a_window(grants: list[tuple[float, int]], seconds: float) -> int:
    """Count what the fullest window holds that is open at its start: windows end at a grant."""
    return max(sum(n for at, n in grants if end - seconds < at <= end) for end, _ in grants)


@given(STEPS, st.integers(12, 40), st.sampled_from([1.0, 7.0, 3600.0]))
def test_no_window_ever_holds_more(steps: list[tuple[float, int]], n: int, seconds: float) -> None:
    limit, state, now = Limit("x", n, seconds), State(), 1_700_000_000.0
    grants = []
    for part, count in steps:
        now += part * seconds / n
        wait = wait_for(state, limit, count, now)
        if wait > 0 and part > 1:
            now, wait = now + wait, 0
            assert wait_for(state, limit, count, now + 1e-6) == 0, "the wait that was told is enough"
            now += 1e-6
        if wait <= 0:
            state = granted(state, limit, count, now)
            grants.append((now, count))
        assert len(state.log) <= 102
    assert most_in_a_window(grants, seconds) <= n


@pytest.mark.parametrize(("n", "seconds", "count"), [(200, 1, 20), (60, 60, 20), (5000, 3600, 20), (7, 1, 7)])
def test_most_of_a_limit_can_be_used(n: int, seconds: float, count: int) -> None:
    limit, state, now, sent = Limit("x", n, seconds), State(), 0.0, 0
    while now < 20 * seconds:
        wait = wait_for(state, limit, count, now)
        if wait > 0:
            now += wait + min(seconds / 1000, 0.05)  # a sleep ends late
            continue
        state, sent = granted(state, limit, count, now), sent + count
    assert sent >= 0.95 * 20 * n


def test_a_seed_counts_against_the_window() -> None:
    limit = Limit("x", 10, 1)
    state = seeded(limit, [(0.5, 6), (0.9, 2)], 100.0)
    assert wait_for(state, limit, 3, 100.0) > 0
    assert sum(bucket[2] for bucket in state.log) == 8


class Simulated:
    """A clock in seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def run(
    throttle: Throttle, clock: Simulated, limits: list[Limit], counts: list[int]
) -> list[tuple[float, int]]:
    """Grant the counts one after the other, waiting as told."""
    grants = []
    for count in counts:
        while (wait := throttle.reserve(limits, count).wait) > 0:
            clock.now += wait
        grants.append((clock.now, count))
    return grants


@pytest.mark.parametrize("seconds", [60.0, 3600.0])
def test_minutes_and_hours_in_the_database(database: Database, seconds: float) -> None:
    crm, clock = make_crm(database), Simulated()
    limits = [Limit("campaign:1", 30, seconds), Limit("sms", 100, seconds)]
    one, other = Throttle(crm, now=clock), Throttle(crm, now=clock)  # two workers share the rows
    grants = run(one, clock, limits, [10] * 5) + run(other, clock, limits, [7] * 8)
    assert most_in_a_window(grants, seconds) <= 30
    assert grants[-1][0] - grants[0][0] <= 1.2 * seconds * 106 / 30


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_redis_and_python_agree(database: Database, client: redis.Redis, valkey_url: str) -> None:
    crm, clock = make_crm(database), Simulated()
    crm.queue = Queue(valkey_url)
    throttle = Throttle(crm, now=clock)

    @SLOW
    @given(STEPS, st.integers(12, 40), st.sampled_from([1.0, 60.0]))
    def agree(steps: list[tuple[float, int]], n: int, seconds: float) -> None:
        client.flushdb()
        limit, state = Limit("x", n, seconds), State()
        for part, count in steps:
            clock.now = round(clock.now + part * seconds / n, 6)
            expected = wait_for(state, limit, count, clock.now)
            if 0 < expected < 2e-6:
                continue  # closer than the microseconds that Redis keeps
            assert throttle.reserve([limit], count).wait == pytest.approx(expected, abs=5e-6)
            if expected <= 0:
                state = granted(state, limit, count, clock.now)

    agree()


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_lost_key_is_seeded_from_the_ledger(
    database: Database, client: redis.Redis, valkey_url: str
) -> None:
    crm, clock, asked = make_crm(database), Simulated(), []
    crm.queue = Queue(valkey_url)

    def seed(limit: Limit) -> list[tuple[float, int]]:
        asked.append(limit.name)
        return [(1.0, 20)] if len(asked) > 1 else []

    limit = Limit("x", 20, 60)
    throttle = Throttle(crm, seed, clock)
    assert throttle.reserve([limit], 20).wait == SETTLE, "what was granted last may not stand there yet"
    clock.now += SETTLE
    assert throttle.reserve([limit], 20).wait == 0
    client.flushdb()
    assert throttle.reserve([limit], 20).wait == SETTLE
    clock.now += SETTLE
    assert throttle.reserve([limit], 20).wait == pytest.approx(59, abs=0.01)
    assert throttle.reserve([limit], 20).wait == pytest.approx(59, abs=0.01)
    assert asked == ["x", "x"], "asked when the key was new and when it was gone"


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_redis_that_was_cut_off_learns_what_the_database_granted(
    database: Database, client: redis.Redis, valkey_url: str
) -> None:
    crm, clock, ledger = make_crm(database), Simulated(), [0]
    throttle, limit = Throttle(crm, lambda limit: [(0.0, ledger[0])] if ledger[0] else [], clock), MINUTE
    crm.queue = Queue(valkey_url)
    throttle.reserve([limit], 5)
    clock.now += SETTLE
    assert throttle.reserve([limit], 5).wait == 0
    crm.queue, ledger[0] = Queue("redis://127.0.0.1:1/0"), 5
    while throttle.reserve([limit], 5).wait:
        clock.now += 1
    crm.queue, ledger[0] = Queue(valkey_url), 10  # back, and it still has its key, without the second five
    waited = 0.0
    while wait := throttle.reserve([limit], 5).wait:
        clock.now, waited = clock.now + wait, waited + wait
    assert waited >= 50


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_dead_redis_never_lets_two_windows_go_as_one(database: Database) -> None:
    crm, clock = make_crm(database), Simulated()
    crm.queue = Queue("redis://127.0.0.1:1/0")
    throttle, limit = Throttle(crm, now=clock), Limit("x", 5, 10)
    first = throttle.reserve([limit], 5).wait
    assert first == pytest.approx(10), "what Redis granted lately is not known"
    clock.now += first
    assert throttle.reserve([limit], 5).wait == 0


def test_more_than_a_window_is_refused(database: Database) -> None:
    with pytest.raises(ValueError):
        Throttle(make_crm(database)).reserve([Limit("x", 5, 1)], 6)


SENDER = """
import sys, time
from pathlib import Path
from crm_plugin.channels.rates.throttle import Throttle
from crm_plugin.channels.rates.window import Limit
from crm_plugin.kernel.db.engine import connect
from crm_plugin.kernel.queue.queue import Queue
from tests.fakes.crm import make_crm
crm = make_crm(connect(sys.argv[1])); crm.queue = Queue(sys.argv[2])
throttle, limit, end = Throttle(crm), Limit("real", 100, 1), time.monotonic() + 3
with Path(sys.argv[3]).open("w") as out:
    while time.monotonic() < end:
        wait = throttle.reserve([limit], 10).wait
        if wait > 0:
            time.sleep(wait)
        else:
            out.write(f"{time.time()}\\n")
"""


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_two_processes_share_a_limit(database: Database, valkey_url: str, tmp_path: Path) -> None:
    db_url = database.engine.url.render_as_string(hide_password=False)
    files = [tmp_path / "one", tmp_path / "two"]
    started = time.monotonic()
    senders = [
        subprocess.Popen([sys.executable, "-c", SENDER, db_url, valkey_url, str(file)]) for file in files
    ]
    assert [sender.wait(60) for sender in senders] == [0, 0]
    grants = sorted(float(line) for file in files for line in file.read_text().splitlines())
    # Written down a moment after the grant, so a hundredth of a second is left for that.
    assert most_in_a_window([(at, 10) for at in grants], 0.99) <= 100
    assert len(grants) * 10 >= 0.7 * 100 * 3, f"{len(grants)} grants in {time.monotonic() - started:.1f} s"
