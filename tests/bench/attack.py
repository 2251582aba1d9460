"""A flood of logins against `crm serve`: what visitors of links and a colleague notice: `make bench-attack`.

Sixteen connections send wrong passwords without a pause: first all from one address, then each try from an
address of its own (named by a proxy on this machine), so that every one is hashed. Visitors follow a short
link meanwhile, some fifty times a second, and a colleague reads pages. First there is no flood.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import create_engine

from crm_plugin.demo.generate import fill
from crm_plugin.kernel.settings import Settings
from crm_plugin.links.service import make_links, signer
from crm_plugin.plugin import open_crm
from tests.bench.rig import machine, say, servers
from tests.servers.databases import empty_database

REDIRECT, PAGE = 0.1, 1.0
"""Bars: seconds of 99 in 100 redirects, and of 99 in 100 pages of a colleague."""
FLOOD, VISITORS = 16, 5
PAUSE = 0.1
"""Seconds between two requests of a visitor, and of the colleague."""
PAGES = ("/admin/crm/", "/admin/crm/people", "/admin/crm/queries", "/admin/crm/campaigns")
CRM = [sys.executable, "-m", "crm_plugin.cli"]
SECRET = "a secret of at least thirty-two letters"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Browser:
    """A connection that is kept, with its cookies."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def __post_init__(self) -> None:
        self._line = HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, address: str = "") -> int:
        """Return the status of an answer, after reading all of it."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if address:
            headers["X-Forwarded-For"] = address
        self._line.request(method, path, None if form is None else urlencode(form), headers)
        answer = self._line.getresponse()
        text = answer.read().decode("utf-8", "replace")
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = _TOKEN.search(text)
        self.token = found[1] if found else self.token
        return answer.status

    def sign_in(self, login: str, password: str, address: str = "") -> int:
        """Send the form of the sign-in; return the status."""
        if not self.token:
            self.ask("GET", "/login", address=address)
        form = {"login": login, "password": password, "csrf_token": self.token}
        return self.ask("POST", "/login", form, address)


class Crowd:
    """Threads that do something again and again, and how long each time took."""

    def __init__(self, count: int, act: Callable[[int, int], int], pause: float) -> None:
        self.seconds: list[float] = []
        self.statuses: dict[int, int] = {}
        self._act, self._pause = act, pause
        self._stop, self._guard = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(count)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        times = 0
        while not self._stop.is_set():
            began = time.perf_counter()
            status = self._act(number, times)
            took = time.perf_counter() - began
            with self._guard:
                self.seconds.append(took)
                self.statuses[status] = self.statuses.get(status, 0) + 1
            times += 1
            self._stop.wait(self._pause)

    def late(self, share: float) -> float:
        """Return the seconds that so many of the times took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    """Run it for each database that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", default=os.environ.get("DB", "sqlite,postgresql"))
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--flood", metavar="PORT ADDRESSES", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.flood:
        _flood(int(given.flood[0]), given.flood[1] == "many")
        return
    with servers():
        for kind in given.db.split(","):
            with (
                tempfile.TemporaryDirectory(prefix="crm-bench-") as folder,
                empty_database(kind, Path(folder)) as url,
            ):
                _on(kind, url, Path(folder), given)


def _on(kind: str, url: str, folder: Path, given: argparse.Namespace) -> None:
    school = f"sqlite:///{folder / 'school.db'}"
    engine = create_engine(school)
    fill(engine, given.people)
    engine.dispose()
    settings = {"host": "demo_school", "host_url": school, "database_url": url, "host_region": "CN"}
    settings |= {
        "instance": str(folder / "instance"),
        "secret_key": "a secret of at least thirty-two letters",
    }
    environment = os.environ | {f"CRM_{name.upper()}": value for name, value in settings.items()}
    _crm(environment, "init", "--no-progress")
    password = _crm(environment, "account", "add", "colleague", "--permission", "crm.admin").split(" / ")[1]
    crm = open_crm(Settings(**settings))
    say(f"{kind}, {given.people:,} people: {machine(crm.db)}")
    with crm.db.begin() as session:
        link = make_links(session, 1, ["https://school.example/offer"], crm.clock())[0]
    code = signer(crm).code(link, 0)
    crm.close()
    with _served(environment) as port:
        colleague = Browser(port)
        assert colleague.sign_in("colleague", password.strip()) == 302
        Browser(port).ask("GET", f"/r/{code}")
        for page in PAGES:  # what is only made once is not what a flood slows down
            colleague.ask("GET", page)
        for flood in ("", "one", "many"):
            _measure(port, code, colleague, password.strip(), flood, given.seconds)


def _crm(environment: dict[str, str], *words: str) -> str:
    return subprocess.run([*CRM, *words], env=environment, check=True, capture_output=True, text=True).stdout


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[int]:
    port = _free_port()
    process = subprocess.Popen([*CRM, "serve", "--port", str(port)], env=environment)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                Browser(port).ask("GET", "/login")
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _measure(port: int, code: str, colleague: Browser, password: str, flood: str, seconds: float) -> None:
    def enter(_number: int, _times: int) -> int:
        returning.token = ""
        return returning.sign_in("colleague", password)

    returning = Browser(port, {"crm_known": colleague.cookies["crm_known"]})
    visitors = [Browser(port) for _ in range(VISITORS)]
    command = [sys.executable, "-m", "tests.bench.attack", "--flood", str(port), flood]
    flooding = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) if flood else None
    if flooding and flooding.stdout:
        flooding.stdout.readline()
    follow = Crowd(VISITORS, lambda number, _: visitors[number].ask("GET", f"/r/{code}"), PAUSE)
    read = Crowd(1, lambda _, times: colleague.ask("GET", PAGES[times % len(PAGES)]), PAUSE)
    again = Crowd(1, enter, 2.0)
    with follow, read, again:
        time.sleep(seconds)
    guessed = flooding.communicate(b"")[0].decode().strip() if flooding else "none"
    say(f"flood from {flood or 'no'} address(es): {guessed}")
    crowds = (
        ("redirects", follow, REDIRECT),
        ("pages", read, PAGE),
        ("sign-ins of somebody known", again, 0),
    )
    for name, crowd, bar in crowds:
        half, most, all_ = (crowd.late(share) * 1000 for share in (0.5, 0.99, 1.0))
        limit = f" (bar {bar * 1000:.0f})" if bar else ""
        times = f"p50 {half:.0f} ms, p99 {most:.0f} ms{limit}, at most {all_:.0f} ms"
        say(f"  {name}: {len(crowd.seconds)} {crowd.statuses}, {times}")


def _flood(port: int, many: bool) -> None:
    """Guess passwords on all connections until the input ends; print how the tries were answered."""
    browsers = [Browser(port) for _ in range(FLOOD)]

    def guess(number: int, times: int) -> int:
        address = f"10.{number}.{times // 250 % 250}.{times % 250}" if many else "203.0.113.1"
        return browsers[number].sign_in(f"name{number}", "wrong", address)

    began = time.perf_counter()
    with Crowd(FLOOD, guess, 0.0) as crowd:
        time.sleep(1.0)
        print("under way", flush=True)
        sys.stdin.read()
    rate = len(crowd.seconds) / (time.perf_counter() - began)
    print(f"{rate:.0f} tries a second, answers {crowd.statuses}, p50 {crowd.late(0.5) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
