"""A Redis that answers and takes nothing: it is named, worked without, and used again later."""

import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from crm_plugin.channels.rates.throttle import Throttle
from crm_plugin.channels.rates.window import Limit
from crm_plugin.kernel.db.engine import connect
from crm_plugin.kernel.migrate import upgrade
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.queue.queue_faults import fault_of
from tests.fakes.certificate import self_signed
from tests.fakes.crm import make_crm
from tests.fakes.redis_server import Server
from tests.kernel.test_worker import pids, wait_for

JOB = "tests.kernel.worker_jobs.tick"
PROGRAM = """
import sys
from pathlib import Path
from crm_plugin.kernel.jobs import worker
from crm_plugin.kernel.queue.queue import Queue
worker._REST = worker._TRIAL = 1.0
worker.Supervisor(Queue(sys.argv[1], Path(sys.argv[2])), [("tests.kernel.worker_jobs.beat", 1)], 1).run()
"""


@pytest.fixture(autouse=True)
def clean(redis_server: Server) -> Iterator[None]:
    yield
    redis_server.make_room()
    redis_server.command("REPLICAOF", "NO", "ONE")
    redis_server.client.config_set("min-replicas-to-write", 0)
    redis_server.client.config_set("maxmemory-policy", "noeviction")
    redis_server.client.flushall()


def fill(redis_server: Server) -> None:
    redis_server.fill()


def replica(redis_server: Server) -> None:
    redis_server.command("REPLICAOF", "127.0.0.1", "1")


def alone(redis_server: Server) -> None:
    redis_server.client.config_set("min-replicas-to-write", 1)


def no_disk(redis_server: Server) -> None:
    """Let a snapshot fail, as with a full disk."""
    redis_server.client.config_set("save", "3600 1")
    redis_server.client.set("anything", 1)
    redis_server.folder.chmod(0o500)
    redis_server.client.bgsave()
    wait_for(lambda: redis_server.client.info("persistence")["rdb_last_bgsave_status"] == "err")


def disk_again(redis_server: Server) -> None:
    redis_server.folder.chmod(0o755)
    redis_server.client.config_set("save", "")


FAULTS: list[tuple[Callable[[Server], None], str]] = [
    (fill, "full"),
    (replica, "read_only"),
    (alone, "alone"),
    (no_disk, "disk"),
]


