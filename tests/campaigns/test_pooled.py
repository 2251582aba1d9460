"""All of it through PgBouncer in transaction mode: commands, workers that are killed, pages."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from crm_plugin.demo.generate import LEAST_PEOPLE, fill
from crm_plugin.kernel.db.engine import Database, connect
from tests.campaigns.fixtures import add_people, launched, sent, state, world
from tests.campaigns.kill_worker import LEASE_SECONDS
from tests.campaigns.test_kill import PEOPLE, check
from tests.campaigns.test_kill_tree import tree
from tests.cli.conftest import FACTS
from tests.conftest import absent
from tests.road import Road
from tests.servers import pgbouncer
from tests.web.fixtures import open_school

pytestmark = [pytest.mark.long, pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)]

EVERYBODY = {"combinator": "and", "rules": []}
PAGES = [f"/admin/crm{page}" for page in ("/people", "/campaigns", "/health", "/", "/data")]


def through(url: str, sessions: int) -> Iterator[str]:
    if reason := pgbouncer.find():
        absent(reason)
    with pgbouncer.pooled(url, sessions) as found:
        yield found


@pytest.fixture
def pooled_url(db_url: str) -> Iterator[str]:
    """Of an empty database."""
    yield from through(db_url, 3)


@pytest.fixture
def pooled(database: Database) -> Iterator[Database]:
    """The CRM's tables, by few sessions for all processes together."""
    for url in through(database.engine.url.render_as_string(hide_password=False), 4):
        found = connect(url)
        yield found
        found.close()


def test_commands_from_the_first_to_a_report(pooled_url: str, tmp_path: Path) -> None:
    """The school's own tables are read through the same pooler, and its programs still write."""
    school = create_engine(pooled_url)
    fill(school, LEAST_PEOPLE, seed=7)
    road = Road(tmp_path, "demo_school", pooled_url, pooled_url, **FACTS)
    road.crm("init", "--no-progress")
    road.crm("init", "--no-progress")
    file = {"name": "x", "channel": "sms", "audience": EVERYBODY, "template": "win-back-en"}
    idents = [road.send(**file, link="https://school.example/offers") for _ in range(2)]
    for ident in idents:
        assert road.status(ident)["state"] == "finished"
    assert road.outbox(idents[0])
    road.crm("sync", "--full", "--no-progress")
    road.crm("daily", "--json")
    assert road.crm("doctor").count("FAIL") == 0
    with school.begin() as connection:
        assert connection.exec_driver_sql("UPDATE school_users SET status = status").rowcount >= LEAST_PEOPLE
    school.dispose()


def test_workers_that_die(pooled: Database, tmp_path: Path) -> None:
    crm = world(pooled, tmp_path, lease_seconds=LEASE_SECONDS)
    add_people(crm, range(1, PEOPLE + 1))
    campaign = launched(crm)
    plan = ["job", "worker", "supervisor"]
    with tree(crm, campaign, tmp_path, plan) as grown:
        for who in plan:
            before = len(sent(crm))
            while len(sent(crm)) == before:
                grown.sample(0.02)
            grown.sample(random.uniform(0.0, 0.3))
            grown.kill(who)
        while state(crm, campaign) != "finished":
            grown.sample(0.1)
    check(crm, campaign, tmp_path / "books.txt", grown.kills)


def test_pages_by_many_at_once(pooled: Database, tmp_path: Path) -> None:
    school = open_school(pooled, tmp_path)

    def look(number: int) -> list[int]:
        client = school.app.test_client()
        return [client.get(PAGES[(number + turn) % len(PAGES)]).status_code for turn in range(20)]

    with ThreadPoolExecutor(8) as pool:
        found = [status for statuses in pool.map(look, range(8)) for status in statuses]
    assert set(found) == {200}
