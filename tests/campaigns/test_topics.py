"""A campaign about a topic leaves out who wants nothing of it, to the last moment; all others go on."""

from pathlib import Path
from typing import Any

import pytest

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.launch.reach import funnel
from crm_plugin.host.context import Crm
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict
from crm_plugin.links import topic_optout as page
from crm_plugin.links.optout import Answer, Asked
from crm_plugin.profiles.consent import topic_consent, topics
from tests.campaigns.fixtures import (
    EVERYBODY,
    books,
    document,
    launched,
    marked_behind,
    preflight,
    ready,
    rows,
    run,
    sent,
    set_person,
    world,
)
from tests.campaigns.statements import counted
from tests.fakes.crm import NOW
from tests.fakes.host import staff

ADMIN = Actor("ann", "Ann", frozenset(PERMISSIONS))
on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def school(database: Database, folder: Path, people: int, **settings: Any) -> tuple[Crm, int, int]:
    """Return a CRM and two of its topics."""
    crm = world(database, folder, people=people, **settings)
    return crm, topics.create(crm, ADMIN, "Offers"), topics.create(crm, ADMIN, "Events")


def refuse(crm: Crm, person: int, topic: int) -> None:
    with crm.db.begin() as session:
        topic_consent.opt_out(crm, session, person, topic, NOW, "page")


def test_who_refused_the_topic_is_left_out_with_a_reason_of_its_own(
    database: Database, tmp_path: Path
) -> None:
    crm, offers, events = school(database, tmp_path, people=6)
    set_person(crm, 3, phone_key="+8613800000002")  # shares an address with 2
    set_person(crm, 6, status="suspended")
    for person in (2, 4, 6):
        refuse(crm, person, offers)
    about_offers = launched(crm, topic="offers")
    about_events, about_nothing = launched(crm, topic=events), launched(crm)
    mail: dict[str, Any] = {
        "channel": "email",
        "template": None,
        "subject": "Your seat",
        "html": "<p>Moved</p>",
    }
    service_message = launched(crm, purpose="service", **mail)
    found = preflight(crm, about_offers).reach.excluded
    assert found == {"topic": 3, "status": 1}
    run(crm)
    assert books(crm, about_offers) == {"considered": 6, "sent": 2, "excluded": {"topic": 3, "status": 1}}
    assert {person for person, row in rows(crm, about_offers).items() if row.reason == "topic"} == {2, 3, 4}
    for campaign in (about_events, about_nothing):
        assert books(crm, campaign)["sent"] == 4, "all but the suspended one, and one of two at an address"
    assert books(crm, service_message)["sent"] == 5
    steps = [funnel(crm, EVERYBODY, "sms", 0, topic=topic).steps for topic in (offers, None)]
    assert [one["allowed"] for one in steps] == [2, 5]


def test_a_late_opt_out_of_the_topic_wins(database: Database, tmp_path: Path) -> None:
    crm, offers, events = school(database, tmp_path, people=6)
    campaign = ready(crm, topic=offers)
    refuse(crm, 2, offers)
    refuse(crm, 3, events)
    # The message to 5 goes to the number of the freeze, which another person has by now.
    set_person(crm, 5, phone_key="+8613899999999")
    set_person(crm, 6, phone_key="+8613800000005")
    refuse(crm, 6, offers)
    drain(crm, campaign, 60)
    assert books(crm, campaign) == {"considered": 6, "sent": 3, "excluded": {"topic": 3}}
    assert sent(crm) == [f"+861380000000{number}" for number in (1, 3, 4)]


@pytest.mark.parametrize("db_kind", ["postgresql", "mariadb"], indirect=True)
def test_a_marking_waits_for_an_opt_out_of_the_topic(database: Database, tmp_path: Path) -> None:
    crm, offers, _ = school(database, tmp_path, people=2)
    campaign = ready(crm, topic=offers)
    found = marked_behind(
        crm, campaign, lambda session: topic_consent.opt_out(crm, session, 2, offers, NOW, "page")
    )
    assert found.ids == {rows(crm, campaign)[1].id}
    assert rows(crm, campaign)[2].reason == "topic"


