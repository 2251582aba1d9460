"""Make the small installation that later versions are tried on: ``python -m tests.upgrades.make NAME``.

It is run in a checkout of the version to be kept, and speaks to it by commands and pages only. One dump for
each database, its clicks that no worker has read yet, and what it promised go to ``tests/upgrades/NAME``.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from crm_plugin.demo.app import create_app
from crm_plugin.demo.generate import LEAST_PEOPLE, demo_accounts, fill
from crm_plugin.host.records import PERMISSIONS
from crm_plugin.kernel.settings import load
from crm_plugin.plugin import init_app, load_host, prepare
from tests.road import Road
from tests.servers.databases import KINDS, empty_database
from tests.servers.run import close_run, open_run
from tests.upgrades import dump

SETTINGS = {
    "host_region": "CN",
    "host_currency": "CNY",
    "host_timezone": "Asia/Shanghai",
    "consent_unknown": "send",
    "secret_key": "the key of an installation that is kept for upgrades",
}
BOUGHT = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}
LOGIN = "keeper"
PLANNED_AT = "2037-01-01T09:00:00+08:00"
EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
TARGET = "https://school.example/offers"
SMS = {"channel": "sms", "template": "win-back-en", "link": TARGET, "audience": BOUGHT}
MAIL = {
    "channel": "email",
    "subject": "News",
    "html": "<p>Hello {{ display_name }}</p>",
    "audience": EVERYBODY,
}
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
)
API = "/admin/crm/api/v1"
_PLACE = text("SELECT value FROM crm_kept WHERE name = 'campaigns.place'")


def main(name: str) -> None:
    """Make the installation on each database."""
    target = Path(__file__).parent / name
    target.mkdir(exist_ok=True)
    run = open_run()
    try:
        for kind in KINDS:
            _make(kind, target)
    finally:
        close_run(run)


def _make(kind: str, target: Path) -> None:
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        url = ends.enter_context(empty_database(kind, folder))
        road = Road(folder, "demo_school", _school(folder), url, **SETTINGS)
        settings = load(road.environment)
        app = create_app(road.school, secret_key="k" * 32)
        crm = init_app(app, load_host(settings), settings)
        ends.callback(crm.close)
        made = dump.record(crm.db.engine)
        prepare(crm)
        promised = _live(road, app.test_client)
        _keep(crm, made, target / kind, promised)


def _school(folder: Path) -> str:
    url = f"sqlite:///{folder / 'school.db'}"
    engine = create_engine(url)
    fill(engine, LEAST_PEOPLE, seed=7)
    engine.dispose()
    return url


def _live(road: Road, browser: Any) -> dict[str, Any]:
    """A few days of an installation; returns what a later version must find in it."""
    road.crm("init", "--no-progress")
    rights = [word for right in PERMISSIONS for word in ("--permission", right)]
    password = road.crm("account", "add", LOGIN, *rights).split(" / ")[1].strip()
    clicked = road.send(name="Clicked", **SMS)
    mailed = road.send(name="Mailed", holdout=0.2, **MAIL)
    _notes(browser(), road.crm("segment", "ids", "-", document=BOUGHT).split())
    messages = road.outbox(clicked)
    time.sleep(6)  # whoever clicks within five seconds is taken for a program
    _click(browser(), messages[:3])
    opted_out = _opt_out(browser(), road.outbox(mailed)[0])
    road.crm("worker", "--burst")
    draft = _create(road, name="Draft", **SMS)
    planned = _create(road, name="Planned", at=PLANNED_AT, **MAIL)
    road.crm("campaign", "launch", str(planned))
    waiting = road.send(name="Waiting", policy={"quiet_hours": _quiet_now()}, **SMS)
    paused = _create(road, name="Paused", **SMS)
    road.crm("campaign", "launch", str(paused))
    road.crm("campaign", "pause", str(paused))
    cancelled = _create(road, name="Cancelled", **MAIL)
    road.crm("campaign", "launch", str(cancelled))
    road.crm("campaign", "cancel", str(cancelled))
    before = road.status(clicked)
    _click(browser(), messages[3:5])  # stay in the spool: the worker of the later version reads them
    names = ("clicked", "mailed", "draft", "planned", "waiting", "paused", "cancelled")
    idents = (clicked, mailed, draft, planned, waiting, paused, cancelled)
    return {
        "made_at": datetime.now(ZoneInfo("UTC")).isoformat(),
        "password": password,
        "bought": road.crm("segment", "count", "-", "--json", document=BOUGHT)["count"],
        "people": road.crm("segment", "count", "-", "--json", document=EVERYBODY)["count"],
        "opted_out": opted_out,
        "campaigns": dict(zip(names, map(road.status, idents), strict=True)),
        "clicks": {key: before[key] for key in ("hits", "human_hits", "people_clicked")},
        "unread_clicks": 2,
        "unclicked": messages[5]["links"][0],
    }


def _create(road: Road, **file: Any) -> int:
    return int(road.crm("campaign", "create", "-", "--json", document=file)["id"])


def _quiet_now() -> dict[str, str]:
    now = datetime.now(ZoneInfo(SETTINGS["host_timezone"]))
    return {"from": f"{now - timedelta(hours=1):%H:%M}", "to": f"{now - timedelta(hours=2):%H:%M}"}


def _click(client: FlaskClient, messages: list[dict[str, Any]]) -> None:
    for message in messages:
        path = urlsplit(message["links"][0]).path
        assert client.get(path, headers={"User-Agent": PHONE}).status_code == 302


def _opt_out(client: FlaskClient, message: dict[str, Any]) -> str:
    path = urlsplit(next(word for word in message["text"].split() if "/u/" in word)).path
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    return str(message["person"])


def _notes(client: FlaskClient, people: list[str]) -> None:
    """Let an administrator write down some things by the API."""
    admin = demo_accounts()[0]
    form = {"login": admin.username, "password": admin.password, "csrf_token": _token(client, "/login")}
    assert client.post("/login", data=form).status_code == 302
    token = _token(client, "/")
    sent = [
        ("POST", "/queries", {"name": "Buyers", "tree": BOUGHT, "shared": True, "pinned": True}),
        ("POST", "/topics", {"name": "Offers", "name_zh": "优惠"}),
        ("POST", f"/people/{people[0]}/follow-ups", {"kind": "call", "text": "Asked for a date: «März»"}),
        ("PUT", f"/people/{people[1]}/consent/sms", {"granted": False}),
    ]
    for method, path, body in sent:
        answer = client.open(API + path, method=method, json=body, headers={"X-CSRFToken": token})
        assert answer.status_code in (200, 201, 204), (path, answer.text)


def _token(client: FlaskClient, page: str) -> str:
    return client.get(page).text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]


def _keep(crm: Any, made: list[str], target: Path, promised: dict[str, Any]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with crm.db.read() as session:
        place = session.execute(_PLACE).scalar_one()
    here = json.loads(place) if isinstance(place, str) else place
    dump.write(crm.db.engine, made, target / "crm.sql.gz", {here["database"]: "where it was made"})
    # A click is named by its spool and place, so both keep their names.
    shutil.copytree(crm.instance / "clicks", target / "clicks", ignore=shutil.ignore_patterns(".drain"))
    (target / "promised.json").write_text(json.dumps(promised, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    os.umask(0o022)
    main(sys.argv[1])
