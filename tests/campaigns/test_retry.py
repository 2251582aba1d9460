"""Retry failed: at once, for passing failures only, and nobody becomes a duplicate of themselves."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.delivery import retry
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.delivery.retry import retry_failed
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.bulk import insert_many
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person
from tests.campaigns.fixtures import books, person, ready, sent, world
from tests.fakes.host import staff

FAILED = {"channel": "sms", "state": "failed_transient", "reason": "carrier_unreachable", "tries": 4}


def failed(crm: Crm, people: int) -> int:
    """A finished campaign in which everybody failed for a passing reason."""
    campaign = ready(crm)
    with crm.db.begin() as session:
        session.execute(sa.delete(Delivery))
        insert_many(session, Person, [person(number) for number in range(2, people + 1)])
        insert_many(session, Delivery, list(rows(campaign, people)))
        session.execute(sa.update(Campaign).values(state="finished"))
    return campaign


def rows(campaign: int, people: int) -> Iterator[dict[str, Any]]:
    for number in range(1, people + 1):
        phone = f"+86138{number:08d}"
        who = {"campaign_id": campaign, "person_id": number, "address": phone, "address_key": phone}
        yield {**who, **FAILED, "marketing": True}


def retried(database: Database, folder: Path, people: int) -> float:
    """Retry, and return the seconds until the first message has left."""
    crm = world(database, folder, people=1)
    campaign = failed(crm, people)
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        # What a woken worker does, while the rest is still being taken up.
        patch.setattr(retry, "wake", lambda crm, campaign, state: drain(crm, campaign, 0.05))
        patch.setattr(retry, "CHUNK", people // 20)
        waiting = threading.Thread(target=retry.retry_failed, args=(crm, staff("ann"), campaign))
        waiting.start()
        while not sent(crm):
            time.sleep(0.01)
        took = time.monotonic() - began
        waiting.join()
    found = books(crm, campaign)
    assert found == {
        "considered": people,
        "sent": len(sent(crm)),
        **({"pending": people - len(sent(crm))} if len(sent(crm)) < people else {}),
    }
    return took


def test_a_cancel_among_the_chunks_ends_it(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = failed(crm, 40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "wake", lambda crm, campaign, state: service.cancel(crm, staff("bob"), campaign))
        patch.setattr(retry, "CHUNK", 10)
        assert retry_failed(crm, staff("ann"), campaign) == 10
    assert books(crm, campaign) == {"considered": 40, "cancelled": 10, "failed_transient": 30}


def test_thousands_are_tried_again_at_once(database: Database, tmp_path: Path) -> None:
    assert retried(database, tmp_path, 2000) < 5


@pytest.mark.long
def test_a_hundred_thousand_are_tried_again_within_five_seconds(database: Database, tmp_path: Path) -> None:
    took = retried(database, tmp_path, 100_000)
    print(f"{database.dialect}: {took:.1f} s")
    assert took < 5
