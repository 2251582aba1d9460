"""The freeze: who is considered, who is excluded and why."""

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.launch import staging
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.models import Delivery, Staged
from crm_plugin.campaigns.policy.rules import KEYS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models.school import Consent, Person, Suppression
from tests.campaigns.fixtures import add_people, books, document, launched, set_person, state, world
from tests.fakes.crm import NOW
from tests.fakes.host import staff

BOUGHT = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}


def frozen(crm: Crm, **values: Any) -> int:
    campaign = launched(crm, **values)
    assert freeze(crm, campaign)
    return campaign


def reasons(crm: Crm, campaign: int) -> dict[int, str | None]:
    """Person → reason; None = is to get it."""
    with crm.db.read() as session:
        query = sa.select(Delivery.person_id, Delivery.reason).where(Delivery.campaign_id == campaign)
        return {row.person_id: row.reason for row in session.execute(query)}


def sent_before(crm: Crm, person: int, days: float, *, campaign: int = 1_000_000, **values: Any) -> None:
    row = {"channel": "email", "state": "sent", "marketing": True, "handed_at": NOW - timedelta(days=days)}
    with crm.db.begin() as session:
        session.add(Delivery(campaign_id=campaign, person_id=person, **(row | values)))


def test_each_reason_and_their_order(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=9)
    set_person(crm, 1, status="suspended", is_staff=True, phone_key=None)
    set_person(crm, 2, is_staff=True, phone_key=None)
    set_person(crm, 3, phone_key=None)
    with crm.db.begin() as session:
        ledger.opt_out(crm, session, 4, "sms", NOW, "page")
    with crm.db.begin() as session:
        session.add(Consent(person_id=5, channel="sms", state="denied", origin="host", at=NOW))
    sent_before(crm, 6, days=2)
    for number, days in enumerate((8, 12, 20)):
        sent_before(crm, 7, days=days, campaign=1_000_001 + number)
    set_person(crm, 8, paid_count=1)
    policy = {"leave_out_days": 7, "cap": {"n": 3, "days": 30}, "goal": BOUGHT}
    campaign = frozen(crm, policy=policy)
    assert reasons(crm, campaign) == {
        1: "status",
        2: "staff",
        3: "no_address",
        4: "suppressed",
        5: "no_consent",
        6: "left_out",
        7: "cap",
        8: "goal",
        9: None,
    }
    assert set(reasons(crm, campaign).values()) - {None} <= set(KEYS)


def test_a_service_message_skips_what_only_marketing_is_bound_by(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=7)
    with crm.db.begin() as session:
        ledger.opt_out(crm, session, 1, "sms", NOW, "page")  # of marketing
        ledger.opt_out(crm, session, 2, "sms", NOW, "page", scope="all")
        ledger.suppress(crm, session, "sms", "+8613800000003", "marketing", "bounce", NOW, "carrier")
    for person in (4, 5, 6):
        sent_before(crm, person, days=1)
    set_person(crm, 6, status="suspended")
    set_person(crm, 7, phone="+8613800000004", phone_key="+8613800000004")
    policy = {"leave_out_days": 7, "cap": {"n": 1, "days": 30}}
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_sms_template SET purpose = 'service'"))
    campaign = frozen(crm, purpose="service", policy=policy, holdout=1)
    assert reasons(crm, campaign) == {
        1: None,
        2: "suppressed",
        3: "suppressed",
        4: None,
        5: None,
        6: "status",
        7: "duplicate",
    }


def test_one_address_gets_one_message_and_the_most_active_person_wins(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=8)
    shared = {"phone": "+8613811111111", "phone_key": "+8613811111111"}
    for number, days in ((1, None), (2, 5), (3, 1), (4, 1)):
        set_person(crm, number, **shared, last_active_at=days and NOW - timedelta(days=days))
    # Who is excluded anyway does not take the place, though they are the most active.
    set_person(crm, 5, **shared, last_active_at=NOW, is_staff=True)
    set_person(crm, 6, **shared, last_active_at=NOW, paid_count=3)
    campaign = frozen(crm, policy={"goal": BOUGHT})
    expected = {1: "duplicate", 2: "duplicate", 3: None, 4: "duplicate", 5: "staff", 6: "duplicate"}
    assert reasons(crm, campaign) == expected | {7: None, 8: None}