@on_sqlite
def test_the_topic_costs_no_statement(database: Database, tmp_path: Path) -> None:
    crm, offers, _ = school(database, tmp_path, people=300, sms_carrier="outbox")
    costs = []
    for topic in (None, None, offers):  # the first one warms up
        campaign = launched(crm, document(topic=topic))
        assert freeze(crm, campaign)
        with counted(database) as count:
            drain(crm, campaign, 60)
        costs.append(len(count))
        asked = [text for text in count.texts if "crm_topic" in text]
        assert bool(asked) is (topic is not None)
    assert costs[1] == costs[2]


@on_sqlite
def test_a_file_names_the_topic_and_a_copy_keeps_it(database: Database, tmp_path: Path) -> None:
    crm, offers, _ = school(database, tmp_path, people=2)
    first = drafts.create(crm, staff("ann"), document(topic="OFFERS"))
    copied = drafts.copy(crm, staff("ann"), first, "Again")
    assert [queries.get(crm, one).topic_id for one in (first, copied)] == [offers, offers]
    assert queries.get(crm, first).document()["topic"] == offers
    without = {key: value for key, value in queries.get(crm, first).document().items() if key != "topic"}
    drafts.update(crm, staff("ann"), first, without)
    assert queries.get(crm, first).topic_id is None
    for topic, code in (("Nothing", "campaign.unknown_topic"), (99, "campaign.unknown_topic")):
        with pytest.raises(BadInput) as raised:
            drafts.create(crm, staff("ann"), document(topic=topic))
        assert (raised.value.code, raised.value.place) == (code, "topic")


@on_sqlite
def test_a_topic_is_archived_when_no_campaign_needs_it(database: Database, tmp_path: Path) -> None:
    crm, offers, events = school(database, tmp_path, people=2)
    ended = launched(crm, topic=offers)
    draft = drafts.create(crm, staff("ann"), document(topic=offers, name="Still a draft"))
    run(crm)
    with pytest.raises(Conflict, match="in use by Still a draft"):
        topics.archive(crm, ADMIN, offers)
    drafts.remove(crm, staff("ann"), draft)
    topics.archive(crm, ADMIN, offers)
    copied = drafts.copy(crm, staff("ann"), ended, "Copy")
    with pytest.raises(BadInput, match="'Offers' is archived"):
        service.launch(crm, staff("ann"), copied)
    with pytest.raises(BadInput, match="no topic 'Offers'"):
        drafts.create(crm, staff("ann"), document(topic="Offers"))
    drafts.update(crm, staff("ann"), copied, document(topic=events))
    assert service.launch(crm, staff("ann"), copied) == "freezing"


@on_sqlite
def test_the_page_of_choices_knows_what_the_message_was_about(database: Database, tmp_path: Path) -> None:
    crm, offers, events = school(database, tmp_path, people=2)
    campaign, other = ready(crm, topic=offers), ready(crm)
    asked = Asked(1, "sms", rows(crm, campaign)[1].id)
    found = page.standing(crm, asked)
    assert found.message is not None
    assert (found.message.topic.id, found.message.on) == (offers, True)
    assert [one.topic.id for one in found.topics] == [offers, events]
    page.stop(crm, asked, [offers], Answer("page", "v1"))
    stopped = page.standing(crm, asked)
    assert [one.on for one in stopped.topics] == [False, True]
    assert page.standing(crm, Asked(1, "sms", rows(crm, other)[1].id)).message is None
    assert page.standing(crm, Asked(99, "sms", 1)) == page.Standing()
    page.resume(crm, asked, [offers], Answer("undo", "v1"))
    assert page.standing(crm, asked) == found
