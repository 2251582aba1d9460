"""Forged forms: whatever a school does with its own guard, each change asks for the session's token."""

from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pytest
from flask import Flask
from flask_wtf.csrf import CSRFProtect

from crm_plugin.kernel.db.engine import Database
from crm_plugin.web.blueprint import pages
from tests.web.fixtures import School, open_school
from tests.web.forms import posted
from tests.web.routes import ROUTES
from tests.web.test_api import Program
from tests.web.test_guard import path_of

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
CHANGES = [route for route in ROUTES if route.methods != ("GET",)]


def no_guard(app: Flask, mount: Callable[[], None]) -> None:
    mount()


def guard_before(app: Flask, mount: Callable[[], None]) -> None:
    CSRFProtect(app)
    mount()


def guard_after(app: Flask, mount: Callable[[], None]) -> None:
    mount()
    CSRFProtect(app)


def checks_by_hand(app: Flask, mount: Callable[[], None]) -> None:
    # Documented by Flask-WTF: the application calls protect() in the views that it means.
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    guard_before(app, mount)


def disabled(app: Flask, mount: Callable[[], None]) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    guard_before(app, mount)


def other_methods(app: Flask, mount: Callable[[], None]) -> None:
    app.config["WTF_CSRF_METHODS"] = {"DELETE"}
    guard_before(app, mount)


def blueprint_exempt(app: Flask, mount: Callable[[], None]) -> None:
    guard = CSRFProtect(app)
    mount()
    guard.exempt(app.blueprints["crm"])


def views_exempt(app: Flask, mount: Callable[[], None]) -> None:
    guard = CSRFProtect(app)
    mount()
    for view in app.view_functions.values():
        guard.exempt(view)


def another_library(app: Flask, mount: Callable[[], None]) -> None:
    app.extensions["csrf"] = object()
    mount()


def own_names(app: Flask, mount: Callable[[], None]) -> None:
    app.config.update(WTF_CSRF_FIELD_NAME="proof", WTF_CSRF_HEADERS=["X-Proof"])
    guard_before(app, mount)


def own_names_unguarded(app: Flask, mount: Callable[[], None]) -> None:
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False)
    own_names(app, mount)


SETUPS = [
    *(no_guard, guard_before, guard_after, checks_by_hand, disabled, other_methods),
    *(blueprint_exempt, views_exempt, another_library, own_names, own_names_unguarded),
]


@pytest.fixture
def empty(database: Database, tmp_path: Path) -> School:
    return open_school(database, tmp_path, read=False)


def set_up(school: School, how: Callable[[Flask, Callable[[], None]], None]) -> None:
    """Put the CRM into a new application of the school, set up in this way."""
    app = school.app = Flask("school")
    app.config.update(SECRET_KEY="a key of the school", TESTING=True)
    how(app, lambda: app.register_blueprint(pages(school.crm)))
    school.client = app.test_client()


@pytest.mark.parametrize("how", SETUPS)
def test_no_change_is_made_without_the_token_of_the_session_and_a_program_needs_none(
    empty: School, how: Callable[[Flask, Callable[[], None]], None]
) -> None:
    set_up(empty, how)
    name = empty.app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
    foreign = posted(empty.get("/campaigns").text)[name]
    empty.client = empty.app.test_client()
    mine = posted(empty.get("/campaigns").text)[name]
    attempts = cycle([{}, {name: ""}, {name: "forged"}, {name: foreign}])
    for route, sent in zip(CHANGES, attempts, strict=False):
        answer = empty.client.open(path_of(route), method=route.methods[0], data=sent)
        assert (answer.status_code, "out of date" in answer.text) == (400, True), (route, sent)
    assert empty.client.post("/admin/crm/campaigns/new", data={name: mine}).status_code == 302
    assert Program(empty).post("/segments/count", {"combinator": "and", "rules": []})["count"] == 0
