"""A real Postfix on a bad day: all that goes wrong in a year, in one campaign, and what needs a person."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import jobs, service
from crm_plugin.campaigns.delivery import circuit_breaker, notifications
from crm_plugin.campaigns.delivery.retry import retry_failed
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import books, move_to, rows, run, state
from tests.campaigns.mail_server import (
    FAR,
    TOWN,
    MailServer,
    agree,
    hang_up,
    launched,
    mail_server,
    school,
    stopped,
    wait_for,
)
from tests.fakes.host import staff
from tests.servers.greylist import greylist

GONE_HERE = [f"gone{number}@{TOWN}" for number in range(20)]
GONE_THERE = [f"gone{number}@{FAR}" for number in range(20)]
FULL_HERE = [f"full{number}@{TOWN}" for number in range(5)]
FULL_THERE = [f"full{number}@{FAR}" for number in range(5)]
LATER = [f"later{number}@{TOWN}" for number in range(10)]
FINE = [f"p{number}@{TOWN if number % 2 else FAR}" for number in range(240)]
SEED = 7
PEOPLE = [*GONE_HERE, *GONE_THERE, *FULL_HERE, *FULL_THERE, *LATER, *FINE]
random.Random(SEED).shuffle(PEOPLE)
OFFICE = f"office@{TOWN}"
LONG = 300.0
"""Seconds that a busy machine may take."""


class Worker(threading.Thread):
    """Does what ``crm worker`` does; when nothing is due for a second, its clock leaps to what comes next."""

    def __init__(self, crm: Crm) -> None:
        super().__init__()
        self._crm = crm
        self._ahead = timedelta(0)
        self._over = threading.Event()
        self.trouble: BaseException | None = None

    def run(self) -> None:
        """Work until :meth:`end`."""
        try:
            while not self._over.wait(0.05):
                move_to(self._crm, datetime.now(UTC) + self._ahead)
                if not jobs.burst(self._crm):
                    notifications.notify(self._crm)
                    self._leap()
        except BaseException as trouble:
            self.trouble = trouble
            raise

    def end(self) -> None:
        """Stop working."""
        self._over.set()
        self.join()
        hang_up(self._crm)

    def _leap(self) -> None:
        sending = sa.select(Campaign.id).where(Campaign.state == "sending")
        waiting = sa.select(sa.func.min(Delivery.waits_until))
        waiting = waiting.where(Delivery.campaign_id.in_(sending), Delivery.state == "waiting")
        with self._crm.db.read() as session:
            next_at = session.scalar(waiting)
        if not self._over.wait(1.0):
            minute = self._ahead + notifications.RETRY_AFTER
            self._ahead = minute if next_at is None else max(self._ahead, next_at - datetime.now(UTC))


@contextmanager
def working(crm: Crm) -> Iterator[None]:
    worker = Worker(crm)
    worker.start()
    try:
        yield
    finally:
        worker.end()
        assert worker.trouble is None


def access(server: MailServer, *, later: bool) -> str:
    """Write whom the server refuses for now, and whose mailbox it finds full; return the restriction."""
    refused = dict.fromkeys(FULL_HERE, "552 5.2.2 Mailbox full")
    refused |= dict.fromkeys(LATER, "450 4.3.2 Come later") if later else {}
    return f"check_recipient_access {server.postfix.map('access', refused)}"


def bad_weather(server: MailServer, policy: str) -> None:
    """Let the server greylist, defer, and limit messages and connections."""
    server.postfix.settings |= {
        "smtpd_recipient_restrictions": f"{access(server, later=True)}, {policy}",
        "anvil_rate_time_unit": "2s",
        "smtpd_client_message_rate_limit": "40",
        "smtpd_client_connection_count_limit": "3",
    }


def until_taken(server: MailServer, messages: int) -> None:
    """Wait until the server has taken so many messages of the first campaign."""
    wait_for(lambda: server.postfix.said().count("message-id=<1-") >= messages, LONG)


def stops(crm: Crm) -> list[tuple[str, str]]:
    """Return what stopped by itself, in turn: campaign and reason."""
    query = sa.select(AuditRow).where(AuditRow.action.in_(notifications.ACTIONS)).order_by(AuditRow.id)
    with crm.db.read() as session:
        return [(row.object_id, str(row.details["reason"])) for row in session.scalars(query)]


def used(crm: Crm, campaign: int) -> int:
    """Return how many rows of a campaign were tried."""
    return sum(row.tries > 0 for row in rows(crm, campaign).values())


def refused_campaign(crm: Crm, server: MailServer) -> int:
    """Launch a campaign while the server refuses us; it stops by itself and stops nobody else."""
    before = stopped(crm)
    campaign = launched(crm)
    with working(crm):
        wait_for(lambda: state(crm, campaign) == "paused", LONG)
    assert used(crm, campaign) <= 40
    assert stopped(crm) == before
    assert books(crm, campaign).get("failed_permanent", 0) == 0
    return campaign


def resumed(crm: Crm, server: MailServer, campaign: int) -> None:
    """Let a person who got the notice resume a campaign, and everything be done."""
    before = server.delivered()[OFFICE]
    with working(crm):
        wait_for(lambda: server.delivered()[OFFICE] == campaign, LONG)
    assert before in (campaign - 1, campaign)
    service.resume(crm, staff("ann"), campaign)
    retry_failed(crm, staff("ann"), campaign)
    with working(crm):
        wait_for(lambda: state(crm, campaign) == "finished", LONG)
        wait_for(lambda: server.postfix.queued() == 0, LONG)


@pytest.mark.long
@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_nobody_has_to_resume_anything(database: Database, tmp_path: Path) -> None:
    with mail_server() as server, greylist(1.5) as policy:
        server.boxes, server.full = {*FINE, *LATER, OFFICE}, set(FULL_THERE)
        bad_weather(server, policy.service)
        crm = school(database, tmp_path, server, PEOPLE, notify_email=OFFICE)
        notifications.notify(crm)
        move_to(crm, datetime.now(UTC))
        first = launched(crm)
        with working(crm):
            until_taken(server, 60)
            server.restart()
            until_taken(server, 120)
            server.restart(queue_minfree="1000000000000")
            time.sleep(3)
            server.restart(queue_minfree="0")
            until_taken(server, 200)
            access(server, later=False)
            server.restart()
            wait_for(lambda: state(crm, first) == "finished", LONG)
            wait_for(lambda: server.postfix.queued() == 0, LONG)
        agree(crm, server, [first])
        assert stops(crm) == []
        assert stopped(crm) == {*GONE_HERE, *GONE_THERE}
        # A hard restart leaves in doubt what was under way on the connections, at most.
        found = books(crm, first)
        assert found["failed_permanent"] == 50
        assert found["sent"] + found.get("unknown", 0) == 250
        assert found.get("unknown", 0) <= 10


@pytest.mark.long
@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_lost_map_and_a_missing_login_stop_campaigns_and_no_address(
    database: Database, tmp_path: Path
) -> None:
    people = [f"p{number}@{TOWN}" for number in range(120)]
    with mail_server() as server:
        server.boxes = {*people, OFFICE}
        crm = school(database, tmp_path, server, people, notify_email=OFFICE)
        notifications.notify(crm)
        move_to(crm, datetime.now(UTC))
        server.boxes = {OFFICE}
        server.restart()
        first = refused_campaign(crm, server)
        server.boxes = {*people, OFFICE}
        server.restart()
        resumed(crm, server, first)
        server.restart(smtpd_recipient_restrictions="permit_sasl_authenticated, reject")
        second = refused_campaign(crm, server)
        server.restart(smtpd_recipient_restrictions="")
        resumed(crm, server, second)
        assert [books(crm, one) for one in (first, second)] == [{"considered": 120, "sent": 120}] * 2
        assert stops(crm) == [(str(first), circuit_breaker.ALIKE), (str(second), circuit_breaker.REASON)]
        agree(crm, server, [first, second])
        assert stopped(crm) == set()


@pytest.mark.long
@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_a_map_lost_for_some_at_once_and_for_others_afterwards_stops_no_address(
    database: Database, tmp_path: Path
) -> None:
    """No refusals in a row, and no half of a campaign: each domain has to be looked at by itself."""
    people = [f"p{number}@{(TOWN, FAR, 'fine.example')[number % 3]}" for number in range(90)]
    with mail_server() as server:
        server.boxes = {OFFICE, *people[2::3]}
        server.postfix.settings["virtual_mailbox_domains"] += " fine.example"
        crm = school(database, tmp_path, server, people, notify_email=OFFICE)
        notifications.notify(crm)
        move_to(crm, datetime.now(UTC))
        campaign = launched(crm)
        with working(crm):
            wait_for(lambda: len(server.calls()) == 30 and server.delivered()[OFFICE] > 0, 2 * LONG)
        run(crm)
        assert books(crm, campaign) == {"considered": 90, "sent": 30, "failed_transient": 60}
        assert stopped(crm) == set()
        server.boxes |= set(people)
        server.restart()
        retry_failed(crm, staff("ann"), campaign)
        with working(crm):
            wait_for(lambda: state(crm, campaign) == "finished", LONG)
            wait_for(lambda: server.postfix.queued() == 0, LONG)
        assert books(crm, campaign) == {"considered": 90, "sent": 90}
        assert set(server.delivered()) == {OFFICE, *people}
        assert {one: count for one, count in server.delivered().items() if one != OFFICE} == dict.fromkeys(
            people, 1
        )
