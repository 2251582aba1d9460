"""Inside a Flask school: its commands, its guards, its own database; several CRMs in one process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask, redirect, request
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from crm_plugin.host.context import Crm
from crm_plugin.kernel.settings import Settings
from crm_plugin.links.service import KeptSigner
from crm_plugin.plugin import init_app, prepare
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.road import Road
from tests.web.fixtures import books

APP = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from crm_plugin.plugin import init_app
from tests.fakes.host import FakeHost
from tests.web.fixtures import books

app = Flask(__name__)
app.config.update(SECRET_KEY="k" * 32, SQLALCHEMY_DATABASE_URI={url!r})
SQLAlchemy(app)
init_app(app, FakeHost(*books()))
"""
TREE = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}
Make = Callable[..., tuple[Flask, Crm]]


def flask(folder: Path, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "school", "crm", *words],
        cwd=folder,
        env=environment | {"PYTHONPATH": path},
        input=given,
        capture_output=True,
        text=True,
    )


def test_the_commands_of_a_flask_school_work_on_its_own_database(db_url: str, tmp_path: Path) -> None:
    (tmp_path / "school.py").write_text(APP.format(url=db_url))
    done = flask(tmp_path, "segment", "count", "-", given=json.dumps(TREE))
    assert (done.returncode, done.stderr) == (1, "crm: the database has no CRM tables yet: run crm init\n")
    done = flask(tmp_path, "init", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["streams"]["persons"] == 12
    done = flask(tmp_path, "segment", "count", "-", given=json.dumps(TREE))
    assert (done.returncode, done.stdout) == (0, "6\n")
    done = flask(tmp_path, "segment", "count", "-", given="{")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    engine = sa.create_engine(db_url)
    assert "crm_person" in sa.inspect(engine).get_table_names()
    engine.dispose()


def test_a_flask_application_without_the_crm_says_so(tmp_path: Path) -> None:
    (tmp_path / "school.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    done = flask(tmp_path, "daily")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a school with the CRM in it, whose own guards refuse everything to strangers."""
    with ExitStack() as ends:

        def made(name: str, url: str = "", **settings: str) -> tuple[Flask, Crm]:
            app = Flask(name)
            folder = tmp_path / name
            folder.mkdir()
            url = url or f"sqlite:///{folder / 'school.db'}"
            app.config.update(SECRET_KEY=name * 32, SQLALCHEMY_DATABASE_URI=url)
            database = SQLAlchemy(app)
            CSRFProtect(app)

            @app.before_request
            def login_first() -> Response | None:
                return None if "login" in request.cookies else redirect("/login")

            chosen = Settings(instance=str(folder), public_url="https://crm.example", **settings)
            crm = init_app(app, FakeHost(*books()), chosen)
            ends.callback(crm.close)

            def dispose() -> None:
                with app.app_context():
                    database.engine.dispose()

            ends.callback(dispose)
            return app, crm

        yield made


def read_in(crm: Crm) -> None:
    prepare(crm)
    sync(crm, full=True)


def send(crm: Crm, folder: Path) -> list[str]:
    """Send an e-mail campaign to the buyers by command; returns the links of the first message."""
    road = Road(folder, "demo_school", "sqlite://", crm.db.engine.url.render_as_string(hide_password=False))
    road.environment["CRM_HOST"] = ""
    road.environment["CRM_CONSENT_UNKNOWN"] = "send"
    road.environment["CRM_PUBLIC_URL"] = "https://crm.example"
    road.environment["CRM_INSTANCE"] = str(crm.instance)
    content = {
        "subject": "News",
        "html": "<p><a href='{{ link }}'>go</a></p>",
        "link": "https://school.example/",
    }
    ident = road.send(name="x", channel="email", audience=TREE, **content)
    row = road.outbox(ident)[0]
    return [urlsplit(word).path for word in [*row["links"], *row["text"].split()] if "crm.example/" in word]


def test_links_and_opt_outs_pass_the_schools_login_and_csrf_guard(make: Make, db_url: str) -> None:
    app, crm = make("school", db_url)
    read_in(crm)
    paths = send(crm, Path(crm.settings.instance))
    link = next(path for path in paths if path.startswith("/r/"))
    page = next(path for path in paths if path.startswith("/u/"))
    stranger = app.test_client()
    assert stranger.get("/admin/crm/").location == "/login"
    assert stranger.get(link).location == "https://school.example/"
    assert stranger.get(page).status_code == 200
    assert stranger.post(page, data={"List-Unsubscribe": "One-Click"}).status_code == 200


def test_two_crms_in_one_process_do_not_mix(make: Make) -> None:
    (first, crm), (second, other) = make("first"), make("second")
    read_in(crm)
    other.host.plugin.remove("persons", "p3")  # type: ignore[attr-defined]
    read_in(other)
    texts = []
    for app in (first, second):
        client = app.test_client()
        client.set_cookie("login", "yes")
        texts.append(client.get("/admin/crm/people").text)
    assert "Person 03" in texts[0]
    assert "Person 03" not in texts[1]
    assert "Person 04" in texts[1]
    assert crm.db is not other.db
    assert crm.state(KeptSigner) is not other.state(KeptSigner)


def test_installing_opens_no_database(make: Make, tmp_path: Path) -> None:
    make("lazy")
    assert not (tmp_path / "lazy" / "school.db").exists()
