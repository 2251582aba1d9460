"""A person each of whose cards says something, for tests of their page."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from crm_plugin.campaigns import jobs, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.models import Delivery
from crm_plugin.host import records as r
from crm_plugin.links.models import Hit
from crm_plugin.profiles.consent import staff_entry, topic_consent, topics
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.people.queries import person_id_of
from crm_plugin.profiles.staff import follow_ups, purchase_intent, tags
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments.saved import quick_queries
from tests.fakes.crm import NOW
from tests.fakes.host import ALL, staff
from tests.web.fixtures import School

ADMIN = r.Actor("admin", "Ada Admin", ALL)
BOUGHT = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}


@dataclass(frozen=True)
class Filled:
    """What a filled school knows of its person, by our ids."""

    person: int
    query: int
    campaign: int


def fill(school: School) -> Filled:
    """Give the school topics, quick queries and a campaign, and its person ``p2`` some of everything."""
    _books(school)
    with school.crm.db.read() as session:
        ident = person_id_of(session, "p2")
    _by_staff(school, ident)
    _topics(school, ident)
    query = quick_queries.save(school.crm, ADMIN, "Bought once", BOUGHT, shared=True, pinned=True)
    return Filled(ident, query, _campaign(school, ident))


def _books(school: School) -> None:
    """Let the school know more of the person: another course, an unpaid order, what they did and said."""
    ago = NOW - timedelta(days=2)
    school.host.put(
        r.Course("c2", "Violin", tags=("music", "strings"), price=Decimal("50"), currency="CNY"),
        r.Person(
            "p2",
            display_name="Person 02",
            real_name="Second Person",
            phone="13800130002",
            email="p2@example.com",
            tags=("old friend",),
            roles=("teacher",),
            attributes={"wechat": "p-two"},
            registered_at=NOW - timedelta(days=2),
            last_active_at=ago,
        ),
        r.Order(
            "o-open",
            "p2",
            "pending",
            Decimal("50.00"),
            "CNY",
            created_at=ago,
            lines=(r.OrderLine("course", "c2", Decimal("50.00")),),
        ),
        r.Signal("s1", "p2", "favourite", ago, course_id="c2"),
        r.Signal("s2", "p2", "learn", ago, course_id="c1"),
    )
    sync(school.crm, full=True)


def _by_staff(school: School, person: int) -> None:
    crm = school.crm
    follow_ups.add(crm, ADMIN, person, follow_ups.Entry("call", "wants a lesson", NOW.date()))
    follow_ups.add(crm, ADMIN, person, follow_ups.Entry("note", "came by"))
    for level in ("low", "high"):
        purchase_intent.put(crm, ADMIN, person, "c2", level)
    tags.put(crm, ADMIN, sa.select(Person.id).where(Person.id == person), "VIP")
    staff_entry.set_consent(crm, ADMIN, person, "sms", granted=False, scope="all")


def _topics(school: School, person: int) -> None:
    crm = school.crm
    refused, archived, _kept = [topics.create(crm, ADMIN, name) for name in ("Offers", "Old news", "Events")]
    with crm.db.begin() as session:
        for topic in (refused, archived):
            topic_consent.opt_out(crm, session, person, topic, NOW, "choices")
    topics.archive(crm, ADMIN, archived)


def _campaign(school: School, person: int) -> int:
    """Send a campaign to the person, and let them click."""
    document = {"name": "Hello", "channel": "message", "purpose": "service", "audience": BOUGHT, "text": "Hi"}
    ident = drafts.create(school.crm, staff("ann"), document)
    service.launch(school.crm, staff("ann"), ident)
    while jobs.burst(school.crm):
        pass
    with school.crm.db.begin() as session:
        theirs = sa.select(Delivery.id).where(Delivery.campaign_id == ident, Delivery.person_id == person)
        facts = {"campaign_id": ident, "delivery_id": session.scalars(theirs).one(), "person_id": person}
        visit = {"method": "GET", "agent": "", "network": "", "kind": "human"}
        session.add(Hit(spool="s", spool_offset=1, link_id=1, at=NOW, **facts, **visit))
    return ident
