"""``crm doctor`` and the queue: one line for each way in which it takes no wake-ups, or will not soon."""

import pytest

from crm_plugin.cli.doctor.checks import Line, examine
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue.queue import Queue
from tests.fakes.crm import make_crm
from tests.fakes.redis_server import Server

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.fixture
def crm(database: Database, redis_server: Server) -> Crm:
    redis_server.make_room()
    redis_server.client.config_set("maxmemory-policy", "noeviction")
    crm = make_crm(database)
    crm.queue = Queue(redis_server.url)
    return crm


def found(crm: Crm) -> list[Line]:
    return [line for line in examine(crm) if line.name.startswith("queue")]


def test_one_that_takes_wake_ups(crm: Crm, redis_server: Server) -> None:
    assert crm.queue.wake("tests.kernel.worker_jobs.beat")
    assert found(crm) == [Line("queue", True, "takes wake-ups; 1 wait")]
    redis_server.client.flushall()
    assert not found(crm)[0].detail.startswith("answers")
    assert redis_server.client.keys("*") == [], "what it wrote it has removed"


def test_one_that_answers_and_takes_nothing(crm: Crm, redis_server: Server) -> None:
    redis_server.fill()
    (line,) = found(crm)
    assert (line.ok, line.detail.partition(":")[0]) == (False, "its memory is full")
    assert line.detail.endswith("crm worker does the work itself until it is mended")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_policy_that_throws_keys_away(crm: Crm, redis_server: Server, policy: str) -> None:
    redis_server.client.config_set("maxmemory-policy", policy)
    assert len(found(crm)) == 1, "it never does without a limit"
    redis_server.client.config_set("maxmemory", "100mb")
    line = found(crm)[1]
    assert (line.ok, line.detail.partition(":")[0]) == (True, policy)
    assert "set maxmemory-policy to noeviction" in line.detail


def test_one_that_is_nearly_full(crm: Crm, redis_server: Server) -> None:
    used = redis_server.client.info("memory")["used_memory"]
    redis_server.client.config_set("maxmemory", int(used * 1.05))
    line = found(crm)[1]
    assert (line.ok, line.name) == (False, "queue's memory")
    assert "% are used: raise maxmemory" in line.detail
