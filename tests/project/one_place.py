"""Uses one extension after the other from end to end and prints what it saw as JSON.

Run as ``python -m tests.project.one_place NAME FOLDER`` in a copy of the tree (test_one_place.py).
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask

import crm_plugin
from crm_plugin.campaigns import jobs, queries, service
from crm_plugin.campaigns.reporting import report
from crm_plugin.channels import outbox
from crm_plugin.channels.sms_templates import approval
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import connect
from crm_plugin.kernel.migrate import upgrade
from crm_plugin.links import jobs as clicks
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.service import signer
from crm_plugin.plugin import mount, prepare
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service as segments
from tests.fakes.crm import make_crm
from tests.fakes.host import ALL, FakeHost

EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
BROWSER = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
)
PEOPLE = (
    r.Person("ada", display_name="Ada", phone="13800000001", timezone="Asia/Shanghai"),
    r.Person("bo", display_name="Bo", phone="13800000002", timezone="Asia/Tokyo"),
    r.Person("cy", display_name="Cy", phone="13800000003"),
)


def school(folder: Path, **settings: Any) -> Crm:
    """A CRM that has read a school of three people."""
    database = connect(f"sqlite:///{folder / 'crm.db'}")
    upgrade(database)
    values = {"consent_unknown": "send", "instance": str(folder), "host_region": "CN", **settings}
    crm = make_crm(database, FakeHost(*PEOPLE), **values)
    sync(crm, full=True)
    return crm


def rule(field: str, operator: str, value: Any) -> dict[str, Any]:
    """A tree of one condition."""
    return {"combinator": "and", "rules": [{"field": field, "operator": operator, "value": value}]}


def send(crm: Crm, **document: Any) -> int:
    """Create and launch a campaign to everybody, and do all that is due."""
    ident = service.create(crm, "test", {"name": "One place", "audience": EVERYBODY, **document})
    service.launch(crm, ident, "test")
    while jobs.burst(crm):
        pass
    return ident


def page(crm: Crm, path: str, locale: str) -> str:
    """A page of the CRM as an administrator sees it in a language."""
    app = Flask("school")
    app.secret_key = "k" * 32
    crm.host.plugin.actor = r.Actor("admin", "Ada Admin", ALL, locale=locale)  # type: ignore[attr-defined]
    mount(app, crm)
    return app.test_client().get(f"/admin/crm/{path}").text


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


def carrier(folder: Path) -> dict[str, Any]:
    """Send SMS by the carrier that the setting names."""
    crm = school(folder, sms_carrier="pigeon")
    prepare(crm)
    approval.sign_off(crm, r.Actor("boss", "Boss", ALL), "win-back-en")
    ident = send(crm, channel="sms", template="win-back-en", link="https://school.example/")
    lines = (folder / "pigeons.txt").read_text().splitlines()
    return {
        "sent": queries.status(crm, ident)["books"]["sent"],
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
    return {
        "messages": [[one.channel, one.address, one.text] for one in taken],
        "denied": list(segments.ids(crm, rule("consent.kite", "=", "denied"))),
        "excluded": queries.status(crm, second)["books"]["excluded"],
        "composer": "风筝" in page(crm, f"campaigns/{draft(crm)}/audience", "zh"),
    }


def draft(crm: Crm) -> int:
    """A draft that nobody has launched."""
    return service.create(crm, "test", {"name": "Draft", "channel": "message", "audience": EVERYBODY})


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
    status = queries.status(crm, ident)
    return {
        "status": [status["hits"], status["human_hits"], status["people_clicked"]],
        "report": report.report(crm, ident).clicks.people_clicked,
        "who": [member.host_id for member in report.people_of(crm, ident, "clicked")],
        "segment": list(segments.ids(crm, tree)),
    }


USES: dict[str, Callable[[Path], dict[str, Any]]] = {
    use.__name__: use for use in (field, carrier, channel, click)
}


def main(name: str, folder: str) -> None:
    """Print what a use saw, and where the code that it ran is."""
    print(json.dumps({"code": crm_plugin.__file__, **USES[name](Path(folder))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
