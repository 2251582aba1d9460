"""A school in which something is in every state, so that every page shows every form it has."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crm_plugin.automations import service as automations
from crm_plugin.automations.models import Automation
from crm_plugin.automations.recurring import service as recurring
from crm_plugin.automations.recurring.models import Recurrence
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing.test_send import send_test
from crm_plugin.campaigns.ledger import campaign_states
from crm_plugin.campaigns.models import Campaign, Delivery, Reply
from crm_plugin.channels import suppressions
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.channels.sms import template_states
from crm_plugin.channels.sms.templates import load_stock
from crm_plugin.channels.sms_templates import editing
from crm_plugin.host import records as r
from crm_plugin.host.token_actors import create
from crm_plugin.kernel.credentials.tokens import Grant
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments.bulk import bulk_jobs, bulk_tagging, exports
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.models import Export, QuickQuery, Tagging
from crm_plugin.segments.saved import quick_queries
from tests.automations.fixtures import file
from tests.fakes.crm import NOW
from tests.fakes.host import ALL
from tests.web.filled import ADMIN, BOUGHT, Filled, fill
from tests.web.fixtures import School, open_school
from tests.web.fuzz.requests import PAGES

EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
OUTCOMES = ("unknown", "failed_transient", "failed_permanent", "excluded", "sent", "delivered")
BULK_STATES = ("waiting", "running", "done", "failed")
CONTENTS: dict[str, dict[str, Any]] = {
    "email": {"subject": "Hi {{ real_name }}", "html": "<p>See <a href='{{ link }}'>this</a></p>"},
    "sms": {"template": "win-back-en"},
    "message": {"text": "Hello {{ display_name }}"},
}


def open_every_state(database: Database, folder: Path) -> School:
    """Return a school with an administrator at the screen, and something in every state."""
    school = open_school(database, folder, consent_unknown="send", confirm_above=2)
    filled = fill(school)
    _campaigns(school)
    _rows(school, filled)
    _templates(school)
    _people(school, filled)
    _bulk(school)
    return school


def pages_of(school: School) -> list[str]:
    """Return addresses of pages on which, together, every form stands."""
    plain = [route.rule for route in PAGES if route.methods == ("GET",) and "<" not in route.rule]
    plain = [rule for rule in plain if rule != "/orders"]  # it is about a figure of a course
    with school.crm.db.read() as session:
        person = session.scalar(sa.select(Person.id).where(Person.host_id == "p2"))
        there = sa.select(Campaign.id, Campaign.channel, Campaign.state).where(Campaign.removed_at.is_(None))
        campaigns = session.execute(there.order_by(Campaign.id)).all()
        chases = session.scalars(sa.select(Automation.id).where(Automation.removed_at.is_(None))).all()
        recurrences = session.scalars(sa.select(Recurrence.campaign_id)).all()
        keys = session.scalars(sa.select(SmsTemplate.key).where(SmsTemplate.stock.is_(False))).all()
        queries = session.scalars(sa.select(QuickQuery.id)).all()
    drafts = {row.channel: row.id for row in campaigns if row.state == "draft"}
    steps = [f"/campaigns/{ident}/{step}" for ident in drafts.values() for step in ("content", "check")]
    steps += [f"/campaigns/{drafts['email']}/{step}" for step in ("audience", "policy")]
    begun = [f"/campaigns/{row.id}" for row in campaigns if row.state != "draft"]
    begun += [f"/recurring/{ident}" for ident in recurrences]
    begun += [f"/automations/{ident}{rest}" for ident in chases for rest in ("", "/people")]
    begun += [f"/automations/{chases[0]}/edit", f"/automations/{chases[0]}/switch-on"]
    begun += [
        *(f"/courses/{course}?stage=potential" for course in ("c1", "c2")),
        "/courses/c1?stage=learners",
        "/orders?course=c1&figure=revenue",
    ]
    sent = begun[0]
    return [
        *plain,
        *steps,
        *begun,
        *(f"{sent}{rest}" for rest in ("/people?what=unknown", "/people", "/report", "/live")),
        f"/people/{person}",
        *(f"/people?query={ident}" for ident in queries[:1]),
        "/people?channel=sms&days=7",
        *(f"/sms-templates/{key}" for key in keys),
        f"/sms-templates/{keys[0]}/edit",
    ]


def _campaigns(school: School) -> None:
    """Put in a draft of each channel, one that was thrown away, and a campaign in each state."""
    crm = school.crm
    crm.db.run(lambda session: load_stock(session, NOW))
    for channel, content in CONTENTS.items():
        made = _draft(school, f"By {channel}", channel, **content)
        send_test(crm, ADMIN, made, _TO[channel], "p2")
    for state in campaign_states.STATES:
        made = _draft(school, f"It is {state}", "email", **CONTENTS["email"])
        begun = {} if state == "draft" else {"launched_at": NOW, "launched_by": ADMIN.id, "as_of": NOW}
        with crm.db.begin() as session:
            there = sa.update(Campaign).where(Campaign.id == made)
            session.execute(there.values(state=state, **begun))
    drafts.remove(crm, ADMIN, _draft(school, "Thrown away", "email"))
    _recurring(school)
    _automations(school)


def _automations(school: School) -> None:
    """Put in an automation in each state."""
    steps = [{"send": {"channel": "message", **CONTENTS["message"]}}]
    for verbs in ((), ("switch_on",), ("switch_on", "pause"), ("switch_on", "end"), ("remove",)):
        ident = automations.create(school.crm, ADMIN, file(steps=steps))
        for verb in verbs:
            getattr(automations, verb)(school.crm, ADMIN, ident)


def _recurring(school: School) -> None:
    """Put in a campaign that repeats in each state."""
    for verb in (None, recurring.pause, recurring.edit, recurring.end):
        ident = _draft(school, "Repeats", "message", **CONTENTS["message"])
        recurring.start(school.crm, ADMIN, ident, {"every": "day", "at": "09:00"})
        if verb is not None:
            verb(school.crm, ADMIN, ident)


def _draft(school: School, name: str, channel: str, **content: Any) -> int:
    file = {"name": name, "channel": channel, "audience": BOUGHT, "link": "https://school.example/c1"}
    return drafts.create(school.crm, ADMIN, {**file, **content})


_TO = {"email": "tester@example.com", "sms": "13800138009", "message": "p2"}


def _rows(school: School, filled: Filled) -> None:
    """Give the campaign that was sent rows that somebody must decide about, and answers."""
    with school.crm.db.begin() as session:
        theirs = sa.select(Delivery.id).where(Delivery.campaign_id == filled.campaign).order_by(Delivery.id)
        for ident, state in zip(session.scalars(theirs).all(), OUTCOMES, strict=True):
            values = {"state": state, "reason": "lapsed"}
            session.execute(sa.update(Delivery).where(Delivery.id == ident).values(**values))
        facts = {"channel": "sms", "carrier": "http", "address_key": "+8613800130002", "wish": "", "at": NOW}
        session.add(Reply(event_key="one", text="When does it begin?", person_id=filled.person, **facts))


def _templates(school: School) -> None:
    """Put in an SMS template of our own in each state of approval, and one that was put away."""
    crm = school.crm
    for state in (*template_states.STATES, "away"):
        text = editing.Written(f"It is {state}", text="Hello {{ display_name }}, {{ coupon }}")
        key = editing.create(crm, ADMIN, text)
        if state == "away":
            editing.put_away(crm, ADMIN, key, True)
            continue
        with crm.db.begin() as session:
            session.execute(sa.update(SmsTemplate).where(SmsTemplate.key == key).values(state=state))


def _people(school: School, filled: Filled) -> None:
    """Put in what stands for single people: stops, programs, rows that were set aside, broken queries."""
    crm = school.crm
    suppressions.block(crm, ADMIN, "email", "blocked@example.com")
    create(crm, ADMIN, Grant("Program", sorted(ALL), ["c1"]))
    quick_queries.save(crm, ADMIN, "Private", BOUGHT)
    gone = {"combinator": "and", "rules": [{"field": "gone", "operator": "=", "value": 1}]}
    broken = quick_queries.save(crm, ADMIN, "Broken", BOUGHT, shared=True)
    with crm.db.begin() as session:
        session.execute(sa.update(QuickQuery).where(QuickQuery.id == broken).values(tree=gone))
    school.host.put(r.Person("broken", status="nonsense"))
    sync(crm)


def _bulk(school: School) -> None:
    """Put in an export and a tagging in each state."""
    crm = school.crm
    wanted = exports.Wanted(Part(EVERYBODY), ["display_name", "email"], "csv")
    for state in BULK_STATES:
        ident = exports.queue(crm, ADMIN, wanted)
        if state == "done":
            exports.make_due(crm)
        with crm.db.begin() as session:
            session.execute(sa.update(Export).where(Export.id == ident).values(state=state))
    begun = bulk_jobs.begun(crm, ADMIN, Part(EVERYBODY), 3)
    with crm.db.begin() as session:
        session.add_all(
            Tagging(**{**begun, "state": state}, tag="VIP", put=True, batch="") for state in BULK_STATES
        )
    bulk_tagging.put_tag(crm, ADMIN, EVERYBODY, "Everybody")
