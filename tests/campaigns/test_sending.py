"""From launch to the last settled row."""

from pathlib import Path

from crm_plugin.kernel.db import Database
from tests.campaigns.world import books, launched, run, state, world
from tests.fakes.carrier import taken


def test_everybody_gets_one_message_and_the_campaign_ends(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=57)
    campaign = launched(crm)
    run(crm)
    assert books(crm, campaign) == {"considered": 57, "sent": 57}
    assert state(crm, campaign) == "finished"
    sent = taken(crm.extras["books"].books)
    assert len(sent) == len(set(sent)) == 57