def test_where_nobody_of_an_address_is_left_the_goal_is_the_reason(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=3)
    for number in (1, 2):
        set_person(crm, number, phone_key="+8613811111111", paid_count=1)
    campaign = frozen(crm, policy={"goal": BOUGHT})
    assert Counter(reasons(crm, campaign).values()) == {"goal": 1, "duplicate": 1, None: 1}


def test_excluded_rows_hold_no_address(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    set_person(crm, 2, phone_key="+8613800000001")
    campaign = frozen(crm)
    with crm.db.read() as session:
        query = sa.select(Delivery.person_id, Delivery.address_key).where(Delivery.campaign_id == campaign)
        keys = {row.person_id: row.address_key for row in session.execute(query)}
        assert session.scalar(sa.select(sa.func.count()).select_from(Staged)) == 0
    assert keys == {1: "+8613800000001", 2: None, 3: "+8613800000003"}


def test_the_holdout_is_the_same_on_every_database_and_new_for_each_campaign(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=2000)
    held = []
    for _ in range(2):
        campaign = frozen(crm, holdout=0.2)
        held.append({who for who, why in reasons(crm, campaign).items() if why == "holdout"})
        assert held[-1] == {who for who in range(1, 2001) if lot(campaign, who) < 0.2}
    assert 350 < len(held[0]) < 450
    assert 0.1 < len(held[0] & held[1]) / len(held[0]) < 0.3


def lot(campaign: int, person: int) -> float:
    """The draw, in whole numbers of any size."""
    prime = 2**31 - 1
    seed = (campaign * 16807 + 11) % prime
    x = (person * 48271 + seed) % prime
    x = x * (x + 7) % prime
    x = x * (x + seed % 1000 + 3) % prime
    return x % 1_000_000 / 1_000_000


def test_the_holdout_comes_after_consent_and_before_the_rest(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    sent_before(crm, 1, days=1)
    with crm.db.begin() as session:
        ledger.opt_out(crm, session, 2, "sms", NOW, "page")
    campaign = frozen(crm, holdout=1, policy={"leave_out_days": 7})
    assert reasons(crm, campaign) == {1: "holdout", 2: "suppressed", 3: "holdout"}


def test_unknown_consent_is_a_no_where_the_setting_says_so(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2, consent_unknown="skip")
    with crm.db.begin() as session:
        session.add(Consent(person_id=1, channel="sms", state="granted", origin="host", at=NOW))
    assert reasons(crm, frozen(crm)) == {1: None, 2: "no_consent"}


@pytest.mark.parametrize("what", ["sent", "delivered", "sending", "unknown"])
def test_what_may_have_left_counts_for_the_cap(database: Database, tmp_path: Path, what: str) -> None:
    crm = world(database, tmp_path, people=2)
    sent_before(crm, 1, days=1, state=what)
    campaign = frozen(crm, policy={"cap": {"n": 1, "days": 2}})
    assert reasons(crm, campaign) == {1: "cap", 2: None}


@pytest.mark.parametrize(
    "values",
    [
        {"state": "failed_permanent"},
        {"state": "cancelled"},
        {"marketing": False},
        {"handed_at": NOW - timedelta(days=2)},
    ],
)
def test_what_did_not_leave_or_is_too_old_does_not(
    database: Database, tmp_path: Path, values: dict[str, Any]
) -> None:
    crm = world(database, tmp_path, people=1)
    sent_before(crm, 1, days=1, **values)
    assert reasons(crm, frozen(crm, policy={"cap": {"n": 1, "days": 2}})) == {1: None}


def test_the_audience_is_frozen_whatever_comes_later(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=5)
    campaign = frozen(crm)
    add_people(crm, [6])
    set_person(crm, 1, phone_key="+8613899999999", phone="+8613899999999")
    assert not freeze(crm, campaign)
    with crm.db.read() as session:
        row = session.scalars(sa.select(Delivery).where(Delivery.person_id == 1)).one()
    assert row.address == "+8613800000001"
    assert books(crm, campaign) == {"considered": 5, "pending": 5}


def test_the_database_refuses_a_second_row(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = frozen(crm)
    row = {"campaign_id": campaign, "channel": "sms", "state": "pending"}
    for values in ({"person_id": 1}, {"person_id": 2, "address_key": "+8613800000001"}):
        with pytest.raises(sa.exc.IntegrityError), crm.db.begin() as session:
            session.add(Delivery(**row, **values))


def test_a_freeze_goes_on_where_another_process_died(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "CHUNK", 10)
    crm = world(database, tmp_path, people=35)
    campaign = launched(crm)
    died = []

    def die(name: str) -> None:
        died.append(name)
        if died.count("freeze_chunk") == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(staging, "step", die)
        with pytest.raises(KeyboardInterrupt):
            freeze(crm, campaign)
    add_people(crm, [36])  # after the snapshot
    assert not freeze(crm, campaign)  # still leased to the dead one
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_campaign SET freeze_lease_until = NULL"))
    assert freeze(crm, campaign)
    assert books(crm, campaign) == {"considered": 35, "pending": 35}


def test_cancelling_in_the_middle_of_a_freeze(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "CHUNK", 10)
    crm = world(database, tmp_path, people=35)
    campaign = launched(crm)

    def cancel(name: str) -> None:
        if name == "freeze_chunk" and state(crm, campaign) == "freezing":
            service.cancel(crm, staff("tester"), campaign)

    monkeypatch.setattr(staging, "step", cancel)
    assert not freeze(crm, campaign)
    assert books(crm, campaign) == {"considered": 10, "cancelled": 10}
    assert state(crm, campaign) == "cancelled"


def test_pausing_and_resuming_a_freeze(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = launched(crm)
    service.pause(crm, staff("tester"), campaign)
    assert not freeze(crm, campaign)
    assert service.resume(crm, staff("tester"), campaign) == "freezing"
    assert freeze(crm, campaign)
    assert books(crm, campaign) == {"considered": 3, "pending": 3}


def test_eight_launches_at_once(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=200)
    campaign = drafts.create(crm, staff("tester"), document())
    outcomes: Counter[str] = Counter()

    def go() -> None:
        try:
            service.launch(crm, staff("tester"), campaign)
            outcomes["launched"] += 1
        except Exception as error:
            outcomes[type(error).__name__] += 1
        freeze(crm, campaign)

    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"launched": 1, "Conflict": 7}
    assert books(crm, campaign) == {"considered": 200, "pending": 200}


PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(["active", "active", "active", "suspended"]),
            "is_staff": st.sampled_from([False, False, False, True]),
            "phone_key": st.sampled_from([None, "+861", "+862", "+863", "+864", "+865"]),
            "last_active_at": st.sampled_from([None, NOW, NOW - timedelta(days=1)]),
            "paid_count": st.sampled_from([0, 0, 1]),
            "suppressed": st.booleans(),
        }
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE)
def test_the_statement_decides_like_plain_python(
    database: Database, tmp_path: Path, people: list[dict[str, Any]]
) -> None:
    crm = world_again(database, tmp_path)
    for number, values in enumerate(people, 1):
        values = dict(values)
        if values.pop("suppressed") and values["phone_key"]:
            with crm.db.begin() as session:
                ledger.suppress(crm, session, "sms", values["phone_key"], "marketing", "manual", NOW, "t")
        add_people(crm, [number], **values)
    add_people(crm, [99])
    assert reasons(crm, frozen(crm, policy={"goal": BOUGHT})) == expected(crm)


def world_again(database: Database, folder: Path) -> Crm:
    with database.begin() as session:
        for table in ("crm_delivery", "crm_campaign", "crm_person", "crm_suppression", "crm_sms_template"):
            session.execute(sa.text(f"DELETE FROM {table}"))
    return world(database, folder)


def expected(crm: Crm) -> dict[int, str | None]:
    with crm.db.read() as session:
        people = session.scalars(sa.select(Person)).all()
        suppressed = set(session.scalars(sa.select(Suppression.address_key)))
    found: dict[int, str | None] = {}
    for one in people:
        if one.status != "active":
            found[one.id] = "status"
        elif one.is_staff:
            found[one.id] = "staff"
        elif one.phone_key is None:
            found[one.id] = "no_address"
        elif one.phone_key in suppressed:
            found[one.id] = "suppressed"
    left = [one for one in people if one.id not in found]
    never = NOW - timedelta(days=9)
    left.sort(key=lambda one: (one.paid_count > 0, never - (one.last_active_at or never), one.id))
    places: set[str | None] = set()
    for one in left:
        found[one.id] = "duplicate" if one.phone_key in places else "goal" if one.paid_count else None
        places.add(one.phone_key)
    return found
