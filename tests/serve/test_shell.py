"""The shell: its own sign-in, mounting and frame around the data of a school's adapter."""

import re

import pytest
from flask.testing import FlaskClient

from crm_plugin.host import records as r
from crm_plugin.kernel import accounts
from crm_plugin.kernel.db import Database
from crm_plugin.serve.app import create_app
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost


@pytest.fixture
def school() -> FakeHost:
    """An adapter that would also mount and frame pages, had it an application."""
    return FakeHost(r.Person("ada", display_name="Ada"))


@pytest.fixture
def client(database: Database, school: FakeHost) -> FlaskClient:
    crm = make_crm(database, school)
    with crm.db.begin() as session:
        accounts.save(session, "ann", "a long password", accounts.Grant(["crm.view"]))
    return create_app(crm, school).test_client()


def sign_in(client: FlaskClient, password: str) -> int:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
    assert found
    form = {"login": "ann", "password": password, "csrf_token": found[1]}
    return client.post("/login", data=form).status_code


def test_pages_open_for_its_accounts_only(client: FlaskClient) -> None:
    assert client.get("/admin/crm/people").status_code == 302
    assert sign_in(client, "a wrong password") == 403
    assert client.get("/admin/crm/people").status_code == 302
    assert sign_in(client, "a long password") == 302
    assert client.get("/admin/crm/people").status_code == 200


def test_the_adapter_neither_mounts_nor_frames_the_pages(client: FlaskClient, school: FakeHost) -> None:
    sign_in(client, "a long password")
    assert "id=school" not in client.get("/admin/crm/people").text
    assert (school.called("host_mount"), school.called("host_layout")) == (0, 0)
    assert client.application.extensions["crm"].host.refresh_info() == school.info
