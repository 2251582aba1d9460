"""The sign-in of `crm serve` under guesses and floods: what it costs us, and whom it keeps out."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from crm_plugin.demo import accounts as school_accounts
from crm_plugin.demo.models import db as school_db
from crm_plugin.kernel.credentials import passwords
from crm_plugin.kernel.db.engine import Database
from crm_plugin.serve import sign_in_limits
from crm_plugin.serve.known_browser import COOKIE
from crm_plugin.serve.sign_in import Turns
from crm_plugin.serve.sign_in_limits import (
    FIRST_WAIT,
    FORGOTTEN,
    FREE,
    FREE_THEN,
    GUESSED_AT,
    LONGEST_WAIT,
    Caller,
    Limits,
)
from tests.demo.school import Visitor, opened
from tests.fakes.crm import NOW
from tests.serve.test_shell import Shell, open_shell
from tests.web.forms import posted

SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
PASSWORD = "a long password"


class Hasher:
    """Hashes at once and badly, and keeps the books about it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.now = self.most = self.made = 0
        self._guard = threading.Lock()

    def hash(self, password: str) -> str:
        with self._guard:
            self.now += 1
            self.made += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds)
        with self._guard:
            self.now -= 1
        return f"hash of {password}"

    def verify(self, stored: str, password: str) -> bool:
        return self.hash(password) == stored


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> Hasher:
    made = Hasher()
    monkeypatch.setattr(passwords, "_hasher", made)
    return made


@pytest.fixture
def shell(database: Database, tmp_path: Path, hasher: Hasher) -> Shell:
    made = open_shell(database, tmp_path, read=False)
    made.add("admin", PASSWORD, "crm.admin")
    return made


def sign_in(shell: Shell, login: str, password: str, address: str, client: FlaskClient | None = None) -> int:
    """Return the status of a try from an address; in a browser of its own, if not in this one."""
    client = client or shell.client.application.test_client()
    base = {"REMOTE_ADDR": address}
    token = posted(client.get("/login", environ_base=base).text)["csrf_token"]
    form = {"login": login, "password": password, "csrf_token": token}
    return client.post("/login", data=form, environ_base=base).status_code


@pytest.fixture
def transactions(database: Database) -> Iterator[set[int]]:
    """The threads that are in a transaction."""
    busy: set[int] = set()

    def begin(_connection: object) -> None:
        busy.add(threading.get_ident())

    def end(_connection: object) -> None:
        busy.discard(threading.get_ident())

    events = (("begin", begin), ("commit", end), ("rollback", end))
    for name, heard in events:
        sa.event.listen(database.engine, name, heard)
    yield busy
    for name, heard in events:
        sa.event.remove(database.engine, name, heard)