@pytest.mark.parametrize(("break_it", "kind"), FAULTS)
def test_what_answers_and_takes_nothing_is_not_up(
    redis_server: Server, break_it: Callable[[Server], None], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    queue = Queue(redis_server.url)
    assert queue.trouble() is None
    assert queue.is_up()
    break_it(redis_server)
    try:
        found = queue.trouble()
        assert found is not None
        assert (found.kind, queue.is_up()) == (kind, False)
        with caplog.at_level(logging.WARNING):
            assert not any([queue.wake(JOB, 1), queue.tick(JOB, 60), queue.wake(JOB, 2)])
        assert caplog.messages == [f"workers do without Redis: {found.words}"], (
            "one line however often it fails"
        )
    finally:
        disk_again(redis_server)


def test_a_key_that_was_tried_is_not_left_behind(redis_server: Server) -> None:
    assert Queue(redis_server.url).trouble() is None
    assert redis_server.client.keys("crm:tried:*") == []


def test_the_processes_of_an_installation_warn_once(
    redis_server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.fill()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert not Queue(redis_server.url, tmp_path).wake(JOB)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("user", ["ann:wrong@", ":wrong@", "ann:right@", ""])
def test_users_and_what_they_may_do(redis_server: Server, user: str) -> None:
    """A wrong password, none, and one whose user may only read."""
    redis_server.command("ACL", "SETUSER", "ann", "on", ">right", "~*", "+@read", "+@connection")
    redis_server.client.config_set("requirepass", "other")
    try:
        found = Queue(f"unix://{user}{redis_server.url.removeprefix('unix://')}").trouble()
    finally:
        redis_server.client.config_set("requirepass", "")
        redis_server.command("ACL", "DELUSER", "ann")
    assert found is not None
    assert found.kind == ("forbidden" if "right" in user else "password")
    assert "wrong" not in found.words


@contextmanager
def saying(answer: bytes) -> Iterator[str]:
    """A server that says the same to everything."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                link = listener.accept()[0]
                with link:
                    while link.recv(4096):
                        link.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"-LOADING Valkey is loading the dataset in memory\r\n", "loading"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "read_only"),
        (b"HTTP/1.1 400 Bad Request\r\n", "no_redis"),
        (b"-ERR max number of clients reached\r\n", "away"),
        (b"-ERR something else\r\n", "other"),
    ],
)
def test_other_answers(answer: bytes, kind: str) -> None:
    with saying(answer) as url:
        found = Queue(url).trouble()
    assert found is not None
    assert found.kind == kind


def test_one_that_is_away_and_a_pipeline_that_was_refused() -> None:
    found = Queue("redis://127.0.0.1:1/0").trouble()
    assert found is not None
    assert (found.kind, found.words) == ("away", "it does not answer")
    # A script that was refused has the code of the server somewhere in its text.
    assert fault_of(redis.ResponseError("ERR Error running script: OOM command not allowed")).kind == "full"


@contextmanager
def encrypted(redis_server: Server, certificate: Path) -> Iterator[int]:
    """TLS before a server; what comes by it is handed on."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            with suppress(OSError), socket.socket(socket.AF_UNIX) as behind:
                plain = listener.accept()[0]
                behind.connect(redis_server.url.removeprefix("unix://"))
                with context.wrap_socket(plain, server_side=True) as link:
                    while asked := link.recv(65_536):
                        behind.sendall(asked)
                        link.sendall(behind.recv(65_536))
            if listener.fileno() < 0:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.close()


def test_a_certificate_that_is_not_trusted_is_named_with_what_to_do(
    redis_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    with encrypted(redis_server, certificate) as port:
        queue = Queue(f"rediss://localhost:{port}/0")
        found = queue.trouble()
        assert found is not None
        assert "self-signed certificate; to trust your own CA, name its file in SSL_CERT_FILE" in found.words
        other = Queue(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}.crt").trouble()
        assert other is not None
        assert "for another name than the one that redis_url says" in other.words
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        assert Queue(f"rediss://localhost:{port}/0").trouble() is None
        assert queue.wake(JOB)
        queue.close()
    with saying(b"-ERR no TLS here\r\n") as url:
        plain = Queue(url.replace("redis:", "rediss:")).trouble()
    assert plain is not None
    assert "it speaks no TLS on this port: write redis://" in plain.words


@contextmanager
def supervised(url: str, book: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(book.with_name("warned"))],
        env=os.environ | {"TEST_BOOK": str(book)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def log_of(process: "subprocess.Popen[str]") -> list[str]:
    """End a supervisor and return what it and its workers wrote."""
    process.terminate()
    said = process.communicate(timeout=20)[1].splitlines()
    assert process.returncode == 0
    return said


def test_the_supervisor_does_the_work_while_it_is_full_and_workers_when_there_is_room(
    redis_server: Server, tmp_path: Path
) -> None:
    book = tmp_path / "book"
    redis_server.fill()
    with supervised(redis_server.url, book) as process:
        wait_for(lambda: len(pids(book)) >= 2)
        assert set(pids(book)) == {process.pid}
        redis_server.make_room()
        wait_for(lambda: set(pids(book)) - {process.pid})
        said = log_of(process)
    assert said == [
        "workers do without Redis: its memory is full: raise maxmemory, or remove what other "
        "programs keep there"
    ]


@pytest.mark.long
@pytest.mark.parametrize("forbidden", ["-blmove -blpop", "-hset", "-evalsha"])
def test_the_supervisor_does_the_work_while_workers_cannot_live_with_it(
    redis_server: Server, tmp_path: Path, forbidden: str
) -> None:
    """It takes wake-ups; but nobody would take them out again."""
    book = tmp_path / "book"
    redis_server.command("ACL", "SETUSER", "rq", "on", "nopass", "~*", "&*", "+@all", *forbidden.split())
    with supervised(f"unix://rq:any@{redis_server.url.removeprefix('unix://')}", book) as process:
        wait_for(lambda: len(pids(book)) >= 4)
        assert set(pids(book)) == {process.pid}
        redis_server.command("ACL", "SETUSER", "rq", "+@all")
        wait_for(lambda: set(pids(book)) - {process.pid})
        there, began = len(pids(book)), time.monotonic()
        wait_for(lambda: len(pids(book)) >= there + 4)
        assert process.pid not in pids(book)[there:], "the workers do it again"
        assert time.monotonic() - began < 15
        said = log_of(process)
    assert len(said) == 1, said
    assert "the user of redis_url may not do all that is needed" in said[0]


@pytest.mark.long
def test_the_documented_user_may_do_all_that_is_needed_and_nothing_else(
    redis_server: Server, tmp_path: Path
) -> None:
    """Nothing that we or RQ do is refused to it, a killed job and a rate included."""
    redis_server.command("ACL", "SETUSER", "crm", "reset")
    redis_server.command(*documented("ACL SETUSER crm"))
    redis_server.command("ACL", "LOG", "RESET")
    url = f"unix://crm:PASSWORD@{redis_server.url.removeprefix('unix://')}"
    book, queue = tmp_path / "book", Queue(url)
    assert (queue.trouble(), queue.length()) == (None, 0)
    assert queue.memory() is not None
    rates(queue, tmp_path)
    with supervised(url, book) as process:
        wait_for(lambda: len(pids(book)) >= 2)
        assert process.pid not in pids(book)
        queue.wake("tests.kernel.worker_jobs.tick")
        queue.wake("tests.kernel.worker_jobs.drain", sends=True)
        wait_for(lambda: "draining" in book.read_text())
        os.kill(int(next(line for line in book.read_text().splitlines() if "draining" in line).split()[1]), 9)
        time.sleep(35)  # RQ tidies up after what was killed
        log_of(process)
    refused: list[dict[bytes, bytes]] = redis_server.command("ACL", "LOG")
    assert refused == []
    ours: Any = redis.Redis.from_url(url)
    for words in (("GET", "other"), ("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("ACL", "LIST")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            ours.execute_command(*words)
    ours.close()


def documented(begin: str) -> list[str]:
    """Return the words of a line of the documentation."""
    lines = (Path(__file__).parents[2] / "docs/install.md").read_text().splitlines()
    return next(line.strip() for line in lines if line.strip().startswith(begin)).split()


def rates(queue: Queue, folder: Path) -> None:
    """Ask a throttle as sending does, with a ledger and more time."""
    database = connect(f"sqlite:///{folder / 'rates.db'}")
    upgrade(database)
    crm = make_crm(database)
    crm.queue = queue
    throttle = Throttle(crm, lambda _limit: [])
    limit = Limit("x", 10, 1)
    time.sleep(throttle.reserve([limit], 8).wait)
    assert throttle.reserve([limit], 8).wait == 0
    throttle.take_longer([limit])
    throttle.reserve([limit], 8)
    database.close()
