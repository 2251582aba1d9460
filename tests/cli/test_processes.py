"""Commands as real processes: at once, killed, interrupted, with a reader that has had enough."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from crm_plugin.cli.server import wsgi_server
from tests.cli.test_demo import all_gone, free_port
from tests.road import Road

CRM = [sys.executable, "-m", "crm_plugin.cli"]
ALL: dict[str, Any] = {"combinator": "and", "rules": []}
Beside = Callable[..., Road]


def start(road: Road, *words: str, **options: Any) -> "subprocess.Popen[str]":
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*CRM, *words], env=os.environ | road.environment, **(pipes | options))


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.02)


def contents(url: str) -> dict[str, list[Any]]:
    """Return the people with their facts, and how many rows each table of school data has."""
    engine = sa.create_engine(url)
    facts = "host_id, email_key, phone_key, paid_count, paid_total, last_active_at, last_learned_at"
    with engine.connect() as connection:
        found = {
            "people": [
                tuple(row)
                for row in connection.execute(sa.text(f"SELECT {facts} FROM crm_person ORDER BY host_id"))
            ]
        }
        for table in ("crm_course", "crm_enrolment", "crm_order", "crm_signal", "crm_stream", "crm_touched"):
            number = connection.execute(sa.text(f"SELECT COUNT(*) FROM {table}")).scalar_one()
            found[table] = [number]
    engine.dispose()
    return found


def test_inits_at_once_make_one_whole_crm(beside: Beside, db_url: str) -> None:
    road = beside(db_url)
    processes = [start(road, "init", "--no-progress") for _ in range(3)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    assert road.crm("sync", "--json")["failed"] == {}
    alone = contents(db_url)
    road.crm("sync", "--full", "--no-progress")
    assert contents(db_url) == alone
    assert len(alone["people"]) > 50


def has_table(url: str) -> bool:
    engine = sa.create_engine(url)
    try:
        return bool(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()


@pytest.mark.parametrize("people", [2000])
@pytest.mark.parametrize(
    "db_kind", ["sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.long)], indirect=True
)
def test_an_init_that_is_killed_goes_on_where_it_was(
    beside: Beside, db_url: str, people: int, tmp_path: Path
) -> None:
    road = beside(db_url, people=people)
    process = start(road, "init")
    wait_for(lambda: has_table(db_url))  # on MariaDB in the middle of making the tables
    process.kill()
    process.communicate()
    for stream in ("courses", "enrolments"):
        process = start(road, "init")
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(line.startswith(stream) for line in lines)
        process.kill()
        process.communicate()
    began = time.monotonic()
    road.crm("init", "--no-progress")
    assert time.monotonic() - began < 60, "waits for the lease of a process that is dead"

    undisturbed = f"sqlite:///{tmp_path / 'undisturbed.db'}"
    other = Road(tmp_path, "demo_school", road.school, undisturbed)
    other.environment = road.environment | {"CRM_DATABASE_URL": undisturbed}
    other.crm("init", "--no-progress")
    mine, theirs = contents(db_url), contents(undisturbed)
    assert [normal(row) for row in mine["people"]] == [normal(row) for row in theirs["people"]]
    assert {key: value for key, value in mine.items() if key != "people"} == {
        key: value for key, value in theirs.items() if key != "people"
    }
    assert len(mine["people"]) > people * 0.99  # who was merged into another account is not one more


def normal(row: tuple[Any, ...]) -> tuple[Any, ...]:
    # Instants come as text from SQLite and with a zone from PostgreSQL.
    return tuple(
        str(value)[:19] if value is not None and index > 4 else value for index, value in enumerate(row)
    )


def test_a_reader_that_has_had_enough_ends_the_command_quietly(road: Road, tmp_path: Path) -> None:
    tree = tmp_path / "all.json"
    tree.write_text(json.dumps(ALL))
    process = start(road, "segment", "ids", str(tree))
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=30)
    assert "Traceback" not in errors
    assert errors.count("\n") <= 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("words", [["worker"], ["init"]])
def test_a_signal_to_end_leaves_no_traceback(
    beside: Beside, words: list[str], number: int, code: int, tmp_path: Path
) -> None:
    road = beside(people=2000)
    if words == ["worker"]:
        road.crm("init", "--no-progress")
    with (tmp_path / "errors").open("w+") as errors:
        process = start(road, *words, stderr=errors)
        begun = tmp_path / ("instance/queue.sock" if words == ["worker"] else "errors")
        wait_for(lambda: begun.exists() and (begun.is_socket() or begun.stat().st_size))
        process.send_signal(number)
        process.communicate(timeout=20)
        errors.seek(0)
        assert "Traceback" not in errors.read()
    # A worker that already listens for signals ends as it was asked to.
    assert process.returncode in ((0, code) if words == ["worker"] else (code,))
    # What it held is free again: nothing waits for it.
    road.crm("init", "--no-progress")


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
        return b"<form" in answer.read()
    return False


def test_a_web_process_that_dies_comes_again_and_a_signal_ends_it(road: Road) -> None:
    port = free_port()
    process = start(road, "serve", "--port", str(port))
    try:
        wait_for(lambda: process.poll() is not None or answers(port), 60)
        (web,) = psutil.Process(process.pid).children()
        time.sleep(2)  # one that lives no longer is not started again
        web.kill()
        wait_for(lambda: web not in psutil.Process(process.pid).children() and answers(port))
        below = psutil.Process(process.pid).children()
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(b"GET /login HTTP/1.1\r\nHo")
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            _, errors = process.communicate(timeout=20)
            assert time.monotonic() - began < 8, "waits for a request that may never come"
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert errors.count("\n") == 1, errors
    assert "is started again" in errors
    assert all_gone(below)


def test_what_cannot_be_served_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    dies = [sys.executable, "-S", "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(wsgi_server, "fork", lambda _: os.posix_spawn(sys.executable, dies, os.environ))
    with pytest.raises(ChildProcessError, match="ended as soon as it had begun"):
        wsgi_server._keep(lambda: 0)


def test_importing_opens_nothing(tmp_path: Path) -> None:
    """No socket, no file for writing, no thread, no process: work begins when somebody asks for it."""
    code = """
import sys
seen = []
def hook(event, arguments):
    # A socket that is only made is urllib3's look whether the machine knows IPv6.
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.fork", "sqlite3.connect"):
        seen.append((event, str(arguments)))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append((event, str(arguments)))
sys.dont_write_bytecode = True
sys.addaudithook(hook)
import crm_plugin.cli, crm_plugin.serve.app, crm_plugin.hostkit, crm_plugin.tables
import crm_plugin.hooks.demo_school, crm_plugin.hooks.moodle
import os, threading
assert threading.active_count() == 1, threading.enumerate()
assert os.listdir(".") == [], os.listdir(".")
assert seen == [], seen
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
