"""Uses one extension after the other from end to end and prints what it saw as JSON.

Run as ``python -m tests.project.one_place NAME FOLDER`` in a copy of the tree (test_one_place.py).
"""

import csv
import importlib
import io
import json
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

import crm_plugin
from crm_plugin.campaigns import jobs, queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.channels import outbox
from crm_plugin.channels.sms_templates import approval
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import connect
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.migrate import upgrade
from crm_plugin.links import jobs as clicks
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import signer
from crm_plugin.plugin import mount, prepare
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service as segments
from tests.campaigns.fixtures import people_of, preflight, report, status
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import ALL, FakeHost, staff
from tests.web.forms import posted

EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
BROWSER = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
)
PEOPLE = (
    r.Person("ada", display_name="Ada", phone="13800000001", timezone="Asia/Shanghai"),
    r.Person("bo", display_name="Bo", phone="13800000002", timezone="Asia/Tokyo"),
    r.Person("cy", display_name="Cy", phone="13800000003"),
)


def school(folder: Path, *others: r.Record, **settings: Any) -> Crm:
    """A CRM that has read a school of three people and what else it has."""
    database = connect(f"sqlite:///{folder / 'crm.db'}")
    upgrade(database)
    values = {"consent_unknown": "send", "instance": str(folder), "host_region": "CN", **settings}
    crm = make_crm(database, FakeHost(*PEOPLE, *others), **values)
    sync(crm, full=True)
    return crm


def rule(field: str, operator: str, value: Any) -> dict[str, Any]:
    """A tree of one condition."""
    return {"combinator": "and", "rules": [{"field": field, "operator": operator, "value": value}]}


def send(crm: Crm, **document: Any) -> int:
    """Create and launch a campaign to everybody, and do all that is due."""
    ident = drafts.create(crm, staff("test"), {"name": "One place", "audience": EVERYBODY, **document})
    service.launch(crm, staff("test"), ident)
    while jobs.burst(crm):
        pass
    return ident


def page(crm: Crm, path: str, locale: str) -> str:
    """A page of the CRM as an administrator sees it in a language."""
    return client_of(crm, locale).get(f"/admin/crm/{path}").text


def client_of(crm: Crm, locale: str) -> FlaskClient:
    """An administrator's browser."""
    app = Flask("school")
    app.secret_key = "k" * 32
    crm.host.plugin.actor = r.Actor("admin", "Ada Admin", ALL, locale=locale)  # type: ignore[attr-defined]
    mount(app, crm)
    return app.test_client()


def field(folder: Path) -> dict[str, Any]:
    """Filter by a time zone: SQL, the decision for one person, the builder in both languages."""
    crm = school(folder)
    tree = rule("timezone", "=", "Asia/Tokyo")
    builder = f"people?{urlencode({'tree': json.dumps(rule('status', '=', 'active'))})}"
    return {
        "ids": list(segments.ids(crm, tree)),
        "decided": [segments.explain(crm, tree, person.id).outcome for person in PEOPLE],
        "offered": "timezone" in {one.name for one in segments.catalogue(crm).fields()},
        "builder": ["Time zone" in page(crm, builder, "en"), "时区" in page(crm, builder, "zh")],
    }


def column(folder: Path) -> dict[str, Any]:
    """Show time zones in the list, and take them away as CSV."""
    crm = school(folder)
    client = client_of(crm, "zh")
    client.set_cookie("crm_columns", "display_name.timezone")
    tree = urlencode({"tree": json.dumps(rule("status", "=", "active"))})
    shown = client.get(f"/admin/crm/people?{tree}").text
    form = posted(shown, "c-chosen") | {"do": "csv"}
    taken = list(csv.reader(io.StringIO(client.post("/admin/crm/people/selected", data=form).get_data(True))))
    rows = re.findall(
        r'<th scope="row"><a [^>]*>(\w+)</a>.*?data-label="时区">\s*(?:<\w[^>]*>)?([^<]*)', shown, re.S
    )
    return {
        "menu": pages(crm, f"people?{tree}", "Time zone", "时区"),
        "cells": dict(rows),
        "csv": dict(taken[1:]),
        "heading": taken[0][1],
    }


def page_of_prices(folder: Path) -> dict[str, Any]:
    """Open the page in both languages, and as somebody who may see no amounts."""
    crm = school(folder, r.Course("c1", "Painting", price=Decimal(120), currency="CNY"))
    client = client_of(crm, "en")
    shown = client.get("/admin/crm/prices").text
    menu = re.findall(r'<a href="([^"]*)" aria-current="([^"]*)">\s*Price list', shown)
    return {
        "title": pages(crm, "prices", "<h1>Price list</h1>", "<h1>价目表</h1>"),
        "rows": [
            list(row)
            for row in re.findall(r'<th scope="row">(.*?)</th>\s*<td data-label="Price".*?>(.*?)<', shown)
        ],
        "menu": list(menu[0]),
        "without money": status_for(crm, "prices", "crm.view"),
    }


