"""What guards a call is on disk before it, whatever the server does by default; what it cannot do is said."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.cli.doctor.checks import examine
from crm_plugin.kernel.db import durability
from crm_plugin.kernel.db.engine import Database, connect
from tests.conftest import absent
from tests.fakes.crm import make_crm
from tests.servers import pgbouncer

POSTGRESQL = pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)
SERVERS = pytest.mark.parametrize("db_kind", ["postgresql", "mariadb"], indirect=True)
FULL = 2


def shown(session: Session) -> str:
    return str(session.scalar(sa.text("SHOW synchronous_commit")))


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_sqlite_syncs_each_commit(database: Database) -> None:
    for opened in (database.begin, database.read):
        with opened() as session:
            assert session.scalar(sa.text("PRAGMA synchronous")) == FULL


@contextmanager
def default(database: Database, value: str) -> Iterator[None]:
    """Let a database answer so by default."""
    name = database.engine.url.database
    for change in (f"SET synchronous_commit = {value}", "RESET synchronous_commit"):
        with database.begin() as session:
            session.execute(sa.text(f"ALTER DATABASE {name} {change}"))
        if not change.startswith("RESET"):
            yield


@POSTGRESQL
@pytest.mark.parametrize("value", ["off", "local", "remote_apply"])
def test_sessions_of_postgresql_wait_for_the_disk(database: Database, value: str) -> None:
    found = "on" if value == "off" else value
    url = database.engine.url
    with default(database, value):
        fresh = connect(url)
        for _ in range(2):
            with fresh.begin() as session:
                assert shown(session) == found
        with sa.create_engine(url, poolclass=sa.NullPool).connect() as other:
            assert other.scalar(sa.text("SHOW synchronous_commit")) == value, "others are left as they are"
        fresh.close()


@POSTGRESQL
def test_behind_a_pooler_each_transaction_that_writes_does(database: Database) -> None:
    if reason := pgbouncer.find():
        absent(reason)
    with pgbouncer.pooled(database.engine.url.render_as_string(hide_password=False), sessions=1) as url:
        through = connect(url)
        for _ in range(2):
            with through.begin() as session:
                assert shown(session) == "on"
            with through.read() as session:
                assert shown(session) == "off", "the session goes on to other programs as it was"
        through.close()


@SERVERS
def test_what_only_the_server_decides_is_a_line_of_doctor(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The servers of the tests are as fast and as careless as can be."""
    crm = make_crm(database)
    expected = {
        "postgresql": ["fsync", "full_page_writes"],
        "mysql": ["innodb_doublewrite", "innodb_flush_log_at_trx_commit"],
    }[database.dialect]
    lines = [line for line in examine(crm) if line.name.startswith("database: ")]
    assert sorted(line.name.removeprefix("database: ") for line in lines) == expected
    assert all(not line.ok and "power cut" in line.detail for line in lines)
    good = {name: (*answers, "off", "0") for name, answers in _answers(database).items()}
    monkeypatch.setitem(durability._SERVERS, database.dialect, (_asked(database), good))
    assert not [line for line in examine(crm) if line.name.startswith("database: ")]


def _answers(database: Database) -> dict[str, tuple[str, ...]]:
    return durability._SERVERS[database.dialect][1]


def _asked(database: Database) -> str:
    return durability._SERVERS[database.dialect][0]
