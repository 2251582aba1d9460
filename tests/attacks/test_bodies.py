"""Bodies that are too large: refused before they are read, on every route and by whoever asks first."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_wtf.csrf import CSRFProtect

from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.models import Campaign
from crm_plugin.kernel.db.engine import Database
from crm_plugin.serve.app import create_app
from crm_plugin.web.blueprint import pages
from crm_plugin.web.shell.guard import LARGEST_BODY
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost
from tests.web.fixtures import School, open_school
from tests.web.forms import posted
from tests.web.limits import ADMIN, file_of_campaign
from tests.web.routes import ROUTES
from tests.web.test_guard import path_of

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
FORM = "application/x-www-form-urlencoded"


class Endless(BytesIO):
    """A body without an end, that counts what is taken of it."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size >= 0, "somebody reads to the end"
        self.taken += size
        return b"a" * size

    def readinto(self, into: Any) -> int:
        """Fill a buffer, as buffered readers ask."""
        into[:] = self.read(len(into))
        return len(into)


@pytest.fixture
def empty(database: Database, tmp_path: Path) -> School:
    return open_school(database, tmp_path, read=False)


def post(school: School, path: str, method: str, **environ: Any) -> tuple[int, str, int]:
    """Return the status, the answer and how much of the body was read."""
    body = Endless()
    facts = {"wsgi.input": body, "CONTENT_TYPE": FORM, **environ}
    answer = school.app.test_client().open(path, method=method, environ_overrides=facts)
    return answer.status_code, answer.text, body.taken


@pytest.mark.parametrize("guard", [lambda app: None, CSRFProtect])
def test_no_route_reads_more_than_its_limit(empty: School, guard: Callable[[Flask], object]) -> None:
    app = empty.app = Flask("school")
    # The school's own, for its own routes.
    app.config.update(SECRET_KEY="a key of the school", TESTING=True, MAX_CONTENT_LENGTH=None)
    guard(app)
    app.register_blueprint(pages(empty.crm))
    for route in (one for one in ROUTES if one.methods != ("GET",)):
        kind = "application/json" if "/api/" in route.rule else FORM
        length = str(LARGEST_BODY + 1)
        facts = {"CONTENT_TYPE": kind, "CONTENT_LENGTH": length}
        status, text, taken = post(empty, path_of(route), route.methods[0], **facts)
        assert (status, taken, f"{LARGEST_BODY}" in text) == (400, 0, True), (route, text)
    chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    status, text, taken = post(empty, "/admin/crm/campaigns/new", "POST", **chunked)
    assert (status, 0 < taken <= LARGEST_BODY) == (400, True), taken


def test_the_longest_mail_fits(empty: School) -> None:
    ident = drafts.create(empty.crm, ADMIN, file_of_campaign())
    page = f"/campaigns/{ident}/content"
    saving = f"{page}/save"
    form = posted(empty.get(page).text, saving)
    form["html"] = "课" * 33_333
    assert empty.client.post(f"/admin/crm{saving}", data=form).status_code in (200, 302)
    with empty.crm.db.read() as session:
        assert session.get_one(Campaign, ident).content["html"] == form["html"]


def test_the_shell_reads_little_from_strangers(database: Database, tmp_path: Path) -> None:
    app = create_app(make_crm(database, FakeHost(), instance=str(tmp_path)), FakeHost())
    for path in ("/login", "/logout"):
        answer = app.test_client().post(path, data={"login": "a" * 70_000})
        assert answer.status_code in (400, 413), path
