"""A school of which somebody may see two courses only, and what they must never learn of the rest."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask

from crm_plugin.automations import service as automations
from crm_plugin.automations.recurring import service as recurring
from crm_plugin.campaigns import access, jobs, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.models import Reply
from crm_plugin.campaigns.reporting import conversions, messages, report
from crm_plugin.channels import suppressions
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.host.token_actors import create
from crm_plugin.kernel.credentials.tokens import Grant
from crm_plugin.kernel.db.engine import Database
from crm_plugin.plugin import prepare
from crm_plugin.profiles.consent import topics
from crm_plugin.profiles.people.queries import person_id_of
from crm_plugin.profiles.staff import follow_ups
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments.bulk import exports
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.saved import quick_queries
from crm_plugin.web.blueprint import pages
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import ALL, FakeHost
from tests.web.fixtures import School

SCOPE = frozenset({"c1", "c2"})
ADMIN = r.Actor("boss", "Boss", ALL, locale="en")
LIMITED = r.Actor("lim", "Lim", ALL, locale="en", scope=SCOPE)
"""May do everything, but with the people of two courses."""
EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
FOREIGN = 17
"""People who have nothing to do with the two courses."""
OLGA = {"phone": "13900139000", "email": "olga@outside.example", "tags": ("outside-tag",)}
SECRETS = (
    "Olga Outside",
    "olga@outside.example",
    "13900139000",
    "blocked@outside.example",
    "Moved Outside",
    "Foreign 03",
    "Secretology",
    "Vanishology",
    "outside-tag",
    "hidden-category",
    "hidden-topic",
    "777",
    "not to be read inside",
    "7 November 2026",
    "7 Nov 2026",
    "2026-11-07",
)
"""Of people outside, and of what people inside did elsewhere."""


def _person(ident: str, name: str, **facts: Any) -> r.Person:
    values = {"registered_at": NOW - timedelta(days=90), "email": f"{ident}@example.com", **facts}
    return r.Person(ident, display_name=name, **values)


def _paid(ident: str, person: str, *lines: tuple[str, str], days: int) -> r.Order:
    made = tuple(r.OrderLine("course", course, Decimal(amount)) for course, amount in lines)
    total = sum((line.amount for line in made), Decimal(0))
    at = NOW - timedelta(days=days)
    return r.Order(ident, person, "paid", total, "CNY", created_at=at, paid_at=at, lines=made)


def books() -> list[Any]:
    """Return what the school has."""
    courses = [
        r.Course("c1", "Piano", tags=("music",), category=("arts",), price=Decimal(99), currency="CNY"),
        r.Course("c2", "Violin", tags=("music",), category=("arts",)),
        r.Course("c3", "Secretology", tags=("hidden-topic",), category=("hidden-category",)),
        r.Course("c9", "Vanishology", tags=("hidden-topic",)),
    ]
    inside = [
        _person("in1", "Ina Inside", phone="13800138001", tags=("friend",)),
        _person("in2", "Ivo Inside", phone="13800138002"),
    ]
    outside = [
        _person(
            "out1", "Olga Outside", phone="13900139000", email="olga@outside.example", tags=("outside-tag",)
        ),
        _person("out2", "Moved Outside", merged_into="out1"),
        *(_person(f"f{number}", f"Foreign {number:02}") for number in range(FOREIGN - 1)),
    ]
    learned = NOW - timedelta(days=8)  # 7 November: in the foreign course only
    seats = [
        r.Enrolment("e1", "in1", "c1", last_learned_at=NOW - timedelta(days=30)),
        r.Enrolment("e2", "in1", "c3", last_learned_at=learned),
        r.Enrolment("e3", "out1", "c3", last_learned_at=learned),
    ]
    orders = [
        _paid("o1", "in1", ("c1", "99.00"), days=20),
        replace(
            _paid("o2", "in1", ("c3", "777.00"), days=8), state="partly_refunded", refunded=Decimal("7.00")
        ),
        _paid("o3", "in2", ("c2", "50.00"), days=15),
        _paid("o4", "out1", ("c3", "777.00"), days=8),
    ]
    signals = [
        r.Signal("s1", "in1", "learn", learned, "c3"),
        r.Signal("s2", "in2", "view", NOW - timedelta(days=16), "c1"),
        r.Signal("s3", "out1", "view", learned, "c9"),
    ]
    return [*courses, *inside, *outside, *seats, *orders, *signals]


@dataclass
class Limits:
    """The school, and the ids of what lies outside and inside."""

    school: School
    ids: dict[str, int]
    token: str
    """Of a program that is limited like the person."""

    @property
    def crm(self) -> Crm:
        return self.school.crm


def open_limits(database: Database, folder: Path) -> Limits:
    """Return the school with everything that a colleague without limits has done in it."""
    host = FakeHost(*books())
    values: dict[str, Any] = {"host_region": "CN", "host_currency": "CNY", "consent_unknown": "send"}
    crm = make_crm(database, host, instance=str(folder), **values)
    prepare(crm)
    sync(crm, full=True)
    host.remove("courses", "c9")
    sync(crm, full=True)
    app = Flask("school")
    app.config.update(SECRET_KEY="a key of the school", TESTING=True)
    app.register_blueprint(pages(crm))
    limits = Limits(School(host, crm, app, app.test_client()), {}, "")
    _fill(limits)
    host.actor = LIMITED
    return limits


def _fill(limits: Limits) -> None:
    crm, ids = limits.crm, limits.ids
    with crm.db.read() as session:
        for name in ("in1", "in2", "out1"):
            ids[name] = person_id_of(session, name)
    rule = {"field": "course_id", "operator": "in", "value": ["c3", "c9"]}
    foreign = {"field": "signals", "match": {"mode": "some"}, "value": {"combinator": "and", "rules": [rule]}}
    tree = {"combinator": "and", "rules": [foreign]}
    ids["shared"] = quick_queries.save(crm, ADMIN, "Shared by a colleague", tree, shared=True, pinned=True)
    ids["private"] = quick_queries.save(crm, ADMIN, "Private of a colleague", tree)
    ids["mine"] = quick_queries.save(crm, LIMITED, "Mine", EVERYBODY, pinned=True)
    quick_queries.refresh_counts(crm, everything=True)
    suppressions.block(crm, ADMIN, "email", "blocked@outside.example")
    ids["topic"] = topics.create(crm, ADMIN, "Offers")
    ids["stopped"] = suppressions.listed(crm, ADMIN)[0].id
    ids["note"] = follow_ups.add(crm, ADMIN, ids["out1"], follow_ups.Entry("note", "not to be read inside"))
    ids["reply"] = a_reply(limits, "out1", staff=LIMITED.id)
    ids["theirs"], ids["own"] = (_campaign(crm, actor) for actor in (ADMIN, LIMITED))
    ids["draft"] = drafts.create(crm, ADMIN, file_of_campaign())
    ids["own_draft"] = drafts.create(crm, LIMITED, file_of_campaign())
    for name, actor in (("repeating", ADMIN), ("own_repeating", LIMITED)):
        ids[name] = drafts.create(crm, actor, file_of_campaign())
        ids[name.replace("repeating", "chase")] = automations.create(crm, actor, _CHASE)
        recurring.start(crm, actor, ids[name], {"every": "day", "at": "09:00"})
    send_test(crm, ADMIN, ids["draft"], "tester@example.com", "out1")
    with_part = exports.Wanted(Part(EVERYBODY), ["display_name", "email", "paid_total"], "csv")
    ids["export"] = exports.queue(crm, ADMIN, with_part)
    exports.make_due(crm)
    ids["test"] = messages.latest_messages(crm, ADMIN, limit=200)[0].id
    ids["message"] = next(
        row.id for row in messages.messages(crm, ADMIN, ids["theirs"]) if row.person == "out1"
    )
    grant = Grant("Program", sorted(ALL), sorted(SCOPE))
    ids["token"], limits.token = create(crm, ADMIN, grant)


_CHASE: dict[str, Any] = {
    "name": "Chase",
    "trigger": {"on": "date", "date": "registered"},
    "steps": [{"send": {"channel": "message", "text": "Hello"}}],
}


def file_of_campaign() -> dict[str, Any]:
    """Return a campaign file that reaches everybody by e-mail."""
    html = "<p>Dear {{ display_name }}</p>"
    return {
        "name": "News",
        "channel": "email",
        "purpose": "marketing",
        "audience": EVERYBODY,
        "subject": "News",
        "html": html,
    }


def _campaign(crm: Crm, actor: r.Actor) -> int:
    ident = drafts.create(crm, actor, file_of_campaign())
    service.launch(crm, actor, ident)
    while jobs.burst(crm):
        pass
    return ident


CLOSED: dict[str, tuple[str, Any, int]] = {
    "data": ("/data", None, 403),
    "data_progress": ("/data/progress", None, 403),
    "data_start": ("/data/start", {}, 403),
    "data_confirm": ("/data/confirm", {"stream": "persons"}, 403),
    "tokens": ("/tokens", None, 403),
    "token_new": ("/tokens/new", {"name": "x", "permission": "crm.view"}, 403),
    "audit_log": ("/audit", None, 403),
    "audit_export": ("/audit/export", {}, 403),
    "stopped": ("/stopped", None, 403),
    "stopped_block": ("/stopped/block", {"channel": "email", "address": "olga@outside.example"}, 403),
}
"""Pages about the whole school: name of a route → (path, what is sent, the answer to who is limited)."""


def people_of(limits: Limits, actor: r.Actor, name: str) -> list[report.Member]:
    """The people of a campaign as an actor sees them."""
    with limits.crm.db.read() as session:
        row = access.find(session, actor, limits.ids[name])
        return report.people_of(session, row, "considered", scope=actor.scope)


def outcome(limits: Limits, actor: r.Actor, name: str) -> conversions.Outcome | None:
    """The purchases after a campaign, likewise."""
    with limits.crm.db.read() as session:
        return conversions.conversions(session, access.find(session, actor, limits.ids[name]), 1, actor)


def a_reply(world: Limits, who: str = "in1", **changes: Any) -> int:
    """Put in what somebody sent to our number; return its id."""
    facts = {"channel": "sms", "carrier": "http", "address_key": "+8613800000001", "wish": "", **changes}
    row = Reply(event_key=str(uuid4()), text="not to be read inside", at=world.crm.clock(), **facts)
    row.person_id = world.ids[who]
    with world.crm.db.begin() as session:
        session.add(row)
        session.flush()
        return row.id
