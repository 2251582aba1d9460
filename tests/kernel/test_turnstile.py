"""Writers of SQLite come one after the other, in the order in which they began to wait."""

import os
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.db.turnstile import SUFFIX, Turnstile

HELD = 0.05
ADD = sa.text("INSERT INTO t VALUES (1)")


def made(folder: Path) -> Database:
    database = connect(f"sqlite:///{folder / 'one.db'}")
    with database.begin() as session:
        session.execute(sa.text("CREATE TABLE t (a)"))
    return database


def test_a_short_write_waits_for_two_transactions_of_bulk_work_at_most(tmp_path: Path) -> None:
    """Two others write without a pause; SQLite itself let the third one wait until it gave up."""
    database, over = made(tmp_path), threading.Event()

    def write() -> None:
        while not over.is_set():
            with database.begin() as session:
                session.execute(ADD)
                time.sleep(HELD)

    others = [threading.Thread(target=write) for _ in range(2)]
    for other in others:
        other.start()
    try:
        waited = []
        for _ in range(8):
            began = time.monotonic()
            with database.begin() as session:
                session.execute(ADD)
            waited.append(time.monotonic() - began)
    finally:
        over.set()
        for other in others:
            other.join()
    assert sorted(waited)[4] < 6 * HELD, waited
    database.close()


def test_a_child_keeps_no_place(tmp_path: Path) -> None:
    (tmp_path / "one.db").touch()
    turnstile = Turnstile(tmp_path / "one.db")
    reading, writing = os.pipe()
    with turnstile.waiting():
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    began = time.monotonic()
    with turnstile.waiting():
        assert time.monotonic() - began < 2
    os.close(writing)
    os.waitpid(child, 0)


@pytest.mark.parametrize("unusable", ["a folder", "memory"])
def test_without_a_place_there_is_no_order_and_no_failure(tmp_path: Path, unusable: str) -> None:
    (tmp_path / f"one.db{SUFFIX}").mkdir()
    database = made(tmp_path) if unusable == "a folder" else connect("sqlite://")
    with database.begin() as session:
        assert session.scalar(sa.text("SELECT 1")) == 1
    database.close()
