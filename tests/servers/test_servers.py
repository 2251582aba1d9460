"""The test servers themselves: they answer, they are private, they die with the run."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import sqlalchemy
from redis import Redis

from tests.servers.guard import OutsideNetwork

_CHECKOUT = Path(__file__).resolve().parents[2]

_RUN_THAT_IS_KILLED = """
import os, signal
from tests.servers.run import open_run, url_of
lock = open_run()
print(os.environ["CRM_TEST_RUN"], url_of("valkey"), url_of("postgresql"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_each_database_is_empty_and_takes_text_of_any_script(db_url: str) -> None:
    engine = sqlalchemy.create_engine(db_url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
        connection.execute(sqlalchemy.text("CREATE TABLE word (word VARCHAR(20))"))
        connection.execute(sqlalchemy.text("INSERT INTO word VALUES (:word)"), {"word": "灯塔😀"})
        assert connection.execute(sqlalchemy.text("SELECT word FROM word")).scalar_one() == "灯塔😀"


def test_valkey_is_empty_for_each_test(valkey_url: str) -> None:
    with Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


test_valkey_is_empty_for_each_test_again = test_valkey_is_empty_for_each_test


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", b"example.com", "2001:db8::1"])
def test_only_this_machine_can_be_reached(host: str) -> None:
    with pytest.raises(OutsideNetwork):
        socket.create_connection((host, 80), timeout=1)


def test_servers_die_with_a_run_that_was_killed() -> None:
    command = [sys.executable, "-c", _RUN_THAT_IS_KILLED]
    run = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    folder = Path(run.stdout.split()[0])
    deadline = time.monotonic() + 20
    while _left_of(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _left_of(folder) == []


def _left_of(folder: Path) -> list[str]:
    """Files and processes that a run has left behind."""
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [" ".join(words) for words in commands if str(folder) in " ".join(words)] + [
        str(path) for path in [folder] if path.exists()
    ]
