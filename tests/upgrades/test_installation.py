"""A small installation of an earlier version is upgraded, and goes on where it stood.

``tests/upgrades/make.py`` made what is stored; nothing here knows how the present version keeps it.
"""

import gzip
import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from crm_plugin.kernel.db.engine import connect
from crm_plugin.kernel.settings import load
from crm_plugin.plugin import open_crm, prepare
from crm_plugin.serve.app import create_app
from tests.fakes.clock import FixedClock
from tests.fakes.host import FakeHost
from tests.road import Road
from tests.upgrades import dump
from tests.upgrades.make import BOUGHT, EVERYBODY, LOGIN, MAIL, PHONE, SETTINGS, SMS
from tests.web.forms import posted

HERE = Path(__file__).parent
KEPT = sorted(path.name for path in HERE.iterdir() if (path / "sqlite").is_dir())


class Installation:
    """What was stored, upgraded, at the end of its quiet hours."""

    def __init__(self, stored: Path, folder: Path, url: str) -> None:
        self.promised: dict[str, Any] = json.loads((stored / "promised.json").read_text())
        self.road = Road(folder, "", "", url, stale_data_hours="0", **SETTINGS)
        self.clock = FixedClock(datetime.fromisoformat(self.promised["made_at"]) + timedelta(hours=22.5))
        self.open = partial(open_crm, clock=self.clock)

    def ident(self, name: str) -> int:
        return int(self.promised["campaigns"][name]["id"])

    def status(self, name: str) -> dict[str, Any]:
        return self.road.status(self.ident(name))

    def steer(self, verb: str, name: str) -> str:
        """Give a campaign an order, let a worker do all that is due, and return its state."""
        self.road.crm("campaign", verb, str(self.ident(name)))
        self.road.crm("worker", "--burst")
        return str(self.status(name)["state"])

    def confirm_place(self) -> None:
        """Answer the question that each copied database puts: it is the right place."""
        self.road.crm("worker", "--burst")
        assert self.status("waiting")["state"] == "held"
        assert self.steer("resume", "waiting") == "finished"


@pytest.fixture(params=KEPT)
def installation(
    request: pytest.FixtureRequest, db_kind: str, db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    stored = HERE / request.param / db_kind
    database = connect(db_url)
    dump.load(database.engine, stored / "crm.sql.gz")
    database.close()
    shutil.copytree(stored / "clicks", tmp_path / "instance" / "clicks")
    made = Installation(stored, tmp_path, db_url)
    monkeypatch.setattr("crm_plugin.cli.base.open_crm", made.open)
    crm = made.open(load(made.road.environment))
    prepare(crm)
    crm.close()
    return made


@pytest.fixture
def client(installation: Installation) -> Iterator[FlaskClient]:
    """A browser in front of the pages beside a school that does not answer."""
    crm = installation.open(load(installation.road.environment))
    app = create_app(crm, FakeHost())
    app.testing = True
    yield app.test_client()
    crm.close()


def test_it_finds_whom_it_found_and_every_book_is_as_it_was(installation: Installation) -> None:
    for tree, name in ((BOUGHT, "bought"), (EVERYBODY, "people")):
        counted = installation.road.crm("segment", "count", "-", "--json", document=tree)["count"]
        assert counted == installation.promised[name]
    for name, promised in installation.promised["campaigns"].items():
        found = installation.status(name)
        assert {key: found[key] for key in promised} == promised, name


def test_what_was_under_way_goes_on(installation: Installation) -> None:
    installation.confirm_place()
    waited = installation.promised["campaigns"]["waiting"]["books"]["waiting"]
    assert installation.status("waiting")["books"]["sent"] == waited > 0
    assert installation.steer("launch", "draft") == "finished"
    assert installation.status("draft")["books"]["sent"] == waited
    assert installation.steer("resume", "paused") == "finished"
    assert installation.status("planned")["state"] == "scheduled"
    assert installation.status("cancelled")["state"] == "cancelled"


def test_an_opt_out_still_binds(installation: Installation) -> None:
    installation.confirm_place()
    written_to = {
        row["person"] for row in installation.road.outbox(installation.road.send(name="New", **MAIL))
    }
    before = {row["person"] for row in installation.road.outbox(installation.ident("mailed"))}
    assert installation.promised["opted_out"] in before - written_to
    assert written_to & before


def test_clicks_in_the_spool_and_on_old_links_are_counted(
    installation: Installation, client: FlaskClient
) -> None:
    installation.road.crm("worker", "--burst")
    hits = installation.promised["clicks"]["hits"] + installation.promised["unread_clicks"]
    found = installation.status("clicked")
    assert (found["hits"], found["human_hits"], found["people_clicked"]) == (hits, hits, hits)
    path = urlsplit(installation.promised["unclicked"]).path
    answer = client.get(path, headers={"User-Agent": PHONE})
    assert (answer.status_code, answer.location) == (302, SMS["link"])
    installation.road.crm("worker", "--burst")
    assert installation.status("clicked")["people_clicked"] == hits + 1


def test_staff_sign_in_and_every_page_of_it_opens(installation: Installation, client: FlaskClient) -> None:
    form = {"login": LOGIN, "password": installation.promised["password"]}
    token = posted(client.get("/login").text)["csrf_token"]
    assert client.post("/login", data={**form, "csrf_token": token}).status_code == 302
    for ident in (row["id"] for row in installation.promised["campaigns"].values()):
        for page in (f"campaigns/{ident}", f"campaigns/{ident}/report"):
            assert client.get(f"/admin/crm/{page}", follow_redirects=True).status_code == 200, page
    for page in ("", "people", "queries", "topics", "health", "outbox", "campaigns"):
        assert client.get(f"/admin/crm/{page}").status_code == 200, page
    assert "Clicked" in client.get("/admin/crm/campaigns").text
    assert "Buyers" in client.get("/admin/crm/queries").text


@pytest.mark.parametrize("file", sorted(HERE.glob("*/*/crm.sql.gz")), ids=lambda file: file.parent.name)
def test_what_is_stored_names_no_machine(file: Path) -> None:
    text = gzip.decompress(file.read_bytes()).decode()
    assert "where it was made" in text
    assert "/tmp" not in text
    assert "/home/" not in text
