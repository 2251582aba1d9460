"""The fixtures that all tests share: clean databases, a browser, loud skips."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import sqlalchemy
from playwright.sync_api import Page

from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database

_CHECKOUT = Path(__file__).resolve().parents[2]


def test_database_is_migrated_and_empty_for_each_test(database: Database) -> None:
    audit = AuditRow.__table__
    with database.begin() as session:
        assert session.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(audit)) == 0
        now = database.now(session)
        session.add(AuditRow(at=now, actor="1", action="test", details={}))


test_database_is_migrated_and_empty_for_each_test_again = test_database_is_migrated_and_empty_for_each_test


@pytest.mark.parametrize("db_kind", ["sqlite"])
def test_a_test_may_choose_its_databases(db_kind: str, db_url: str) -> None:
    assert db_kind == "sqlite"
    assert db_url.startswith("sqlite:///")


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write("<title>灯塔</title><button>0</button>".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_browser_opens_a_page_of_this_machine(page: Page, address: str) -> None:
    page.goto(address)
    assert page.title() == "灯塔"


@pytest.mark.parametrize(("ci", "outcome"), [("", "!!! 1 TESTS SKIPPED"), ("true", "1 error")])
def test_what_the_machine_lacks_is_skipped_loudly_and_fails_in_ci(ci: str, outcome: str) -> None:
    test = "tests/servers/test_servers.py::test_each_database_is_empty_and_takes_text_of_any_script"
    plug_in = ["-p", "tests.servers.no_mariadb", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CRM_"))}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *plug_in, "--db", "mariadb", test],
        cwd=_CHECKOUT, env=ours | {"CI": ci}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert outcome in run.stdout
    assert "not on this machine: no MariaDB server (played)" in run.stdout
    assert "short test summary" not in run.stdout.splitlines()[-1]
