"""The road on real input: a Moodle site beside the CRM, six questions, a campaign, a click, the report."""

import hashlib
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import Client

from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.settings import load
from crm_plugin.plugin import load_host, open_crm
from crm_plugin.serve.app import create_app
from tests.hooks import moodle_site
from tests.road import Road
from tests.segments.moodle_questions import AS_OF, QUESTIONS

TARGET = "https://moodle.example/course/view.php?id=27"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"


@pytest.fixture
def road(db_url: str, database: Database, moodle_folder: Path, tmp_path: Path) -> Road:
    moodle_site.load(moodle_folder, db_url)
    own = database.engine.url.render_as_string(hide_password=False)
    road = Road(tmp_path, "moodle", db_url, own, **moodle_site.FACTS)
    road.crm("init", "--no-progress")
    return road


@pytest.mark.parametrize("db_kind", ["sqlite", "postgresql"], indirect=True)
def test_six_questions_a_campaign_and_a_click(road: Road, moodle_folder: Path) -> None:
    before = fingerprint(road.school)
    for question in json.loads((moodle_folder / "answers.json").read_text())["segments"]:
        tree = QUESTIONS[question["id"]]
        ids = road.crm("segment", "ids", "-", "--at", AS_OF, document=tree).split()
        digest = hashlib.md5(",".join(sorted(ids, key=int)).encode(), usedforsecurity=False).hexdigest()
        assert (len(ids), digest) == (question["count"], question["md5"]), question["id"]
        counted = road.crm("segment", "count", "-", "--at", AS_OF, "--json", document=tree)
        assert counted["count"] == question["count"]

    mail = {"subject": "Your course", "html": "<p>{{ display_name }}: <a href='{{ link }}'>go on</a></p>"}
    audience = QUESTIONS["S04"]
    campaign = road.send(name="Go on", channel="email", audience=audience, link=TARGET, **mail)
    status = road.status(campaign)
    assert status["state"] == "finished"
    # The present is now, not the data set's: somebody's access may have begun or ended since.
    counted = road.crm("segment", "count", "-", "--json", document=audience)
    assert status["books"]["considered"] == counted["count"]
    assert status["books"]["excluded"]["no_consent"] > 0
    sent = road.outbox(campaign)
    assert len(sent) == status["books"]["sent"] > 0

    link = next(link for link in sent[0]["links"] if "/r/" in link)
    assert visit(road, urlsplit(link).path) == (302, TARGET)
    road.crm("worker", "--burst")
    assert road.status(campaign)["hits"] == 1
    assert fingerprint(road.school) == before


def visit(road: Road, path: str) -> tuple[int, str]:
    """Follow a link with a browser, in front of ``crm serve``; returns status and target."""
    settings = load(road.environment)
    crm = open_crm(settings)
    answer = Client(create_app(crm, load_host(settings))).get(path, headers={"User-Agent": BROWSER})
    crm.close()
    return answer.status_code, answer.headers["Location"]


def fingerprint(url: str) -> dict[str, int]:
    """Rows of every table of the site: the CRM changes none."""
    engine = sa.create_engine(url)
    tables = [name for name in sa.inspect(engine).get_table_names() if name.startswith("mdl_")]
    with engine.connect() as connection:
        found = {
            name: connection.execute(sa.text(f"SELECT COUNT(*) FROM {name}")).scalar_one() for name in tables
        }
    engine.dispose()
    return found
