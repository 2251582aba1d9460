"""The whole road on each database: a school's data in, a campaign out, a click back, an opt-out kept.

Everything goes through what is promised outside: commands, hooks and HTTP. Runs against the checkout and,
from another folder, against the built wheel.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine

from crm_plugin.demo.app import create_app
from crm_plugin.demo.generate import demo_accounts, fill
from crm_plugin.kernel.settings import load
from crm_plugin.plugin import init_app, load_host
from tests.road import Road

PEOPLE = 150
TARGET = "https://school.example/offers?from=sms&x=%2F#top"
BOUGHT = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}
SMS = {"name": "Back", "channel": "sms", "audience": BOUGHT, "template": "win-back-en", "link": TARGET}
MAIL = {
    "name": "News",
    "channel": "email",
    "audience": BOUGHT,
    "subject": "News for {{ display_name }}",
    "html": "<p>Hello {{ display_name }}</p>",
}
Visitor = Callable[[], FlaskClient]
BROWSER = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
)


@pytest.fixture
def road(tmp_path: Path, db_url: str) -> Road:
    school = f"sqlite:///{tmp_path / 'school.db'}"
    facts = {"host_region": "CN", "host_currency": "CNY", "host_timezone": "Asia/Shanghai"}
    road = Road(tmp_path, "demo_school", school, db_url, consent_unknown="send", **facts)
    engine = create_engine(school)
    fill(engine, PEOPLE, seed=7)
    engine.dispose()
    road.crm("init", "--no-progress")
    return road


@pytest.fixture
def visitor(road: Road) -> Iterator[Visitor]:
    """Makes browsers in front of the school's application with the CRM in it."""
    settings = load(road.environment)
    app = create_app(road.school, secret_key="k" * 32)
    crm = init_app(app, load_host(settings), settings)
    with ExitStack() as ends:
        ends.callback(crm.close)
        ends.callback(lambda: close_school(app))
        yield app.test_client


def close_school(app: Flask) -> None:
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def test_the_road_from_the_school_to_the_report_and_back(road: Road, visitor: Visitor) -> None:
    matched = road.crm("segment", "count", "-", "--json", document=BOUGHT)["count"]
    assert 0 < matched < PEOPLE
    ids = road.crm("segment", "ids", "-", document=BOUGHT).split()
    assert len(set(ids)) == matched

    campaign = road.send(**SMS)
    status = road.status(campaign)
    assert (status["state"], status["books"]["considered"]) == ("finished", matched)
    sent = road.outbox(campaign)
    assert len(sent) == status["books"]["sent"] > 0
    assert {row["person"] for row in sent} <= set(ids)
    assert len({row["address"] for row in sent}) == len(sent)
    assert (status["hits"], status["human_hits"], status["people_clicked"]) == (0, 0, 0)

    client = visitor()
    [link] = sent[0]["links"]
    assert link in sent[0]["text"]
    path = urlsplit(link).path
    answer = client.get(path, headers={"User-Agent": BROWSER})
    assert (answer.status_code, answer.headers["Location"]) == (302, TARGET)
    assert client.head(path).status_code == 302
    assert client.get(path[:-1] + ("a" if path[-1] != "a" else "b")).status_code == 404
    road.crm("worker", "--burst")
    status = road.status(campaign)
    assert (status["hits"], status["people_clicked"]) == (2, status["human_hits"])


def test_an_opt_out_by_link_binds_every_later_campaign(road: Road, visitor: Visitor) -> None:
    first = road.outbox(road.send(**MAIL))
    page = next(word for word in first[0]["text"].split() if "/u/" in word)
    path = urlsplit(page).path
    client = visitor()
    assert client.get(path).status_code == 200
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200

    second = road.outbox(road.send(**MAIL))
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


def test_the_pages_are_there_for_staff_and_closed_to_others(visitor: Visitor) -> None:
    admin, *_, learner = demo_accounts()
    client = visitor()
    assert client.get("/admin/crm/people").status_code == 302
    sign_in(client, admin.username, admin.password)
    for page in ("", "people", "campaigns", "health"):
        assert client.get(f"/admin/crm/{page}").status_code == 200, page
    other = visitor()
    sign_in(other, learner.username, learner.password)
    assert other.get("/admin/crm/people").status_code == 403


def sign_in(client: FlaskClient, username: str, password: str) -> None:
    page = client.get("/login").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"login": username, "password": password, "csrf_token": token}
    assert client.post("/login", data=form).status_code == 302
