"""One test run and the servers that all its processes share.

The process that a person started (the controller of pytest-xdist, or pytest itself) opens the run and
holds its lock; workers find the run's folder in the environment.
"""

import fcntl
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.servers.keeper import START_SECONDS

_FOLDER = "CRM_TEST_RUN"
_GIVEN = {"postgresql": "CRM_TEST_PG_URL", "mariadb": "CRM_TEST_MARIADB_URL", "valkey": "CRM_TEST_REDIS_URL"}
_CHECKOUT = Path(__file__).resolve().parents[2]


class Unavailable(Exception):
    """There is no such server on this machine; the text says which and how to get it."""


def open_run() -> IO[str]:
    """Begin a run: make its folder, name it to the workers, hold its lock until `close_run` or death."""
    folder = Path(tempfile.mkdtemp(prefix="crm-tests-"))
    folder.chmod(0o711)  # the servers' own account must be able to pass through
    os.environ[_FOLDER] = str(folder)
    lock = (folder / "run.lock").open("w")
    # A record lock, because forked children do not inherit it: an orphan must not keep the servers alive.
    fcntl.lockf(lock, fcntl.LOCK_EX)
    return lock


def close_run(lock: IO[str]) -> None:
    """End the run: its keepers stop their servers; their folders are waited for, then all is removed."""
    lock.close()
    folder = Path(os.environ.pop(_FOLDER))
    deadline = time.monotonic() + 5
    while any(folder.glob("*/")) and time.monotonic() < deadline:
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def url_of(kind: str) -> str:
    """The administrator's URL of this run's server of a kind (postgresql, mariadb, valkey).

    A URL in CRM_TEST_PG_URL, CRM_TEST_MARIADB_URL or CRM_TEST_REDIS_URL wins; otherwise the server is
    started, once for all workers. Raises `Unavailable` where the machine has none.
    """
    if given := os.environ.get(_GIVEN[kind]):
        return given
    missing = importlib.import_module(f"tests.servers.{kind}").find()
    if missing:
        raise Unavailable(missing)
    run = Path(os.environ[_FOLDER])
    with _locked(run / f"{kind}.lock"):
        folder = run / kind
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o711)
            _start_keeper(kind, folder, run / "run.lock")
        return _published(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield


def _start_keeper(kind: str, folder: Path, run_lock: Path) -> None:
    with (folder / "keeper.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "tests.servers.keeper", kind, str(folder), str(run_lock)],
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,  # it tells of its trouble in a file
        )


def _published(folder: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if (folder / "url").exists():
            return (folder / "url").read_text()
        if (folder / "trouble").exists():
            raise RuntimeError((folder / "trouble").read_text())
        time.sleep(0.05)
    raise RuntimeError(f"no answer from the keeper of {folder.name}: {(folder / 'keeper.log').read_text()}")
