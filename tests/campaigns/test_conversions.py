"""What came after a campaign: purchases within a window, people kept back, curves, reasons."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import queries
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.reporting import conversions, time_series
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.links.models import Hit
from crm_plugin.profiles.models.school import Order
from tests.campaigns.fixtures import launched, number_of, people_of, report, rows, run, set_person, world
from tests.fakes.crm import NOW
from tests.fakes.host import staff

on_sqlite = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def buy(crm: Crm, number: int, after: timedelta, state: str = "paid", **values: object) -> None:
    """An order of a person, paid so long after the launch."""
    row = {
        "host_id": f"o{number}-{after}",
        "row_hash": "",
        "person_id": number,
        "state": state,
        "amount": Decimal("100"),
        "refunded": Decimal("0"),
        "currency": "CNY",
        "paid_at": NOW + after,
    }
    with crm.db.begin() as session:
        session.execute(sa.insert(Order), [row | values])


def found(crm: Crm, campaign: int, days: int) -> conversions.Outcome:
    with crm.db.read() as session:
        made = conversions.conversions(
            session, queries.row_of(queries.one(session, campaign)), days, OPERATOR
        )
    assert made is not None
    return made


def click(crm: Crm, campaign: int, number: int, at: datetime, kind: str = "human") -> None:
    """A hit on a person's link."""
    delivery = rows(crm, campaign)[number].id
    facts = {"spool": "test", "link_id": 1, "campaign_id": campaign, "delivery_id": delivery}
    seen = {"at": at, "method": "GET", "agent": "", "network": "", "kind": kind, "marks": {}, "reasons": []}
    with crm.db.begin() as session:
        offset = session.scalar(sa.select(sa.func.count()).select_from(Hit)) or 0
        row = {**facts, **seen, "spool_offset": offset, "person_id": number}
        session.execute(sa.insert(Hit), [row])


def test_purchases_count_within_the_window_and_once_a_person(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=8)
    campaign = launched(crm)
    run(crm)
    day = timedelta(days=1)
    buy(crm, 1, timedelta(hours=1))
    buy(crm, 1, timedelta(hours=2), refunded=Decimal("30"), state="partly_refunded")
    buy(crm, 2, 7 * day)
    buy(crm, 3, 7 * day + timedelta(seconds=1))  # too late
    buy(crm, 4, -timedelta(hours=1))  # before the message
    buy(crm, 5, timedelta(hours=1), state="pending", paid_at=None)
    buy(crm, 6, timedelta(hours=1), currency="USD")
    click(crm, campaign, 1, NOW + timedelta(minutes=5))
    click(crm, campaign, 2, NOW + timedelta(minutes=5), kind="scanner")
    week = found(crm, campaign, 7)
    assert (week.messaged, week.buyers, week.orders, week.buyers_who_clicked) == (8, 3, 4, 1)
    assert week.amounts == {"CNY": Decimal("270"), "USD": Decimal("100")}
    assert found(crm, campaign, 1).buyers == 2
    assert found(crm, campaign, 30).buyers == 4
    people = people_of(crm, campaign, "bought:7")
    assert [one.host_id for one in people] == ["p1", "p2", "p6"]
    assert number_of(crm, campaign, "bought:7") == 3
    assert [one.host_id for one in people_of(crm, campaign, "bought:7", people[0].delivery_id, 1)] == ["p2"]


def test_people_kept_back_are_counted_beside(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=40)
    campaign = launched(crm, holdout=0.5)
    run(crm)
    ledger = rows(crm, campaign)
    back = [number for number, row in ledger.items() if row.reason == "holdout"]
    sent = [number for number, row in ledger.items() if row.state == "sent"]
    assert back
    assert sent
    buy(crm, back[0], timedelta(hours=3))
    buy(crm, sent[0], timedelta(hours=3))
    now = found(crm, campaign, 3)
    assert (now.messaged, now.buyers) == (len(sent), 1)
    assert (now.kept_back, now.kept_back_buyers) == (len(back), 1)


@on_sqlite
def test_there_are_only_the_named_windows(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = launched(crm)
    for days in (0, 2, -7, 10**9):
        with pytest.raises(BadInput):
            found(crm, campaign, days)
    with pytest.raises(BadInput):
        people_of(crm, campaign, "bought:5")


def test_curves_are_by_the_hour_then_by_the_day(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    campaign = launched(crm)
    run(crm)
    click(crm, campaign, 1, NOW + timedelta(minutes=30))
    click(crm, campaign, 2, NOW + timedelta(hours=1))
    click(crm, campaign, 3, NOW + timedelta(hours=1), kind="prefetch")
    with crm.db.read() as session:
        row = queries.row_of(queries.one(session, campaign))
        hours = time_series.curve(session, row, NOW + timedelta(minutes=90), ZoneInfo("Asia/Kolkata"))
        days = time_series.curve(session, row, NOW + timedelta(days=3), ZoneInfo("Asia/Shanghai"))
        long = time_series.curve(session, row, NOW + timedelta(days=300), UTC)  # type: ignore[arg-type]
    assert hours is not None
    assert (hours.hourly, sum(hours.sent), sum(hours.clicks)) == (True, 3, 2)
    assert (hours.sent[0], hours.clicks[0]) == (0, 0)
    assert days is not None
    assert (days.hourly, days.sent, days.clicks) == (False, [0, 3, 0, 0, 0], [0, 2, 0, 0, 0])
    assert long is not None
    assert len(long.sent) == time_series.DAYS


@on_sqlite
def test_a_draft_has_no_curve(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    draft = drafts.create(
        crm,
        staff("ann"),
        {
            "name": "x",
            "channel": "sms",
            "template": "hello",
            "audience": {"combinator": "and", "rules": []},
        },
    )
    with crm.db.read() as session:
        assert (
            time_series.curve(session, queries.row_of(queries.one(session, draft)), NOW, ZoneInfo("UTC"))
            is None
        )


def test_each_reason_opens_exactly_its_people(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=6)
    set_person(crm, 1, phone_key=None)
    campaign = launched(crm)
    run(crm)
    ledger = rows(crm, campaign)
    states = {2: ("failed_permanent", "absent"), 3: ("failed_permanent", "absent"), 4: ("unknown", "lapsed")}
    with crm.db.begin() as session:
        for number, (state, reason) in states.items():
            session.execute(
                sa.update(Delivery).where(Delivery.id == ledger[number].id).values(state=state, reason=reason)
            )
    reasons = report(crm, campaign).reasons
    assert reasons == [("failed_permanent", "absent", 2), ("unknown", "lapsed", 1)]
    for state, reason, count in [*reasons, ("excluded", "no_address", 1)]:
        what = f"{state}:{reason}"
        assert number_of(crm, campaign, what) == len(people_of(crm, campaign, what)) == count
