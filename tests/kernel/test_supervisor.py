"""What a supervisor does at each beat: ticks that are due, a queue kept alive, workers that must end."""

import logging
import subprocess
import sys

import pytest
from rq import Queue as RqQueue

from crm_plugin.kernel.jobs import worker
from crm_plugin.kernel.jobs.worker import Supervisor
from crm_plugin.kernel.queue.queue import JOB_SECONDS, LONG_SECONDS, NAME, TICK_SECONDS, Queue

RAN: list[str] = []
HOUR, NOBODY = 3600, "tests.kernel.worker_jobs.tick"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
"""A worker that does not listen when it is asked to end."""


def quick() -> None:
    """Write down that it ran."""
    RAN.append("quick")


def broken() -> None:
    """Write down that it ran, and fail."""
    RAN.append("broken")
    raise RuntimeError("this job fails on purpose")


def tickers(*every: tuple[str, int]) -> Supervisor:
    return Supervisor(Queue(), [(f"{__name__}.{name}", seconds) for name, seconds in every])


@pytest.fixture(autouse=True)
def ran() -> list[str]:
    RAN.clear()
    return RAN


def test_a_job_runs_at_once_and_then_whenever_it_is_due(ran: list[str]) -> None:
    supervisor = tickers(("quick", 10))
    for now in (0.0, 9.9, 10.0, 10.1, 19.9, 20.0):
        supervisor._tick(now)
    assert ran == ["quick"] * 3


def test_a_job_that_fails_is_logged_and_the_others_run(
    ran: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = tickers(("broken", 1), ("quick", 1))
    for now in (0.0, 1.0):
        supervisor._tick(now)
    assert ran == ["broken", "quick"] * 2
    assert f"{__name__}.broken failed" in caplog.text


def test_a_job_that_a_queue_takes_is_not_done_here(ran: list[str], valkey_url: str) -> None:
    queue = Queue(valkey_url)
    Supervisor(queue, [(f"{__name__}.quick", HOUR)])._tick(0.0)
    assert (queue.length(), ran) == (1, [])


@pytest.mark.parametrize(("every", "kept"), [(1, 5), (60, 60)])
def test_a_tick_expires_before_the_next_one_is_due(valkey_url: str, every: int, kept: int) -> None:
    assert Queue(valkey_url).tick(NOBODY, every)
    (job,) = RqQueue(NAME, connection=Queue(valkey_url).redis, serializer="json").jobs
    assert (job.ttl, job.timeout, job.result_ttl, job.failure_ttl) == (kept, TICK_SECONDS, 0, HOUR)


@pytest.mark.parametrize("seconds", [JOB_SECONDS, LONG_SECONDS])
def test_a_wake_up_waits_for_ever_and_may_take_its_time(valkey_url: str, seconds: int) -> None:
    assert Queue(valkey_url).wake(NOBODY, 1, "a", seconds=seconds)
    (job,) = RqQueue(NAME, connection=Queue(valkey_url).redis, serializer="json").jobs
    assert (job.ttl, job.timeout, list(job.args)) == (None, seconds, [1, "a"])


@pytest.mark.parametrize("fault", [OSError("no room"), TimeoutError("too slow")])
def test_a_queue_of_our_own_is_started_again_every_five_seconds(
    caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    tried: list[float] = []

    def start() -> None:
        tried.append(now)
        raise fault

    supervisor = Supervisor(Queue("redis://127.0.0.1:1/0"), [], 0, keep_queue=start)
    for now in (100.0, 100.5, 104.9, 105.0, 110.0):
        with caplog.at_level(logging.WARNING):
            supervisor._look_after_queue(now)
    assert tried == [100.0, 105.0, 110.0]
    assert caplog.text.count(f"the queue does not start again: {fault}") == 3


def test_a_queue_that_answers_is_left_alone(valkey_url: str) -> None:
    tried: list[str] = []
    Supervisor(Queue(valkey_url), [], 0, keep_queue=lambda: tried.append("start"))._look_after_queue(100.0)
    assert tried == []


def test_a_worker_that_does_not_end_in_time_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_GRACE", 0.3)
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    supervisor = Supervisor(Queue(), [])
    supervisor._children = {child.pid}
    supervisor._end_children()
    assert child.wait(timeout=5) == -9
    child.stdout.close()