@SQLITE
def test_a_flood_hashes_two_at_once_and_outside_of_transactions(
    shell: Shell, hasher: Hasher, transactions: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, inside = passwords.matches, []

    def noted(stored: str, password: str) -> bool:
        inside.append(threading.get_ident() in transactions)
        return compare(stored, password)

    monkeypatch.setattr(passwords, "matches", noted)
    hasher.seconds = 0.01

    def guess(number: int) -> int:
        login = "admin" if number % 2 else f"nobody{number}"
        return sign_in(shell, login, "wrong", f"203.0.113.{number}")

    with ThreadPoolExecutor(16) as flood:
        answers = list(flood.map(guess, range(48)))
    assert set(answers) <= {403, 503}
    assert answers.count(403) > 16
    assert (hasher.most, len(inside)) == (2, answers.count(403))
    assert not any(inside)


@SQLITE
def test_accounts_are_written_with_a_hash_that_was_made_before(
    shell: Shell, transactions: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from crm_plugin.cli.serve import _save
    from crm_plugin.kernel.credentials.accounts import Grant

    inside: list[bool] = []
    make = passwords.hashed

    def noted(password: str) -> str:
        inside.append(threading.get_ident() in transactions)
        return make(password)

    monkeypatch.setattr(passwords, "hashed", noted)
    password = _save(shell.crm, "ann", Grant(["crm.view"]))
    assert inside == [False]
    assert sign_in(shell, "ann", password, "203.0.113.1") == 302


@SQLITE
def test_a_password_that_was_changed_meanwhile_opens_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = passwords.matches

    def slowly(stored: str, password: str) -> bool:
        right = compare(stored, password)
        shell.add("admin", "another password", "crm.admin")
        return right

    monkeypatch.setattr(passwords, "matches", slowly)
    assert sign_in(shell, "admin", PASSWORD, "203.0.113.1") == 403


@SQLITE
def test_guesses_beyond_the_limit_cost_no_hash(shell: Shell, hasher: Hasher) -> None:
    made = hasher.made
    answers = [sign_in(shell, f"name{number}", "wrong", "203.0.113.1") for number in range(3 * FREE)]
    assert answers == [403] * FREE + [429] * 2 * FREE
    assert hasher.made - made == FREE
    assert sign_in(shell, "x" * 1_000, "wrong", "203.0.113.1") == 429


@SQLITE
def test_strangers_lock_nobody_out(shell: Shell) -> None:
    mine = shell.client.application.test_client()
    assert sign_in(shell, "admin", PASSWORD, "198.51.100.1", mine) == 302
    assert mine.get_cookie(COOKIE, path="/login") is not None
    for number in range(2 * GUESSED_AT):
        sign_in(shell, "admin", "wrong", f"203.0.113.{number % 40}")
    assert sign_in(shell, "admin", PASSWORD, "203.0.113.1") == 429, "not even with the right one"
    assert sign_in(shell, "admin", PASSWORD, "203.0.113.1", mine) == 302, "a browser that is known"
    assert sign_in(shell, "admin", PASSWORD, "198.51.100.1") == 302, "an address that is known"
    assert sign_in(shell, "admin", PASSWORD, "198.51.100.2") == 302, "an address that guessed nothing"


@SQLITE
def test_a_cookie_of_ones_own_name_opens_no_other(shell: Shell) -> None:
    shell.add("mallory", PASSWORD, "crm.view")
    browser = shell.client.application.test_client()
    assert sign_in(shell, "mallory", PASSWORD, "203.0.113.1", browser) == 302
    for number in range(FREE):
        sign_in(shell, f"name{number}", "wrong", "203.0.113.9", browser)
    assert sign_in(shell, "admin", "wrong", "203.0.113.9", browser) == 429
    made_up = browser.get_cookie(COOKIE, path="/login")
    assert made_up is not None
    for value in ("", "x", made_up.value[:-1] + "!", "é" * 34, "a" * 34, "a" * 3000):
        browser.set_cookie(COOKIE, value, path="/login")
        assert sign_in(shell, "admin", "wrong", "203.0.113.9", browser) == 429


def browser(name: str) -> Caller:
    return Caller("198.51.100.9", name)


STRANGERS = [Caller(f"203.0.113.{number}") for number in range(200)]


def guess(limits: Limits, login: str, caller: Caller, times: int = 1, now: Any = NOW) -> None:
    for _ in range(times):
        limits.wrong(login, caller, now)


def test_each_wrong_password_doubles_the_wait_up_to_a_limit() -> None:
    limits, stranger = Limits(), STRANGERS[0]
    guess(limits, "ann", stranger, FREE - 1)
    assert limits.wait("ann", stranger, NOW) == 0
    waits = []
    for _ in range(8):
        guess(limits, "ann", stranger)
        waits.append(limits.wait("bob", stranger, NOW))
    first, longest = FIRST_WAIT.total_seconds(), LONGEST_WAIT.total_seconds()
    assert waits == [min(longest, first * 2**number) for number in range(8)]
    assert limits.wait("ann", STRANGERS[1], NOW) == 0
    assert limits.wait("ann", stranger, NOW + FORGOTTEN) <= 0


def test_one_guess_an_hour_keeps_nobody_out() -> None:
    limits, now = Limits(), NOW
    for number in range(3 * GUESSED_AT):
        guess(limits, "ann", STRANGERS[number % 200], FREE_THEN, now)
        now += timedelta(minutes=59)
    assert limits.wait("ann", Caller("198.51.100.1"), now) == 0


def test_many_addresses_guess_a_few_times_each() -> None:
    limits = Limits()
    for stranger in STRANGERS:
        guess(limits, "ann", stranger, FREE_THEN)
    assert limits.wait("ann", STRANGERS[0], NOW) == FORGOTTEN.total_seconds()
    assert limits.wait("bob", STRANGERS[0], NOW) == 0
    assert limits.wait("ann", browser("ann's"), NOW) == 0


def test_a_known_browser_has_a_count_of_its_own() -> None:
    limits = Limits()
    guess(limits, "ann", browser("ann's"), FREE)
    assert limits.wait("ann", browser("ann's"), NOW) > 0
    assert limits.wait("ann", browser("her other one"), NOW) == 0
    limits.right("ann", browser("ann's"))
    assert limits.wait("ann", browser("ann's"), NOW) == 0


def test_neighbours_in_one_ipv6_network_share_a_count() -> None:
    limits = Limits()
    for number in range(FREE):
        guess(limits, "ann", Caller(f"2001:db8:0:{number:x}::{number:x}"))
    assert limits.wait("ann", Caller("2001:db8::7"), NOW) > 0
    assert limits.wait("ann", Caller("2001:db8:0:100::7"), NOW) == 0
    guess(limits, "ann", Caller("203.0.113.5"), FREE)
    assert limits.wait("ann", Caller("::ffff:203.0.113.5"), NOW) > 0


def test_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_limits, "REMEMBERED", 50)
    limits = Limits()
    for number in range(70):
        limits.wrong(f"name{number}", Caller(f"address {number}"), NOW)
        limits.right(f"name{number}", Caller(f"address {number}"))
    counts = (limits._callers, limits._names, limits._pairs)
    assert max(len(limits._homes), *(len(one._kept) for one in counts)) == 50


def test_known_people_go_first_and_not_all_strangers_wait() -> None:
    turns, order = Turns(at_once=1, strangers=2), []

    def go(name: str, first: bool) -> None:
        with turns.taken(first=first) as mine:
            order.append(name if mine else f"{name} is sent away")

    with turns.taken(first=False) as mine:
        assert mine
        waiting = []
        for name, first in (("one", False), ("two", False), ("three", False), ("ann", True)):
            waiting.append(threading.Thread(target=go, args=(name, first)))
            waiting[-1].start()
            time.sleep(0.02)
        assert order == ["three is sent away"]
    for thread in waiting:
        thread.join()
    assert order[1] == "ann"
    assert sorted(order[2:]) == ["one", "two"]


def test_a_name_that_nobody_has_costs_a_hash_of_today() -> None:
    assert not passwords._hasher.check_needs_rehash(passwords.NOBODY)
    assert not passwords.matches(passwords.NOBODY, "")
    assert not passwords.matches("no hash at all", "")


def test_the_reference_school_hashes_outside_of_transactions_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = []
    for name in ("check_password_hash", "generate_password_hash"):
        make = getattr(school_accounts, name)

        def noted(*words: str, make: Any = make) -> Any:
            inside.append(school_db.session().in_transaction())
            return make(*words)

        monkeypatch.setattr(school_accounts, name, noted)
    with opened(f"sqlite:///{tmp_path / 'school.db'}", people=0) as app:
        wen = Visitor(app)
        form = {"username": "wen", "display_name": "Wen", "email": "wen@example.com"}
        assert wen.post("/register", **form, password="correct horse").location == "/courses"
        wen.post("/profile/password", old="correct horse", new="another horse")
        assert Visitor(app).post("/login", login="wen", password="another horse").location == "/"
    assert inside == [False] * 4
