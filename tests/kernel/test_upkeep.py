"""Upkeep goes on whatever else is done: in a process of its own, each job in a thread of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crm_plugin.kernel.queue.queue import Queue
from tests.kernel.test_worker import alive, children_of, pids, wait_for

PROGRAM = """
import sys
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.jobs.worker import Supervisor
jobs = [(f"tests.kernel.worker_jobs.{name}", 1) for name in sys.argv[2:]]
Supervisor(Queue(sys.argv[1]), [], 1, kept_up=jobs).run()
"""


def start(url: str, book: Path, *jobs: str) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-c", PROGRAM, url, *jobs]
    return subprocess.Popen(words, env=os.environ | {"TEST_BOOK": str(book)})


@contextmanager
def supervised(url: str, book: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = start(url, book, "hang", "tick")
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(timeout=25) == 0


def test_neither_a_drain_nor_a_job_that_hangs_holds_it_up(valkey_url: str, tmp_path: Path) -> None:
    book = tmp_path / "book"
    with supervised(valkey_url, book):
        Queue(valkey_url).wake("tests.kernel.worker_jobs.drain")
        wait_for(lambda: book.exists() and "draining" in book.read_text())
        before = book.read_text().count("tick")
        wait_for(lambda: book.read_text().count("tick") >= before + 3, 8)
        ticks = {line.split()[1] for line in book.read_text().splitlines() if line.startswith("tick")}
        assert len(ticks) == 1, "no process is forked for a tick"


def test_when_it_is_killed_another_takes_its_place(tmp_path: Path) -> None:
    book = tmp_path / "book"
    with supervised("", book) as process:
        wait_for(lambda: pids(book))
        first = pids(book)[0]
        assert first in children_of(process.pid)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: set(pids(book)) - {first})


def test_it_ends_with_its_supervisor(tmp_path: Path) -> None:
    book = tmp_path / "book"
    process = start("", book, "tick")
    wait_for(lambda: pids(book))
    process.kill()
    process.wait()
    wait_for(lambda: not alive(pids(book)[0]), 15)
