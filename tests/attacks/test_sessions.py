"""The session of the shell: copied, planted, forged, kept alive; and what the audit log says of sign-ins."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from crm_plugin.host.records import PERMISSIONS
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.credentials import accounts, passwords
from crm_plugin.kernel.credentials.sessions import ShellSession
from crm_plugin.kernel.credentials.sign_in_log import VISITOR
from crm_plugin.kernel.db.engine import Database
from crm_plugin.serve.sign_in_limits import FREE
from tests.serve.test_shell import ADMIN, Shell, open_shell
from tests.web.forms import posted

COOKIE = "crm_session"
pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed fast: nothing here is about them."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", quick)
    monkeypatch.setattr(passwords, "NOBODY", quick.hash("nobody"))


@pytest.fixture
def shell(database: Database, tmp_path: Path) -> Shell:
    made = open_shell(database, tmp_path, read=False)
    made.add(*ADMIN, "crm.admin", *PERMISSIONS)
    return made


def copied(shell: Shell) -> FlaskClient:
    """A thief's browser, with the cookie that the victim's has now."""
    thief = shell.client.application.test_client()
    cookie = shell.client.get_cookie(COOKIE)
    assert cookie is not None
    thief.set_cookie(COOKIE, cookie.value)
    return thief


def is_in(client: FlaskClient, **options: Any) -> bool:
    return client.get("/admin/crm/people", **options).status_code == 200


def leave(shell: Shell) -> None:
    token = posted(shell.page("/people").text)["csrf_token"]
    shell.client.post("/logout", data={"csrf_token": token})


def test_signing_out_ends_a_copied_cookie(shell: Shell) -> None:
    shell.sign_in(*ADMIN)
    thief = copied(shell)
    assert is_in(thief)
    leave(shell)
    assert not is_in(thief)
    assert not is_in(shell.client)


def test_signing_in_again_ends_the_session_before(shell: Shell) -> None:
    shell.sign_in(*ADMIN)
    thief = copied(shell)
    shell.sign_in(*ADMIN)
    assert is_in(shell.client)
    assert not is_in(thief)


def test_a_cookie_planted_before_the_sign_in_is_no_session_after_it(shell: Shell) -> None:
    shell.client.get("/login")
    thief = copied(shell)
    shell.sign_in(*ADMIN)
    assert not is_in(thief)


PLANTED = ["", "admin", ["admin", "0" * 16], {"a": 1}, 7, "x" * 100_000, "\ud800"]


def test_texts_that_name_no_session_open_nothing(shell: Shell) -> None:
    shell.sign_in(*ADMIN)
    for value in PLANTED:
        thief = shell.client.application.test_client()
        with thief.session_transaction() as cookie:
            cookie["crm_session_id"] = value
            cookie["crm_login"] = value
        assert not is_in(thief), value


def test_a_stolen_table_opens_nothing(shell: Shell) -> None:
    shell.sign_in(*ADMIN)
    with shell.crm.db.read() as session:
        row = session.scalars(sa.select(ShellSession)).one()
    thief = shell.client.application.test_client()
    with thief.session_transaction() as cookie:
        cookie["crm_session_id"] = row.key
    assert not is_in(thief)


def test_a_new_password_and_a_removed_account_end_all_sessions(shell: Shell) -> None:
    shell.add("ann", "a password", "crm.view")
    shell.sign_in("ann", "a password")
    shell.add("ann", "another password", "crm.view")
    assert not is_in(shell.client)
    shell.sign_in("ann", "another password")
    with shell.crm.db.begin() as session:
        accounts.remove(session, "ann")
        assert session.scalars(sa.select(ShellSession)).all() == []
    assert not is_in(shell.client)


def test_a_session_ends_when_nobody_uses_it(shell: Shell) -> None:
    clock: Any = shell.crm.clock
    shell.sign_in(*ADMIN)
    for _ in range(3):
        clock.move(minutes=119)
        assert is_in(shell.client)
    clock.move(minutes=121)
    assert not is_in(shell.client)


def test_a_live_page_left_open_keeps_no_session_alive(shell: Shell) -> None:
    clock: Any = shell.crm.clock
    shell.sign_in(*ADMIN)
    for _ in range(5):
        clock.move(minutes=20)
        assert is_in(shell.client, headers={"HX-Request": "true"})
    clock.move(minutes=21)
    assert not is_in(shell.client, headers={"HX-Request": "true"})


def test_a_session_ends_however_much_it_is_used(shell: Shell) -> None:
    clock: Any = shell.crm.clock
    shell.sign_in(*ADMIN)
    for _ in range(12 * 60 // 45):
        assert is_in(shell.client)
        clock.move(minutes=45)
    assert not is_in(shell.client)


def test_the_limits_are_settings(database: Database, tmp_path: Path) -> None:
    shell = open_shell(database, tmp_path, read=False, session_idle_minutes=0, session_hours=0)
    shell.add(*ADMIN, "crm.admin")
    shell.sign_in(*ADMIN)
    clock: Any = shell.crm.clock
    clock.move(days=365)
    assert is_in(shell.client)


def test_sessions_that_ended_leave_the_table(shell: Shell) -> None:
    shell.sign_in(*ADMIN)
    clock: Any = shell.crm.clock
    clock.move(days=1)
    shell.client.delete_cookie(COOKIE)
    shell.sign_in(*ADMIN)
    with shell.crm.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ShellSession)) == 1


def _log(shell: Shell) -> list[tuple[Any, ...]]:
    columns = AuditRow.actor, AuditRow.action, AuditRow.object_id, AuditRow.count
    with shell.crm.db.read() as session:
        return [tuple(row) for row in session.execute(sa.select(*columns).order_by(AuditRow.id))]


def test_ways_in_and_out_are_in_the_audit_log(shell: Shell) -> None:
    shell.sign_in(ADMIN[0], "wrong")
    shell.sign_in(*ADMIN)
    leave(shell)
    assert _log(shell) == [
        (VISITOR, "account.refuse", "admin", 1),
        ("admin", "account.sign_in", "admin", None),
        ("admin", "account.sign_out", "admin", None),
    ]


def test_a_flood_of_guesses_is_one_row_and_a_lock_another(shell: Shell) -> None:
    for number in range(12):
        shell.client.environ_base["REMOTE_ADDR"] = f"203.0.113.{number}"
        shell.sign_in("admin", "wrong")
    assert _log(shell) == [(VISITOR, "account.refuse", "admin", 12)]
    for _ in range(2 * FREE):
        shell.sign_in("admin", "wrong")
    assert _log(shell) == [
        (VISITOR, "account.refuse", "admin", 11 + FREE),
        (VISITOR, "account.lock", "admin", None),
    ]
    with shell.crm.db.read() as session:
        details = session.scalars(sa.select(AuditRow.details).order_by(AuditRow.id)).first()
    assert details == {"client": ", ".join(f"203.0.113.{number}" for number in range(5))}


def test_a_name_that_no_account_has_is_not_kept(shell: Shell) -> None:
    for name in ("my secret password", "a\0b", "x" * 500):
        shell.sign_in(name, "admin")
    assert _log(shell) == [(VISITOR, "account.refuse", "", 3)]
