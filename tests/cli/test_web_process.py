"""`crm serve` as a real process: its web process comes again when it dies, and ends with it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from tests.cli.test_demo import all_gone, free_port
from tests.cli.test_processes import start, wait_for
from tests.road import Road

Served = tuple["subprocess.Popen[str]", int]


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
        return b"<form" in answer.read()
    return False


@pytest.fixture
def served(road: Road) -> Iterator[Served]:
    port = free_port()
    process = start(road, "serve", "--port", str(port))
    wait_for(lambda: process.poll() is not None or answers(port), 60)
    assert process.poll() is None, process.communicate()
    yield process, port
    process.kill()
    process.communicate()


def test_a_web_process_that_dies_comes_again_and_a_signal_ends_it(served: Served) -> None:
    process, port = served
    parent = psutil.Process(process.pid)
    (web,) = parent.children()
    time.sleep(2)  # one that lives no longer is not started again
    web.kill()
    wait_for(lambda: web not in parent.children() and answers(port))
    below = parent.children()
    with socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(b"GET /login HTTP/1.1\r\nHo")
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, errors = process.communicate(timeout=20)
        assert time.monotonic() - began < 8, "waits for a request that may never come"
    assert process.returncode == 128 + signal.SIGTERM
    assert errors.count("\n") == 1, errors
    assert "is started again" in errors
    assert all_gone(below)


def test_a_killed_parent_takes_its_web_process_along(served: Served) -> None:
    process, _ = served
    below = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    assert all_gone(below)


def test_what_cannot_be_served_is_not_tried_for_ever() -> None:
    code = "from crm_plugin.cli.wsgi_server import _keep; _keep(lambda: 3)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert "ChildProcessError: the web process ended" in done.stderr
