"""The process that keeps one server for a test run: `python -m tests.servers.keeper KIND FOLDER RUN_LOCK`.

It starts the server, writes the URL to FOLDER/url (or the trouble to FOLDER/trouble), and then waits for
the lock that the run holds. A run that ends, in whatever way, lets go of it: the server is killed and the
folder removed. If the keeper itself is killed, the server dies with it.
"""

import fcntl
import importlib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import sqlalchemy
from redis import Redis

START_SECONDS = 120.0


def main(kind: str, folder: Path, run_lock: Path) -> None:
    """Keep a server of this kind (postgresql, mariadb, valkey) until the run is over."""
    try:
        process, url = importlib.import_module(f"tests.servers.{kind}").start(folder)
        _wait_until_it_answers(process, url)
        publish(folder / "url", url)
    except Exception as trouble:
        publish(folder / "trouble", f"{trouble}\n{_tail(folder / 'server.log')}")
        raise
    with run_lock.open("r+") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
    if not any(path.is_dir() for path in run_lock.parent.iterdir()):  # the last keeper tidies up
        shutil.rmtree(run_lock.parent, ignore_errors=True)


def publish(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or none."""
    unfinished = path.with_suffix(".part")
    unfinished.write_text(text)
    unfinished.rename(path)


def _wait_until_it_answers(process: Any, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return _ask(url)
        except Exception:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _ask(url: str) -> None:
    """Ask the server for the smallest answer; raises while it is not ready."""
    if url.startswith("unix:"):
        with Redis.from_url(url) as client:
            client.ping()
        return
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""


if __name__ == "__main__":
    if os.fork():  # the one who asked goes on; the keeper belongs to nobody and outlives the asking worker
        os._exit(0)
    os.setsid()
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
