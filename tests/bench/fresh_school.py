"""The school of `make bench-freshness`: a book on disk, a process that writes into it, its worker.

Whoever has done something stands in the book; of all others the school has nothing new to say. Changes since
a mark are never any: what reaches the CRM comes by events alone.
"""

import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask

from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import hookimpl
from crm_plugin.kernel.process import die_with_parent
from crm_plugin.kernel.settings import Settings
from crm_plugin.plugin import init_app
from tests.fakes.host import host_info

KINDS = ("payment", "opt-out", "suspension")
COURSE = "wanted"
"""What those who are asked to pay have not paid yet."""
_BOOK = "BENCH_BOOK"


class FreshSchool:
    """A host plug-in.

    :param book: the SQLite file of what happened.
    """

    def __init__(self, book: Path) -> None:
        self._book = book

    def write(self, kind: str, number: int, group: str) -> tuple[str, str, float]:
        """Let a person do something; return (stream, id, when it was committed).

        :param group: the tag that the person has.
        """
        stream, row = _happened(kind, number, group)
        with _opened(self._book) as book:
            book.execute("INSERT OR REPLACE INTO book VALUES (?, ?, ?)", (stream, row.id, pickle.dumps(row)))
        return stream, row.id, time.time()

    @hookimpl
    def host_info(self) -> r.HostInfo:
        return host_info()

    @hookimpl
    def host_scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        raise AssertionError("nothing is to be scanned")

    @hookimpl
    def host_fetch(self, stream: str, ids: list[str]) -> r.FetchPage:
        with _opened(self._book) as book:
            kept = dict(book.execute("SELECT id, row FROM book WHERE stream = ?", (stream,)))
        found = [pickle.loads(kept[id]) for id in ids if id in kept]
        return r.FetchPage(found, [id for id in ids if id not in kept])

    @hookimpl
    def host_mark(self, stream: str) -> str:
        return "0"

    @hookimpl
    def host_changes(self, stream: str, mark: str, limit: int) -> r.ChangePage:
        return r.ChangePage([], mark)

    @hookimpl
    def host_estimate(self, stream: str) -> int | None:
        return None

    @hookimpl
    def host_current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        return None

    @hookimpl
    def host_url(self, kind: str, id: str) -> str | None:
        return None

    @hookimpl
    def host_subscribe(self, sink: Any) -> bool:
        self.sink = sink
        return True

    @hookimpl
    def host_push_consent(self, person_id: str, channel: str, state: str, at: Any, reason: str) -> bool:
        return True


def _happened(kind: str, number: int, group: str) -> tuple[str, Any]:
    now, mail = datetime.now(UTC), f"l{number}@mail.example.com"
    if kind == "payment":
        price = Decimal(99)
        line = r.OrderLine("course", COURSE, price)
        return "orders", r.Order(
            f"paid{number}", f"p{number}", "paid", price, "CNY", created_at=now, paid_at=now, lines=(line,)
        )
    status = "suspended" if kind == "suspension" else "active"
    consents = (r.Consent("email", False, at=now, source="page"),) if kind == "opt-out" else ()
    name = f"Learner {number}"
    return "persons", r.Person(
        f"p{number}", status, name, email=mail, registered_at=now, tags=(group,), consents=consents
    )


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    book = sqlite3.connect(path, timeout=30)
    try:
        with book:
            book.execute("CREATE TABLE IF NOT EXISTS book (stream, id, row, PRIMARY KEY (stream, id))")
            yield book
    finally:
        book.close()


class Web:
    """The school's own web process: it commits what people do and emits an event, as its requests would.

    :param settings: of the CRM in it, with an instance folder of its own: it is another machine.
    """

    def __init__(self, book: Path, settings: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.told, self.done = context.Queue(), context.Queue()
        arguments = (book, settings, self.told, self.done)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        assert self.done.get(timeout=60) is None

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def _serve(book: Path, settings: dict[str, Any], told: Any, done: Any) -> None:
    school = FreshSchool(book)
    init_app(Flask("school"), school, Settings(**settings))
    done.put(None)
    while True:
        kind, number, group = told.get()
        stream, id, at = school.write(kind, number, group)
        school.sink.emit(r.HostEvent(stream, [id]))
        done.put((kind, number, at))


def create_app() -> Flask:
    """Make the application of ``flask crm worker``."""
    app = Flask("school")
    init_app(app, FreshSchool(Path(os.environ[_BOOK])))
    return app


@contextmanager
def worker(book: Path, settings: dict[str, Any], log: Path) -> Iterator[None]:
    """Run ``flask crm worker`` with all its processes."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    named = {f"CRM_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "flask", "--app", "tests.bench.fresh_school:create_app", "crm", "worker"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=others | named | {_BOOK: str(book)}, stdout=output, stderr=output, preexec_fn=_ends
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def _ends() -> None:
    die_with_parent(signal.SIGTERM)
