"""Launching, planning, holding, steering: every change of a campaign's state."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery import retry
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm
from crm_plugin.host.gateway import Gateway
from crm_plugin.host.records import Actor
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput, Conflict, NotFound
from crm_plugin.profiles.models.streams import Stream
from crm_plugin.segments.saved import quick_queries
from tests.campaigns.fixtures import (
    books,
    books_of,
    document,
    launched,
    move_to,
    preflight,
    run,
    sent,
    set_person,
    state,
    world,
)
from tests.fakes.carrier import taken
from tests.fakes.crm import NOW
from tests.fakes.host import FakeHost, staff

LATER = NOW + timedelta(hours=2)


def planned(crm: Crm) -> int:
    return launched(crm, at=LATER.isoformat())


def audited(crm: Crm, campaign: int) -> list[tuple[str, str]]:
    with crm.db.read() as session:
        query = sa.select(AuditRow).where(AuditRow.object_id == str(campaign)).order_by(AuditRow.id)
        return [(row.action, row.actor) for row in session.scalars(query)]


def test_a_second_launch_changes_nothing(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = launched(crm)
    with pytest.raises(Conflict):
        service.launch(crm, staff("tester"), campaign)
    run(crm)
    with pytest.raises(Conflict):
        service.launch(crm, staff("tester"), campaign)
    assert books(crm, campaign) == {"considered": 2, "sent": 2}


def test_every_verb_is_audited_with_who_and_how_many(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = launched(crm)
    service.pause(crm, staff("ann"), campaign)
    service.resume(crm, staff("bob"), campaign)
    run(crm)
    verbs = [("campaign.create", "tester"), ("campaign.launch", "tester"), ("campaign.start", "tester")]
    verbs += [("campaign.pause", "ann"), ("campaign.resume", "bob")]
    assert audited(crm, campaign) == [*verbs, ("campaign.frozen", "system"), ("campaign.finish", "system")]
    with crm.db.read() as session:
        counts = session.scalars(sa.select(AuditRow.count).where(AuditRow.action == "campaign.frozen")).all()
    assert counts == [2]


def test_a_planned_campaign_starts_when_its_time_comes(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    campaign = planned(crm)
    run(crm)
    assert state(crm, campaign) == "scheduled"
    move_to(crm, LATER - timedelta(seconds=1))
    run(crm)
    assert state(crm, campaign) == "scheduled"
    set_person(crm, 2, status="suspended")  # the audience is that of the start
    move_to(crm, LATER)
    run(crm)
    assert books(crm, campaign) == {"considered": 2, "sent": 1, "excluded": {"status": 1}}


@pytest.mark.parametrize(("minutes", "expected"), [(60, "finished"), (61, "held")])
def test_a_start_that_is_too_late_waits_for_a_person(
    database: Database, tmp_path: Path, minutes: int, expected: str
) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = planned(crm)
    move_to(crm, LATER + timedelta(minutes=minutes))
    run(crm)
    assert state(crm, campaign) == expected
    if expected == "held":
        assert queries.get(crm, campaign).reason == "late"
        assert taken(books_of(crm).books) == []
        assert service.resume(crm, staff("tester"), campaign) == "freezing"
        run(crm)
    assert books(crm, campaign) == {"considered": 1, "sent": 1}


def test_a_planned_campaign_that_was_paused_waits_for_its_time_again(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = planned(crm)
    service.pause(crm, staff("tester"), campaign)
    assert service.resume(crm, staff("tester"), campaign) == "scheduled"
    move_to(crm, LATER)
    run(crm)
    assert state(crm, campaign) == "finished"


def copy(crm: Crm) -> None:
    """As if the database had been restored under another address."""
    crm.settings.public_url = "https://staging.example"


def test_a_copied_database_sends_nothing_until_somebody_confirms(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    under_way, later = launched(crm), planned(crm)
    copy(crm)
    move_to(crm, LATER)
    run(crm)
    assert [state(crm, campaign) for campaign in (under_way, later)] == ["held", "held"]
    assert queries.get(crm, under_way).reason == "copied"
    assert launched(crm)  # even a new one
    assert [state(crm, campaign.campaign.id) for campaign in queries.listing(crm)] == ["held"] * 3
    assert taken(books_of(crm).books) == []
    service.resume(crm, staff("admin"), under_way)
    run(crm)
    assert state(crm, under_way) == "finished"
    assert state(crm, later) == "held"  # each one needs its own word
    service.resume(crm, staff("admin"), later)
    run(crm)
    assert state(crm, later) == "finished"


def test_the_same_place_is_no_copy(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    launched(crm)
    run(crm)
    again = launched(crm)
    run(crm)
    assert state(crm, again) == "finished"


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_a_finished_campaign_cannot_be_steered(database: Database, tmp_path: Path, verb: str) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = launched(crm)
    run(crm)
    with pytest.raises(Conflict):
        getattr(service, verb)(crm, staff("tester"), campaign)
    assert state(crm, campaign) == "finished"


@pytest.mark.parametrize(
    "verb", [service.launch, service.pause, service.resume, service.cancel, retry.retry_failed]
)
def test_what_is_not_there_is_not_found(
    database: Database, tmp_path: Path, verb: Callable[[Crm, Actor, int], object]
) -> None:
    crm = world(database, tmp_path)
    with pytest.raises(NotFound):
        verb(crm, staff("tester"), 4711)


def test_a_draft_may_be_changed_and_deleted_until_it_is_launched(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = drafts.create(crm, staff("tester"), document())
    drafts.update(crm, staff("tester"), campaign, document(name="Other", holdout=0.5))
    assert (queries.get(crm, campaign).name, queries.get(crm, campaign).holdout) == ("Other", 0.5)
    drafts.remove(crm, staff("tester"), campaign)
    with pytest.raises(NotFound):
        queries.get(crm, campaign)
    other = launched(crm)
    with pytest.raises(Conflict):
        drafts.update(crm, staff("tester"), other, document())
    with pytest.raises(Conflict):
        drafts.remove(crm, staff("tester"), other)


def test_a_draft_comes_back_as_the_file_it_was(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    file = document(
        policy={"cap": {"n": 1, "days": 2}}, holdout=0.25, at=LATER.isoformat(), variables={"a": "b"}
    )
    read = queries.get(crm, drafts.create(crm, staff("tester"), file)).document()
    assert read == {**file, "purpose": "marketing"}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"audience": {"combinator": "and", "rules": [{"field": "id", "operator": "=", "value": "?"}]}}, "empty"),
    ({"template": "nothing"}, "template"),
    ({"variables": {"display_name": "x"}, "template": "named"}, "template"),
]


@pytest.mark.parametrize(("values", "word"), BAD)
def test_the_preflight_stops_a_launch(
    database: Database, tmp_path: Path, values: dict[str, Any], word: str
) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = drafts.create(crm, staff("tester"), document(**values))
    with pytest.raises(BadInput) as caught:
        service.launch(crm, staff("tester"), campaign)
    assert word in caught.value.code + str(caught.value)
    assert state(crm, campaign) == "draft"


def test_the_preflight_counts_who_lacks_a_value_and_who_will_be_reached(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=6)
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_sms_template SET text = 'Dear ${real_name}'"))
    set_person(crm, 1, real_name="Ann")
    set_person(crm, 2, real_name="")
    set_person(crm, 3, status="suspended")
    set_person(crm, 4, phone_key="+8613800000001")
    campaign = drafts.create(
        crm, staff("tester"), document(policy={"quiet_hours": {"from": "19:00", "to": "21:00"}})
    )
    found = preflight(crm, campaign)
    assert (found.reach.considered, found.reach.reached) == (6, 4)
    assert found.reach.excluded == {"status": 1, "duplicate": 1}
    missing = [problem.params for problem in found.errors if problem.code == "content.missing_variable"]
    assert missing == [{"name": "real_name", "count": 3}]
    warned = ["campaign.shared_addresses", "campaign.quiet_now", "campaign.data_unread"]
    assert [problem.code for problem in found.warnings] == warned
    with crm.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 0


def test_what_it_needs_is_gone_by_the_time_it_is_frozen(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = launched(crm)
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_sms_template SET state = 'rejected'"))
    run(crm)
    assert state(crm, campaign) == "paused"
    assert queries.get(crm, campaign).reason == "campaign.template_not_approved"
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_sms_template SET state = 'approved'"))
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_campaign SET freeze_lease_until = NULL"))
    service.resume(crm, staff("tester"), campaign)
    run(crm)
    assert books(crm, campaign) == {"considered": 1, "sent": 1}


@pytest.mark.parametrize("tree", ["audience", "goal"])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_comparison_that_is_refused_since_an_upgrade_stops_its_campaign(
    database: Database, tmp_path: Path, tree: str, frozen: bool
) -> None:
    crm = world(database, tmp_path, people=1)
    rule = {"field": "country", "operator": "=", "value": "CN"}
    everybody = {"combinator": "or", "rules": [rule, {"field": "has_phone", "operator": "=", "value": True}]}
    nobody = {"combinator": "and", "rules": [rule, {"field": "country", "operator": "=", "value": "FR"}]}
    campaign = launched(crm, audience=everybody, policy={"goal": nobody})
    if frozen:
        assert freeze(crm, campaign)
    since = {"combinator": "or", "rules": [{**rule, "operator": "contains"}]}
    changed = {"audience": since} if tree == "audience" else {"policy": {"goal": since}}
    crm.db.run(lambda session: session.execute(sa.update(Campaign).values(**changed)))
    run(crm)
    if tree == "audience" and frozen:  # it is written down
        assert books(crm, campaign) == {"considered": 1, "sent": 1}
    else:
        assert (state(crm, campaign), sent(crm)) == ("paused", [])
        assert queries.get(crm, campaign).reason == "segment.unknown_operator"


def test_while_the_school_does_not_tell_its_region_nobody_is_excluded_by_mistake(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=2, consent_unknown="")
    campaign = launched(crm)
    school = FakeHost()
    school.fail("host_info")
    crm.host = Gateway(school)
    run(crm)
    assert state(crm, campaign) == "freezing"
    crm.host = Gateway(FakeHost())
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_campaign SET freeze_lease_until = NULL"))
    run(crm)
    assert books(crm, campaign) == {"considered": 2, "sent": 2}


def test_a_single_message_is_a_campaign_of_one_off_the_list(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    single = drafts.create_single(crm, staff("tester"), "p2", {"channel": "sms", "template": "hello"})
    service.launch(crm, staff("tester"), single)
    run(crm)
    assert books(crm, single) == {"considered": 1, "sent": 1}
    assert queries.listing(crm) == []
    assert taken(books_of(crm).books) == ["+8613800000002"]


def test_the_list_shows_books_and_pages_by_id(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    ids = [launched(crm) for _ in range(3)]
    run(crm)
    page = queries.listing(crm, limit=2)
    assert [row.campaign.id for row in page] == [ids[2], ids[1]]
    assert page[0].books.states["sent"] == 2
    assert [row.campaign.id for row in queries.listing(crm, before=ids[1])] == [ids[0]]
    assert queries.listing(crm, states=["draft"]) == []


def test_a_quick_query_that_a_draft_needs_cannot_be_deleted(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    ada = Actor("ada", "Ada", frozenset({"crm.admin"}))
    ident = quick_queries.save(crm, ada, "Everybody", {"combinator": "and", "rules": []})
    rule = {"field": "segment", "operator": "=", "value": ident}
    audience = {"combinator": "and", "rules": [rule]}
    campaign = drafts.create(crm, ada, document(name="Spring", audience=audience))
    with pytest.raises(Conflict, match="Spring"):
        quick_queries.delete(crm, ada, ident)
    service.cancel(crm, staff("tester"), campaign)
    quick_queries.delete(crm, ada, ident)


def test_the_preflight_warns_of_a_school_that_is_not_read_yet(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = drafts.create(crm, staff("tester"), document())
    with crm.db.begin() as session:
        session.add(Stream(stream="persons", ok_at=NOW))
        session.add(Stream(stream="orders", scanned=1200, estimate=5000))
    (warning,) = preflight(crm, campaign).warnings
    assert (warning.code, warning.params) == ("campaign.data_unread", {"streams": "orders (1,200/5,000)"})
    with crm.db.begin() as session:
        session.execute(sa.update(Stream).values(ok_at=NOW))
    assert preflight(crm, campaign).warnings == []


def test_the_preflight_refuses_an_address_that_no_redirect_may_lead_to(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=1)
    file = document(channel="email", subject="x", html='<a href="{{ page }}">x</a>')
    del file["template"]
    campaign = drafts.create(crm, staff("tester"), file | {"variables": {"page": "https://[bad/"}})
    assert [problem.code for problem in preflight(crm, campaign).errors] == ["link.bad_url"]
