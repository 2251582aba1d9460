"""The shell around the pages: accounts, login, lock-out, sign-out, rights, cookies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from crm_plugin.cli import flask_group
from crm_plugin.host.context import Crm
from crm_plugin.host.records import PERMISSIONS
from crm_plugin.kernel.credentials import accounts, passwords
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.sync.service import sync
from crm_plugin.serve.app import create_app
from crm_plugin.serve.sign_in_limits import FREE
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost
from tests.web.fixtures import books
from tests.web.forms import posted

ADMIN = ("admin", "a long password")


@dataclass
class Shell:
    """The shell and one browser in front of it."""

    crm: Crm
    client: FlaskClient

    def add(self, login: str, password: str, *permissions: str, scope: list[str] | None = None) -> None:
        hashed = passwords.hashed(password)
        with self.crm.db.begin() as session:
            accounts.save(session, login, hashed, accounts.Grant([*permissions], scope))

    def sign_in(self, login: str, password: str, **more: str) -> TestResponse:
        token = posted(self.client.get("/login").text)["csrf_token"]
        form = {"login": login, "password": password, "csrf_token": token, **more}
        return self.client.post("/login", data=form)

    def page(self, path: str) -> TestResponse:
        return self.client.get(f"/admin/crm{path}")


def open_shell(database: Database, folder: Path, *, read: bool = True, **settings: Any) -> Shell:
    host = FakeHost(*books())
    crm = make_crm(database, host, host_region="CN", instance=str(folder), **settings)
    if read:
        sync(crm, full=True)
    app = create_app(crm, host)
    app.testing = True
    return Shell(crm, app.test_client())


@pytest.fixture
def shell(database: Database, tmp_path: Path) -> Shell:
    made = open_shell(database, tmp_path)
    made.add(*ADMIN, "crm.admin", *PERMISSIONS)
    return made


SQLITE = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def test_the_way_in_and_out(shell: Shell) -> None:
    wanted = shell.page("/people?sort=name")
    assert wanted.status_code == 302
    assert wanted.location == "/login?next=/admin/crm/people%3Fsort%3Dname"
    login = shell.client.get(wanted.location)
    form = posted(login.text) | {}
    form["login"], form["password"] = ADMIN
    answer = shell.client.post("/login", data=form)
    assert (answer.status_code, answer.location) == (302, "/admin/crm/people?sort=name")
    page = shell.client.get(answer.location)
    assert "Person 03" in page.text
    assert "Sign out" in page.text
    assert "id=school" not in page.text, "a layout of the school's application has no place here"
    left = shell.client.post("/logout", data={"csrf_token": posted(page.text)["csrf_token"]})
    assert left.location == "/login"
    assert shell.page("/people").status_code == 302


@SQLITE
def test_wrong_passwords_hold_their_address_up_for_a_while(shell: Shell) -> None:
    for _ in range(FREE):
        answer = shell.sign_in("admin", "wrong")
        assert answer.status_code == 403
        assert 'role="alert"' in answer.text
    held = shell.sign_in(*ADMIN)
    assert (held.status_code, held.headers["Retry-After"]) == (429, "30")
    assert 'role="alert"' in held.text
    shell.crm.clock.move(seconds=31)  # type: ignore[attr-defined]
    assert shell.sign_in(*ADMIN).status_code == 302


NAMES = [
    "nobody",
    "",
    "a" * 500,
    "a\0b",
    "'; DROP TABLE crm_account",
    "ад😀мин",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_nobody_has_get_the_same_answer(shell: Shell, name: str) -> None:
    answer = shell.sign_in(name, "wrong")
    assert answer.status_code == 403
    assert answer.text.count('role="alert"') == 1


@SQLITE
def test_a_form_without_its_token_is_asked_for_again(shell: Shell) -> None:
    answer = shell.client.post("/login", data={"login": ADMIN[0], "password": ADMIN[1]})
    assert answer.status_code == 400
    assert "out of date" in answer.text
    assert shell.page("/people").status_code == 302
    shell.sign_in(*ADMIN)
    assert shell.client.post("/logout").status_code == 400
    assert shell.page("/people").status_code == 200


AWAY = ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example"]


@SQLITE
@pytest.mark.parametrize("target", [*AWAY, "javascript:alert(1)", "evil.example", ""])
def test_the_login_leads_nowhere_else(shell: Shell, target: str) -> None:
    answer = shell.sign_in(*ADMIN, next=target)
    assert answer.location == "/admin/crm/"


@SQLITE
def test_the_cookie_is_closed_to_scripts_and_other_sites(database: Database, tmp_path: Path) -> None:
    for url, secure in (("http://crm.example", False), ("https://crm.example", True)):
        shell = open_shell(database, tmp_path, public_url=url)
        shell.add(*ADMIN, "crm.admin")
        cookie = shell.client.get("/login", base_url=url).headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert ("Secure" in cookie) == secure


@SQLITE
def test_rights_are_those_of_the_account_at_every_moment(shell: Shell) -> None:
    shell.add("ann", "her long password", "crm.view")
    shell.sign_in("ann", "her long password")
    assert shell.page("/people").status_code == 200
    assert shell.page("/data").status_code == 403
    with shell.crm.db.begin() as session:
        account = accounts.find(session, "ann")
        assert account is not None
        account.permissions = ["crm.edit"]
    assert shell.page("/people").status_code == 403


@SQLITE
def test_a_new_password_ends_the_sessions_with_the_old_one(shell: Shell) -> None:
    shell.sign_in(*ADMIN)
    assert shell.page("/people").status_code == 200
    shell.add("admin", "another password", "crm.admin", *PERMISSIONS)
    assert shell.page("/people").status_code == 302


def test_an_account_of_some_courses_sees_their_people_only(shell: Shell) -> None:
    shell.add("tutor", "their long password", *PERMISSIONS, scope=["c1"])
    shell.sign_in("tutor", "their long password")
    text = shell.page("/people").text
    assert "Person 02" in text
    assert "Person 03" not in text
    with shell.crm.db.read() as session:
        numbers = {row.host_id: row.id for row in session.query(Person)}
    assert shell.page(f"/people/{numbers['p2']}").status_code == 200
    assert shell.page(f"/people/{numbers['p3']}").status_code == 404


LANGUAGES = [("en", "Sign in", "People"), ("zh-CN", "登录", "用户")]


@SQLITE
@pytest.mark.parametrize(("accepted", "button", "word"), LANGUAGES)
def test_pages_speak_the_readers_language(shell: Shell, accepted: str, button: str, word: str) -> None:
    headers = {"Accept-Language": accepted}
    login = shell.client.get("/login", headers=headers).text
    assert [one for _, one, _ in LANGUAGES if one in login] == [button]
    shell.sign_in(*ADMIN)
    page = shell.client.get("/admin/crm/people", headers=headers).text
    assert word in page


@SQLITE
def test_nothing_comes_from_elsewhere(shell: Shell) -> None:
    login = shell.client.get("/login")
    assert "default-src 'none'" in login.headers["Content-Security-Policy"]
    assert "http" not in login.text
    assert "<script" not in login.text
    with shell.client.get("/static/shell.css") as style:
        assert style.status_code == 200


@pytest.fixture
def accounts_command(db_url: str, tmp_path: Path) -> Any:
    environment = {"CRM_DATABASE_URL": db_url, "CRM_INSTANCE": str(tmp_path)}

    def run(*words: str) -> Any:
        return CliRunner().invoke(flask_group, ["account", *words], env=environment)

    from crm_plugin.kernel.db.engine import connect
    from crm_plugin.kernel.migrate import upgrade

    database = connect(db_url)
    upgrade(database)
    database.close()
    return run


@SQLITE
def test_accounts_are_made_and_taken_away_by_command(accounts_command: Any, db_url: str) -> None:
    from crm_plugin.kernel.db.engine import connect

    said = accounts_command("add", "ann", "--permission", "crm.view", "--course", "c1").stdout
    name, password = said.strip().split(" / ")
    database = connect(db_url)
    with database.begin() as session:
        known = accounts.find(session, name)
        assert known is not None
        assert (known.permissions, known.scope) == (["crm.view"], ["c1"])
        assert password not in known.password_hash
        assert passwords.matches(known.password_hash, password)
    assert accounts_command("add", "a\tb", "--permission", "crm.view").exit_code == 2
    assert accounts_command("remove", "ann").exit_code == 0
    assert accounts_command("remove", "ann").exit_code == 2
    with database.begin() as session:
        assert accounts.find(session, name) is None
    database.close()