def status_for(crm: Crm, path: str, *permissions: str) -> int:
    """The status of a page for somebody with these permissions."""
    client = client_of(crm, "en")
    crm.host.plugin.actor = r.Actor("eve", "Eve", frozenset(permissions))  # type: ignore[attr-defined]
    return client.get(f"/admin/crm/{path}").status_code


def carrier(folder: Path) -> dict[str, Any]:
    """Send SMS by the carrier that the setting names."""
    crm = school(folder, sms_carrier="pigeon")
    prepare(crm)
    approval.sign_off(crm, r.Actor("boss", "Boss", ALL), "win-back-en")
    ident = send(crm, channel="sms", template="win-back-en", link="https://school.example/")
    lines = (folder / "pigeons.txt").read_text().splitlines()
    return {
        "sent": status(crm, ident)["books"]["sent"],
        "to": [line.split("\t")[1] for line in lines],
    }


def channel(folder: Path) -> dict[str, Any]:
    """Send by the channel, and respect who opted out of it."""
    crm = school(folder)
    first = send(crm, channel="kite", text="Hello {{ display_name }}")
    with crm.db.read() as session:
        taken = outbox.listed(session, first)
    page_of_bo = signer(crm).opt_out_token(2, "kite", 1)
    app = Flask("school")
    mount(app, crm)
    assert app.test_client().post(f"/u/{page_of_bo}", data={"scope": "channel"}).status_code == 200
    second = send(crm, channel="kite", text="Again")
    held = requests.export(crm, 2)["suppressions"]
    before = list(segments.ids(crm, rule("suppressed.kite", "=", True)))
    merge(crm, "bo", "ada")
    return {
        "messages": [[one.channel, one.address, one.text] for one in taken],
        "told": [[one["channel"], one["address_key"]] for one in held],
        "suppressed": [before, list(segments.ids(crm, rule("suppressed.kite", "=", True)))],
        "denied": list(segments.ids(crm, rule("consent.kite", "=", "denied"))),
        "excluded": status(crm, second)["books"]["excluded"],
        "composer": "风筝" in page(crm, f"campaigns/{draft(crm)}/audience", "zh"),
    }


def pages(crm: Crm, path: str, english: str, chinese: str) -> list[bool]:
    """Whether a page has its words in both languages."""
    return [english in page(crm, path, "en"), chinese in page(crm, path, "zh")]


def post(crm: Crm, path: str, **form: str) -> None:
    """Post a form as an administrator."""
    client = client_of(crm, "en")
    (token,) = set(re.findall(r'name="csrf_token" value="([^"]+)"', client.get("/admin/crm/people").text))
    answer = client.post(f"/admin/crm/{path}", data={**form, "csrf_token": token})
    assert answer.status_code == 302, answer.text


def merge(crm: Crm, host_id: str, into: str) -> None:
    """Let the school say that two accounts are one."""
    host: Any = crm.host.plugin
    host.put(r.Person(host_id, merged_into=into))
    crm.clock.move(seconds=1)  # type: ignore[attr-defined]
    sync(crm, full=True)


def draft(crm: Crm) -> int:
    """A draft that nobody has launched."""
    file = {"name": "Draft", "channel": "message", "text": "Hello", "audience": EVERYBODY}
    return drafts.create(crm, staff("test"), file)


def click(folder: Path) -> dict[str, Any]:
    """Two people open their links, one by a browser and one by something that does not say what it is."""
    crm = school(folder)
    ident = send(crm, channel="sms", template="win-back-en", link="https://school.example/")
    crm.clock.move(minutes=5)  # type: ignore[attr-defined]
    with crm.db.read() as session:
        links = [message.links[0] for message in outbox.listed(session, ident)]
    redirector = Redirector(crm)
    for link, agent in zip(links, (BROWSER, ""), strict=False):
        code = urlsplit(link).path.rpartition("/")[2]
        assert redirector.answer(code, "GET", {"user-agent": agent}, "203.0.113.7").status == 302
    redirector.close()
    clicks.burst(crm)
    clicked = {"combinator": "and", "rules": [{"field": "clicked", "operator": "=", "value": True}]}
    tree = {
        "combinator": "and",
        "rules": [{"field": "deliveries", "match": {"mode": "some"}, "value": clicked}],
    }
    told = status(crm, ident)
    return {
        "status": [told["hits"], told["human_hits"], told["people_clicked"]],
        "report": report(crm, ident).clicks.people_clicked,
        "who": [member.host_id for member in people_of(crm, ident, "clicked")],
        "segment": list(segments.ids(crm, tree)),
    }


