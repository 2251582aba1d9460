"""A Redis that throws keys away, or was done without, never lets a window go twice."""

import pytest
import redis

from crm_plugin.channels.rates.throttle import LEAD, MOST_LEAD, SETTLE, Throttle
from crm_plugin.channels.rates.window import Limit
from crm_plugin.channels.rates.window_lua import KEY
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue.queue import Queue
from tests.channels.test_throttle import MINUTE, Simulated
from tests.fakes.crm import make_crm
from tests.fakes.redis_server import Server

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.fixture
def crm(database: Database, redis_server: Server) -> Crm:
    redis_server.make_room()
    redis_server.client.flushall()
    crm = make_crm(database)
    crm.queue = Queue(redis_server.url)
    return crm


def settled(throttle: Throttle, clock: Simulated, limit: Limit, count: int) -> None:
    """Have messages granted, after the time in which nothing is."""
    assert throttle.reserve([limit], count).wait == SETTLE
    clock.now += SETTLE
    assert throttle.reserve([limit], count).wait == 0


def squeeze(redis_server: Server, policy: str) -> None:
    """Fill the memory with keys that nobody needs, until our own are thrown away as well."""
    redis_server.client.config_set("maxmemory-policy", policy)
    redis_server.client.config_set("maxmemory", redis_server.client.info("memory")["used_memory"] + 200_000)
    for portion in range(6):
        filling = redis_server.client.pipeline(transaction=False)
        for number in range(500):
            filling.set(f"other:{portion}:{number}", "x" * 400, ex=3600)
        filling.execute()
        if not redis_server.client.exists(KEY):
            return


@pytest.mark.parametrize("policy", ["allkeys-random", "volatile-ttl"])
def test_what_was_thrown_away_is_not_granted_once_more(crm: Crm, redis_server: Server, policy: str) -> None:
    """The ledger does not know yet of what was granted a moment ago."""
    clock = Simulated()
    throttle = Throttle(crm, lambda _limit: [], clock)
    settled(throttle, clock, MINUTE, 10)
    squeeze(redis_server, policy)
    wait = throttle.reserve([MINUTE], 10).wait
    assert wait >= SETTLE, "either it remembers, or it knows that it has forgotten"
    if policy == "volatile-ttl":
        assert redis_server.client.exists(KEY), "it has no end, so it is never among those"
        assert wait > 50


def test_all_of_it_is_one_key(crm: Crm, redis_server: Server) -> None:
    clock = Simulated()
    throttle = Throttle(crm, lambda _limit: [], clock)
    settled(throttle, clock, MINUTE, 10)
    throttle.take_longer([MINUTE])
    assert redis_server.client.keys("*") == [KEY.encode()]


def test_more_time_before_use_is_shared_and_ends(crm: Crm) -> None:
    clock, limit = Simulated(), Limit("x", 10, 1)
    throttle = Throttle(crm, now=clock)
    assert throttle.reserve([limit], 8).lead == LEAD
    for longer in (2 * LEAD, 4 * LEAD, MOST_LEAD):
        throttle.take_longer([limit])
        clock.now += 1.1
        assert Throttle(crm, now=clock).reserve([limit], 8).lead == pytest.approx(longer)
    clock.now += 20
    assert throttle.reserve([limit], 8).lead == LEAD


def test_limits_that_nobody_asks_for_any_more_go(crm: Crm, redis_server: Server) -> None:
    clock = Simulated()
    throttle = Throttle(crm, lambda _limit: [], clock)
    settled(throttle, clock, Limit("first", 5, 1), 1)
    for number in range(400):
        clock.now += 0.1
        assert throttle.reserve([Limit(f"domain:{number}", 5, 1)], 1).wait == 0
    assert redis_server.client.hlen(KEY) < 300


@pytest.mark.parametrize("cut_off", ["full", "replica"])
def test_what_one_process_granted_without_redis_binds_the_others(
    crm: Crm, redis_server: Server, cut_off: str
) -> None:
    """A worker does each wake-up in a new process, which was not there when Redis was done without."""
    clock, ledger = Simulated(), [0]

    def seed(_limit: Limit) -> list[tuple[float, int]]:
        return [(0.0, ledger[0])] if ledger[0] else []

    settled(Throttle(crm, seed, clock), clock, MINUTE, 5)
    if cut_off == "full":
        redis_server.fill()
    else:
        redis_server.command("REPLICAOF", "127.0.0.1", "1")
    ledger[0], first = 5, Throttle(crm, seed, clock)
    while wait := first.reserve([MINUTE], 5).wait:
        clock.now += wait + 1e-6
    ledger[0] = 10
    redis_server.make_room()
    redis_server.command("REPLICAOF", "NO", "ONE")
    later = make_crm(crm.db)  # another process
    later.queue = Queue(redis_server.url)
    second, waited = Throttle(later, seed, clock), 0.0
    while wait := second.reserve([MINUTE], 5).wait:
        clock.now, waited = clock.now + wait + 1e-6, waited + wait
    assert waited >= 50
    third = make_crm(crm.db)
    third.queue = Queue(redis_server.url)
    assert Throttle(third, seed, clock).reserve([MINUTE], 5).wait > SETTLE, (
        "settled once, not for each process"
    )


def test_it_is_said_once(crm: Crm, redis_server: Server, caplog: pytest.LogCaptureFixture) -> None:
    clock = Simulated()
    redis_server.fill()
    throttle = Throttle(crm, lambda _limit: [], clock)
    for _ in range(20):
        clock.now += throttle.reserve([MINUTE], 5).wait
    throttle.take_longer([MINUTE])
    assert len([one for one in caplog.messages if "memory is full" in one]) == len(caplog.messages) == 1


def test_a_script_that_is_forgotten_is_loaded_again(crm: Crm, redis_server: Server) -> None:
    clock = Simulated()
    throttle = Throttle(crm, now=clock)
    assert throttle.reserve([MINUTE], 5).wait == 0
    redis_server.client.script_flush()
    assert throttle.reserve([MINUTE], 5).wait > 0
    assert isinstance(redis_server.client, redis.Redis)
