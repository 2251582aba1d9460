"""What campaigns hand over by day: the numbers of the ledger, in the school's days, with billed parts."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns.ledger.states import COUNTED, STATES
from crm_plugin.campaigns.models import Campaign, Delivery, SentDay
from crm_plugin.campaigns.reporting import sends, sent_days
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.sms.message_parts import measure
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.store.host_info_cache import school_zone
from crm_plugin.segments.language.dates import TICK, day_start
from tests.campaigns.fixtures import add_people, answers, launched, move_to, rows, run, set_person, world
from tests.fakes.carrier import receipt
from tests.fakes.crm import NOW, make_crm

LONG = "Long " * 60
ZONES = {"Europe/London": datetime(2026, 10, 25, 12, tzinfo=UTC), "Asia/Kathmandu": NOW}
"""Zone → the present; in London a day of 25 hours."""


def test_each_sms_has_the_parts_that_its_text_is_billed_by(database: Database, tmp_path: Path) -> None:
    crm, texts = world(database, tmp_path, 3), {}

    def answer(message: Message) -> Receipt:
        texts[message.address] = message.text
        return receipt(message)

    answers(crm, answer)
    set_person(crm, 2, display_name=LONG)
    add_people(crm, [4], phone="+447700900004", phone_key="+447700900004", display_name=LONG)
    campaign = launched(crm)
    run(crm)
    expected = {at: measure(text, at.startswith("+86")).segments for at, text in texts.items()}
    assert {str(row.address): row.parts for row in rows(crm, campaign).values()} == expected
    assert len(set(expected.values())) == 3, "one part, some abroad, more in mainland China"
    sent_days.refresh(crm)
    with database.read() as session:
        (day,) = sends.volume(session, (date(2026, 11, 1), date(2026, 11, 30)))
    assert (day.channel, day.messages, day.measured) == ("sms", 4, 4)
    assert day.parts == sum(expected.values())


def school(database: Database, chance: random.Random, zone: str, now: datetime) -> Crm:
    """A CRM with campaigns whose messages lie on the edges of days."""
    crm = make_crm(database, now=now, host_timezone=zone)
    with database.begin() as session:
        session.execute(sa.insert(Campaign), [campaign(number, now, chance) for number in range(1, 7)])
        found = [delivery(n, now, zone, chance) for n in range(1, 200)]
        session.execute(sa.insert(Delivery), found)
    return crm


def campaign(number: int, now: datetime, chance: random.Random) -> dict[str, Any]:
    """A campaign, under way or over."""
    state = chance.choice(("sending", "paused", "finished"))
    at = now - timedelta(days=2)
    names = {"id": number, "name": f"C{number}", "kind": chance.choice(("campaign", "single"))}
    facts: dict[str, Any] = {"channel": chance.choice(("sms", "email")), "state": state}
    facts |= {"audience": {}, "content": {}}
    times = {"created_at": at, "updated_at": at, "launched_at": at, "finished_at": at}
    return {**names, **facts, **times, "policy": {}, "created_by": "ann"}


def delivery(number: int, now: datetime, zone: str, chance: random.Random) -> dict[str, Any]:
    """A row of the ledger whose message left at the edge of a day, or never."""
    day = day_start(now.date() - timedelta(days=chance.randrange(4)), ZoneInfo(zone))
    at = chance.choice((None, day - TICK, day, day + timedelta(hours=chance.randrange(25))))
    ids = {"id": number, "campaign_id": chance.randint(1, 6), "person_id": number, "channel": "sms"}
    return {**ids, "state": chance.choice(STATES), "handed_at": at, "parts": chance.choice((None, 1, 3))}


def by_hand(crm: Crm) -> dict[tuple[int, date], tuple[int, ...]]:
    """What the ledger says, counted row by row."""
    found: dict[tuple[int, date], Counter[int]] = {}
    with crm.db.read() as session:
        for row in session.scalars(sa.select(Delivery).where(Delivery.state.in_(COUNTED))):
            if row.handed_at is not None:
                day = row.handed_at.astimezone(school_zone(crm)).date()
                received = int(row.state in ("sent", "delivered"))
                numbers = (1, received, row.parts or 0, int(row.parts is not None))
                found.setdefault((row.campaign_id, day), Counter()).update(dict(enumerate(numbers)))
    return {key: tuple(numbers[n] for n in range(4)) for key, numbers in found.items()}


def stored(crm: Crm) -> dict[tuple[int, date], tuple[int, ...]]:
    """What is kept."""
    with crm.db.read() as session:
        rows = session.scalars(sa.select(SentDay)).all()
        return {(row.campaign_id, row.day): tuple(getattr(row, n) for n in sent_days.COLUMNS) for row in rows}


@pytest.mark.parametrize("zone", ZONES)
def test_days_are_those_of_the_ledger_before_and_after_it_moves(database: Database, zone: str) -> None:
    chance = random.Random(zone)
    crm = school(database, chance, zone, ZONES[zone])
    assert sent_days.refresh(crm) > 3
    assert stored(crm) == by_hand(crm)
    assert sent_days.refresh(crm) == 0
    for _ in range(3):
        with database.begin() as session:
            for ident in chance.sample(range(1, 200), 20):
                change = {"state": chance.choice(STATES), "parts": chance.choice((None, 2))}
                session.execute(sa.update(Delivery).where(Delivery.id == ident).values(**change))
        move_to(crm, crm.clock() + timedelta(minutes=11))
        sent_days.refresh(crm)
        assert stored(crm) == by_hand(crm)
        assert sent_days.recount(crm) == 0, "counted whole it is the same"


def test_a_difference_is_corrected_at_night_and_logged(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    crm = school(database, random.Random(1), "Asia/Shanghai", NOW)
    sent_days.refresh(crm)
    with database.begin() as session:
        session.execute(sa.update(Campaign).values(state="finished", updated_at=NOW - timedelta(days=30)))
        session.execute(sa.update(SentDay).where(SentDay.campaign_id == 1).values(messages=99))
        session.execute(
            sa.insert(SentDay).values(campaign_id=2, day=NOW.date() + timedelta(days=9), **_none())
        )
    assert sent_days.refresh(crm) == 0, "it moved long ago"
    assert sent_days.recount(crm) >= 2
    assert stored(crm) == by_hand(crm)
    assert "differed from the ledger and were corrected" in caplog.text


def _none() -> dict[str, int]:
    return dict.fromkeys(sent_days.COLUMNS, 0)