NEW = NOW - timedelta(days=10)
"""When a newcomer registered."""


def policy_rule(folder: Path) -> dict[str, Any]:
    """Leave newcomers out: one from the beginning, another who is one only after the freeze."""
    crm = school(folder)
    changed(crm, "bo")
    ident = draft(crm)
    composer = pages(crm, f"campaigns/{ident}/policy", "Leave people alone in their first", "注册后不打扰")
    post(crm, f"campaigns/{ident}/policy/save", newcomer_days="30", quiet_from="", quiet_to="")
    found = preflight(crm, ident)
    seen = {
        "composer": composer,
        "saved": queries.get(crm, ident).policy,
        "refused": refusal(crm, newcomer_days=0),
        "preflight": found.reach.excluded,
        "check": pages(crm, f"campaigns/{ident}/check", "New at the school", "新来的学员"),
    }
    service.launch(crm, staff("test"), ident)
    assert freeze(crm, ident)
    seen["frozen"] = status(crm, ident)["books"]["excluded"]
    changed(crm, "cy")
    while jobs.burst(crm):
        pass
    document = page(crm, "api/v1/openapi.json", "en")
    policy = json.loads(document)["components"]["schemas"]["Policy"]["properties"]
    return {
        **seen,
        "marked": status(crm, ident)["books"]["excluded"],
        "report": pages(crm, f"campaigns/{ident}", "New at the school", "新来的学员"),
        "people": "Bo" in page(crm, f"campaigns/{ident}/people?what=excluded:newcomer", "en"),
        "api": [policy["newcomer_days"]["type"], "(status, " in document and "newcomer" in document],
    }


def changed(crm: Crm, host_id: str) -> None:
    """Let somebody have come to the school lately."""
    with crm.db.begin() as session:
        session.execute(sa.update(Person).where(Person.host_id == host_id).values(registered_at=NEW))


def refusal(crm: Crm, **policy: Any) -> list[str]:
    """What a campaign file with a bad policy is refused for."""
    file = {"name": "Bad", "channel": "message", "audience": EVERYBODY, "policy": policy}
    try:
        drafts.create(crm, staff("test"), file)
    except BadInput as error:
        return [error.place, error.code]
    return []


def capability(folder: Path) -> dict[str, Any]:
    """Give badges, and look wherever an application shows what a capability brings."""
    crm = school(folder)
    badges = importlib.import_module("crm_plugin.badges.service")
    importlib.import_module("crm_plugin.badges.models").Badge.__table__.create(crm.db.engine)
    for person, name in ((1, "Gold"), (2, "Silver")):
        badges.give(crm, r.Actor("boss", "Boss", ALL), person, name)
    gold = {"field": "name", "operator": "=", "value": "Gold"}
    some = {"field": "badges", "match": {"mode": "some"}, "value": {"combinator": "and", "rules": [gold]}}
    related = {"combinator": "and", "rules": [some]}
    document = json.loads(page(crm, "api/v1/openapi.json", "en"))
    shown = page(crm, "people/1?show=badges", "en")
    seen = {
        "page": "Silver" in page(crm, "badges", "en"),
        "menu": 'href="/admin/crm/badges"' in page(crm, "people", "en"),
        "api": [one["name"] for one in json.loads(page(crm, "api/v1/badges", "en"))["items"]],
        "document": "/api/v1/badges" in document["paths"],
        "field": list(segments.ids(crm, rule("badge_names", "contains", "Gold"))),
        "relation": list(segments.ids(crm, related)),
        "decided": segments.explain(crm, related, "ada").outcome,
        "timeline": [words in shown for words in ("Got a badge", "Gold")],
        "told": [one["name"] for one in requests.export(crm, 2)["badges"]],
    }
    merge(crm, "bo", "ada")
    seen["merged"] = [one["name"] for one in requests.export(crm, 1)["badges"]]
    requests.forget(crm, 1)
    return {**seen, "erased": "Gold" not in page(crm, "badges", "en")}


USES: dict[str, Callable[[Path], dict[str, Any]]] = {
    use.__name__: use
    for use in (field, column, page_of_prices, carrier, channel, click, policy_rule, capability)
}


def main(name: str, folder: str) -> None:
    """Print what a use saw, and where the code that it ran is."""
    print(json.dumps({"code": crm_plugin.__file__, **USES[name](Path(folder))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
