"""Limits of the settings: by channel, carrier and domain of e-mail; and turns between campaigns."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import jobs, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery import drain as sending
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.prepared_campaign import load
from crm_plugin.campaigns.rates import limits as pace
from crm_plugin.channels.rates.window import Limit
from crm_plugin.host.context import Crm
from crm_plugin.kernel.clock import system_clock
from crm_plugin.kernel.db.engine import Database
from tests.campaigns.fixtures import EVERYBODY, books, books_of, document, ready, sent, set_person, world
from tests.fakes.host import staff


def emailed(crm: Crm, **values: Any) -> int:
    """A frozen campaign by e-mail, to the outbox."""
    mail = {"channel": "email", "subject": "Hi", "text": "Hello {{ unsubscribe }}"}
    file = {"name": "Mail", "audience": EVERYBODY, **mail, **values}
    campaign = drafts.create(crm, staff("tester"), file)
    service.launch(crm, staff("tester"), campaign)
    assert freeze(crm, campaign)
    return campaign


def domains(crm: Crm, state: str) -> Counter[str]:
    with crm.db.read() as session:
        found = session.scalars(sa.select(Delivery.address_key).where(Delivery.state == state))
        return Counter(str(address).rpartition("@")[2] for address in found)


def test_a_slow_domain_does_not_hold_up_the_others(database: Database, tmp_path: Path) -> None:
    limits = {"domain:slow.org": "3/h", "domain:*": "1000/s"}
    crm = world(database, tmp_path, people=60, rate_limits=limits)
    crm.clock = system_clock
    for number in range(1, 31):  # the first thirty, so that they stand at the head of the queue
        set_person(crm, number, email_key=f"p{number}@slow.org", email=f"p{number}@SLOW.org")
    campaign = emailed(crm)
    drain(crm, campaign, 3)
    assert domains(crm, "sent") == {"slow.org": 3, "example.org": 30}
    assert domains(crm, "pending") == {"slow.org": 27}
    running = load(crm, campaign)
    assert running is not None
    limit = pace.domain_limit(running, "slow.org")
    assert limit is not None
    assert sum(count for _, count in pace.seed(crm, running, limit)) == 3, "the ledger knows it"
    assert pace.domain_of("x@BÜCHER.example") == "xn--bcher-kva.example"


@pytest.mark.parametrize("name", ["carrier:books", "channel:sms"])
def test_campaigns_share_the_limit_of_their_carrier_and_channel(
    database: Database, tmp_path: Path, name: str
) -> None:
    crm = world(database, tmp_path, people=10, rate_limits={name: "6/h", "channel:email": "1/day"})
    crm.clock = system_clock
    campaigns = [ready(crm), ready(crm)]
    for campaign in campaigns:
        drain(crm, campaign, 0.3)
    assert len(sent(crm)) == 6
    running = load(crm, campaigns[0])
    assert running is not None
    (limit,) = pace.limits(running)
    assert sum(count for _, count in pace.seed(crm, running, limit)) == 6


def test_a_campaign_in_its_turn_makes_room_for_others(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker, one long campaign at a carrier that is slow, and a short one behind it."""
    monkeypatch.setattr(sending, "TURN_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "DRAIN_SECONDS", 60.0)
    crm = world(database, tmp_path, people=200)
    books_of(crm).delay, books_of(crm).in_flight, books_of(crm).batch = 0.1, 2, 2
    long = ready(crm)
    short = drafts.create(crm, staff("tester"), document(audience=first_of(4)))
    service.launch(crm, staff("tester"), short)
    assert freeze(crm, short)
    jobs.burst(crm)  # one round: each campaign once
    assert books(crm, short) == {"considered": 4, "sent": 4}
    assert books(crm, long)["pending"] > 150


def first_of(count: int) -> dict[str, Any]:
    rules = [{"field": "id", "operator": "in", "value": [f"p{number}" for number in range(1, count + 1)]}]
    return {"combinator": "and", "rules": rules}


@pytest.mark.parametrize(
    ("limits", "most", "asked"),
    [
        ([], 20, 20),
        ([(200, 1)], 20, 20),
        ([(25, 1)], 20, 12),
        ([(5, 1), (200, 1)], 20, 5),
        ([(1, 60)], 20, 1),
    ],
)
def test_batches_divide_the_limit(limits: list[tuple[int, int]], most: int, asked: int) -> None:
    assert pace.share([Limit("x", n, seconds) for n, seconds in limits], most) == asked
