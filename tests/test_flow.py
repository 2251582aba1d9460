"""The whole road on each database: a school's data in, a campaign out, a click back, an opt-out kept.

Everything goes through what is promised outside: commands, hooks and HTTP. Runs against the checkout and,
from another folder, against the built wheel.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import create_engine

from crm_plugin.cli import flask_group
from crm_plugin.demo.app import create_app
from crm_plugin.demo.generate import demo_accounts, fill
from crm_plugin.kernel.settings import load
from crm_plugin.plugin import init_app, load_host

PEOPLE = 150
BOUGHT = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}
BROWSER = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"


class Road:
    """A school and a CRM beside it, driven by commands and HTTP only."""

    def __init__(self, folder: Path, db_url: str) -> None:
        self.school = f"sqlite:///{folder / 'school.db'}"
        self.environment = {
            "CRM_HOST": "demo_school",
            "CRM_HOST_URL": self.school,
            "CRM_DATABASE_URL": db_url,
            "CRM_INSTANCE": str(folder / "instance"),
            "CRM_PUBLIC_URL": "http://crm.example",
            "CRM_HOST_REGION": "CN",
            "CRM_HOST_CURRENCY": "CNY",
            "CRM_HOST_TIMEZONE": "Asia/Shanghai",
            "CRM_CONSENT_UNKNOWN": "send",
        }

    def crm(self, *words: str, document: Any = None, exit_code: int = 0) -> Any:
        """Run a command with --json; returns its document, or its error line on another exit code."""
        given = None if document is None else json.dumps(document)
        done = CliRunner().invoke(flask_group, list(words), input=given, env=self.environment)
        assert done.exit_code == exit_code, (words, done.output, done.stderr, done.exception)
        if exit_code:
            return done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout

    def client(self) -> FlaskClient:
        """The school's application with the CRM in it."""
        settings = load(self.environment)
        app = create_app(self.school, secret_key="k" * 32)
        init_app(app, load_host(settings), settings)
        return app.test_client()

    def launch(self, **changes: Any) -> int:
        """Make a campaign by file, launch it, and let a worker do all that is due."""
        campaign = {
            "name": "Come back",
            "channel": "sms",
            "audience": BOUGHT,
            "template": "win-back-en",
            "link": "https://school.example/offers?from=sms&x=%2F#top",
        }
        ident = int(self.crm("campaign", "create", "-", "--json", document=campaign | changes)["id"])
        self.crm("campaign", "launch", str(ident), "--json")
        self.crm("worker", "--burst")
        return ident


@pytest.fixture
def road(tmp_path: Path, db_url: str) -> Iterator[Road]:
    road = Road(tmp_path, db_url)
    engine = create_engine(road.school)
    fill(engine, PEOPLE, seed=7)
    engine.dispose()
    road.crm("init", "--no-progress")
    yield road


def books(status: dict[str, Any]) -> int:
    numbers = {**status["books"]}
    considered = numbers.pop("considered")
    excluded = sum(numbers.pop("excluded").values())
    assert considered == excluded + sum(numbers.values())
    return int(considered)


def test_the_road_from_the_school_to_the_report_and_back(road: Road) -> None:
    matched = road.crm("segment", "count", "-", "--json", document=BOUGHT)["count"]
    assert 0 < matched < PEOPLE
    ids = road.crm("segment", "ids", "-", document=BOUGHT).split()
    assert len(set(ids)) == matched

    campaign = road.launch()
    status = road.crm("campaign", "status", str(campaign), "--json")
    assert status["state"] == "finished"
    assert books(status) == matched
    sent = road.crm("outbox", "--campaign", str(campaign), "--json")
    assert len(sent) == status["books"]["sent"] > 0
    assert {row["person"] for row in sent} <= set(ids)
    assert len({row["address"] for row in sent}) == len(sent)
    assert (status["hits"], status["human_hits"], status["people_clicked"]) == (0, 0, 0)

    client = road.client()
    message = sent[0]
    [link] = message["links"]
    assert link in message["text"]
    answer = client.get(urlsplit(link).path, headers={"User-Agent": BROWSER})
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "https://school.example/offers?from=sms&x=%2F#top",
    )
    assert client.head(urlsplit(link).path).status_code == 302
    forged = urlsplit(link).path[:-1] + ("a" if link[-1] != "a" else "b")
    assert client.get(forged).status_code == 404
    road.crm("worker", "--burst")
    status = road.crm("campaign", "status", str(campaign), "--json")
    assert (status["hits"], status["people_clicked"]) == (2, status["human_hits"])


def test_an_opt_out_by_link_binds_every_later_campaign(road: Road) -> None:
    mail = {"channel": "email", "template": None, "subject": "News", "html": "<p>Hello {{ display_name }}</p>"}
    document = {key: value for key, value in mail.items() if value is not None}
    campaign = road.crm("campaign", "create", "-", "--json", document=document | {"name": "M", "audience": BOUGHT})
    road.crm("campaign", "launch", str(campaign["id"]))
    road.crm("worker", "--burst")
    first = road.crm("outbox", "--campaign", str(campaign["id"]), "--json")
    page = next(url for url in first[0]["text"].split() if "/u/" in url).strip("<>().")
    client = road.client()
    assert client.get(urlsplit(page).path).status_code == 200
    assert client.post(urlsplit(page).path, data={"List-Unsubscribe": "One-Click"}).status_code == 200

    again = road.crm("campaign", "create", "-", "--json", document=document | {"name": "N", "audience": BOUGHT})
    road.crm("campaign", "launch", str(again["id"]))
    road.crm("worker", "--burst")
    second = road.crm("outbox", "--campaign", str(again["id"]), "--json")
    assert {row["person"] for row in first} - {row["person"] for row in second} == {first[0]["person"]}


def test_bad_input_is_one_line_that_names_the_place(road: Road) -> None:
    tree = {"combinator": "and", "rules": [{"field": "paid_cuont", "operator": ">=", "value": 1}]}
    line = road.crm("segment", "count", "-", document=tree, exit_code=2)
    assert line.count("\n") == 1
    assert "rules[0]" in line
    assert "paid_count" in line
    for words in (["campaign", "status", "999999"], ["campaign", "launch", "999999"]):
        assert road.crm(*words, exit_code=2).count("\n") == 1
    line = road.crm("campaign", "create", "-", document={"name": "x", "chanel": "sms"}, exit_code=2)
    assert "chanel" in line


def test_the_pages_are_there_for_staff_and_closed_to_others(road: Road) -> None:
    client = road.client()
    assert client.get("/admin/crm/people").status_code in (302, 401)
    admin = demo_accounts()[0]
    sign_in(client, admin.username, admin.password)
    for page in ("", "people", "campaigns", "health"):
        answer = client.get(f"/admin/crm/{page}", follow_redirects=True)
        assert answer.status_code == 200, page
    learner = demo_accounts()[3]
    other = road.client()
    sign_in(other, learner.username, learner.password)
    assert other.get("/admin/crm/people").status_code == 403


def sign_in(client: FlaskClient, username: str, password: str) -> None:
    page = client.get("/login").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"login": username, "password": password, "csrf_token": token}
    assert client.post("/login", data=form).status_code == 302
