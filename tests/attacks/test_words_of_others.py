"""What drivers say, of sockets, accounts and people, stands on no page, in no log and in no traceback."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crm_plugin.host.readonly import read_only_engine
from crm_plugin.kernel.db.bulk import FEW, insert_many
from crm_plugin.kernel.db.engine import Database, connect, is_conflict
from crm_plugin.kernel.db.faults import soften, words_of
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.profiles.models.topics import Topic
from crm_plugin.serve.app import create_app
from crm_plugin.serve.sessions import SIGNED_IN
from tests.conftest import absent
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost
from tests.servers.run import Unavailable as Absent
from tests.servers.run import url_of
from tests.web.fixtures import open_school

CANARY = "ann-canary@secret.example"
on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def said(error: BaseException) -> str:
    """Return all that a log would show of an error: the whole chain."""
    return "".join(traceback.format_exception(error))


def fault_of(work: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:
        work()
    return caught.value


def rows(count: int) -> list[dict[str, Any]]:
    """Return topics that all have one name, which only one may have."""
    return [{"name": CANARY, "name_zh": "", "folded": CANARY, "position": 1} for _ in range(count)]


BAD: list[Callable[[Session], Any]] = [
    lambda session: session.execute(sa.insert(Topic), rows(2)),
    lambda session: insert_many(session, Topic, rows(FEW + 2)),
    lambda session: session.execute(sa.text("SELECT :a FROM crm_nothing"), {"a": CANARY}),
    lambda session: session.execute(sa.text("SELECT :a FROM"), {"a": CANARY}),
]


@pytest.mark.parametrize("work", BAD)
def test_no_error_of_a_statement_quotes_a_value(database: Database, work: Callable[[Session], Any]) -> None:
    told = said(fault_of(lambda: database.run(work)))
    assert [word for word in (CANARY, "Key (", "Duplicate", "near") if word in told] == []


def test_codes_stay_and_conflicts_are_known_by_them(database: Database) -> None:
    error = fault_of(lambda: database.run(lambda session: session.execute(sa.insert(Topic), rows(2))))
    codes = {"sqlite": "SQLITE_CONSTRAINT_UNIQUE", "postgresql": "23505", "mysql": "1062"}
    assert f"a rule of its tables forbids this ({codes[database.dialect]})" in str(error)
    assert isinstance(error, DBAPIError)
    assert codes[database.dialect] in words_of(error)
    assert not is_conflict(error)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://boss:hunter2@/crm?host=/nowhere/at/all",
        "postgresql+psycopg://boss:hunter2@127.0.0.1:1/crm",
        "mariadb+pymysql://boss:hunter2@127.0.0.1:1/crm",
        "sqlite:////nowhere/at/all/crm.db",
    ],
)
@pytest.mark.parametrize("opened", [lambda url: connect(url).engine, read_only_engine])
def test_an_address_that_leads_nowhere_is_not_repeated(url: str, opened: Callable[[str], sa.Engine]) -> None:
    engine = opened(url)
    told = said(fault_of(engine.connect))
    assert [word for word in ("boss", "hunter2", "/nowhere", "127.0.0.1") if word in told] == []
    assert "it cannot be reached" in told or "its file cannot be opened" in told


@pytest.mark.parametrize("url", ["postgresql+psycopg://u:p@h:hunter2/db", "hunter2", "hunter2://x"])
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    error = fault_of(lambda: connect(url))
    assert isinstance(error, Unavailable)
    assert "hunter2" not in said(error)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_who_is_not_let_in_is_not_named(kind: str) -> None:
    try:
        server = sa.make_url(url_of(kind))
    except Absent as reason:
        absent(str(reason))
    engine = connect(server.set(username="boss", password="hunter2")).engine
    told = said(fault_of(engine.connect))
    assert [word for word in ("boss", "hunter2") if word in told] == []
    engine = connect(server.set(database="nowhere_db")).engine
    told = said(fault_of(engine.connect))
    assert "nowhere_db" not in told
    assert "there is no such database" in told


def test_a_hosts_own_driver_is_softened_too() -> None:
    import sqlite3

    error = fault_of(lambda: sqlite3.connect("/nowhere/at/all/school.db"))
    wrapped = RuntimeError("the school's database")
    wrapped.__cause__ = error
    soften(wrapped)
    assert "unable to open" not in said(wrapped)


@on_sqlite
def test_a_page_says_what_is_wrong_in_our_words(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    school = open_school(database, tmp_path, read=False)
    school.app.testing = False
    with school.crm.db.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE crm_person RENAME TO crm_other"))
    with caplog.at_level(logging.DEBUG):
        answer = school.get(f"/people?q={CANARY}")
    with school.crm.db.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE crm_other RENAME TO crm_person"))
    assert answer.status_code == 503
    assert "run crm init" in answer.text
    shown = answer.text + caplog.text
    assert [word for word in ("no such table", "sqlite3", "SELECT") if word in answer.text] == []
    assert "no such table" not in shown


@on_sqlite
def test_the_shell_says_so_too_and_blames_no_hook_of_the_school(database: Database, tmp_path: Path) -> None:
    app = create_app(make_crm(database, FakeHost(), instance=str(tmp_path)), FakeHost())
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie[SIGNED_IN] = "a text of a session"
    with database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE crm_session RENAME TO crm_other"))
    answers = [client.get("/admin/crm/people") for _ in range(3)]
    with database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE crm_other RENAME TO crm_session"))
    assert {answer.status_code for answer in answers} == {503}
    assert "database does not answer: its tables" in answers[0].text
    assert "host_current_actor" not in answers[0].text


def test_an_answer_of_redis_is_cut_before_what_was_sent_to_it() -> None:
    import redis

    from crm_plugin.kernel.queue.queue_faults import fault_of as queue_fault

    fault = queue_fault(redis.ResponseError(f"unknown command 'X', with args beginning with: '{CANARY}'"))
    assert fault.words == "it says: unknown command"
