"""The school's data are too old: nothing leaves until they are fresh, or a person says so."""

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from crm_plugin.campaigns import queries, service
from crm_plugin.campaigns.delivery import drain
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.streams import Stream
from tests.campaigns.fixtures import books, launched, move_to, ready, run, sent, state, world
from tests.fakes.crm import NOW
from tests.fakes.host import staff

DAY = timedelta(hours=24)


def read(crm: Crm, stream: str, hours: float) -> None:
    """Let a stream have been read so many hours before now."""
    with crm.db.begin() as session:
        session.merge(Stream(stream=stream, ok_at=crm.clock() - timedelta(hours=hours)))


def reason(crm: Crm, campaign: int) -> str | None:
    return queries.get(crm, campaign).reason


def test_a_campaign_under_way_is_held_by_the_marking(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=3)
    read(crm, "persons", 1)
    read(crm, "orders", 23.9)
    campaign = ready(crm)
    move_to(crm, NOW + timedelta(minutes=10))
    drain.drain(crm, campaign)  # nobody has swept: the marking itself finds out
    assert (state(crm, campaign), reason(crm, campaign)) == ("held", "stale_data")
    assert books(crm, campaign) == {"considered": 3, "pending": 3}
    read(crm, "orders", 0)
    run(crm)
    assert sent(crm) == [], "a person must say so, even when the data are fresh again"
    assert service.resume(crm, staff("ann"), campaign) == "sending"
    run(crm)
    assert books(crm, campaign) == {"considered": 3, "sent": 3}


def test_a_persons_word_holds_as_long_as_fresh_data_would(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2)
    read(crm, "persons", 48)
    campaign = launched(crm, policy={"quiet_hours": {"from": "19:00", "to": "18:59"}})
    assert (state(crm, campaign), reason(crm, campaign)) == ("held", "stale_data")
    assert service.resume(crm, staff("ann"), campaign) == "freezing"
    run(crm)
    assert books(crm, campaign) == {"considered": 2, "waiting": 2}
    with crm.db.begin() as session:
        session.execute(sa.text("UPDATE crm_delivery SET state = 'pending', waits_until = NULL"))
    move_to(crm, NOW + DAY + timedelta(seconds=1))
    run(crm)
    assert (state(crm, campaign), reason(crm, campaign)) == ("held", "stale_data")
    assert sent(crm) == []


def test_a_planned_campaign_waits_too(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    read(crm, "enrolments", 1)
    campaign = launched(crm, at=(NOW + DAY).isoformat())
    assert state(crm, campaign) == "scheduled"
    move_to(crm, NOW + DAY)
    run(crm)
    assert (state(crm, campaign), reason(crm, campaign)) == ("held", "stale_data")
    service.resume(crm, staff("ann"), campaign)
    run(crm)
    assert state(crm, campaign) == "finished"


def test_what_a_message_does_not_hang_on_may_be_old(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1)
    read(crm, "persons", 1)
    read(crm, "courses", 1000)
    campaign = launched(crm)
    run(crm)
    assert state(crm, campaign) == "finished"


def test_the_setting_can_switch_it_off(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=1, stale_data_hours=0)
    read(crm, "persons", 1000)
    campaign = launched(crm)
    run(crm)
    assert state(crm, campaign) == "finished"


def test_going_on_after_a_pause_does_not_confirm_a_copied_database(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=1)
    campaign = ready(crm)
    service.pause(crm, staff("ann"), campaign)
    crm.settings.public_url = "https://staging.example"
    assert service.resume(crm, staff("tester"), campaign) == "held"
    assert reason(crm, campaign) == "copied"
    run(crm)
    assert sent(crm) == []
    assert service.resume(crm, staff("admin"), campaign) == "sending"
    run(crm)
    assert state(crm, campaign) == "finished"
