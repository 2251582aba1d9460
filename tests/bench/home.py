"""The home page of a large school whose people all got a message: `make bench-home`.

As many messages as people, of thirty campaigns over as many days, written straight into the ledger.
What counts is the page as a browser gets it (bar: 300 ms); beside it stands what the worker takes to count.
"""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.campaigns.reporting import sent_days
from crm_plugin.dashboard import make_up, reached
from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.types import UtcDateTime
from crm_plugin.profiles.models.school import Person
from crm_plugin.profiles.models.streams import Stream
from crm_plugin.web.blueprint import pages
from tests.bench.rig import say
from tests.bench.school import PRESENT, School
from tests.bench.schools import asked_for, schools

BAR = 0.300
TURNS = 15
CAMPAIGNS = 30
ADA = r.Actor("ada", "Ada", frozenset(r.PERMISSIONS))


def main() -> None:
    """Run it for each database that is asked for."""
    given = asked_for(__doc__)
    for crm in schools(given):
        assert isinstance(crm.host.plugin, School)
        crm.host.plugin.actor = ADA
        _send(crm)
        for name, work in _work(crm).items():
            say(f"{name}: {_timed(work):.2f} s")
        _pages(crm)


def _send(crm: Crm) -> None:
    """Write thirty finished campaigns, and a message to everybody by one of them."""
    at = [PRESENT - timedelta(days=n, hours=3) for n in range(CAMPAIGNS)]
    facts = {"channel": "sms", "state": "finished", "audience": {}, "content": {}, "policy": {}}
    rows = [
        {"id": n + 1, "name": f"Campaign {n}", "created_by": "ada", **facts}
        | dict.fromkeys(("created_at", "updated_at", "launched_at", "finished_at"), at[n])
        for n in range(CAMPAIGNS)
    ]
    which = Person.id % CAMPAIGNS
    when = sa.case({n: sa.literal(at[n], UtcDateTime()) for n in range(CAMPAIGNS)}, value=which)
    values: dict[str, Any] = {"campaign_id": which + 1, "person_id": Person.id, "channel": sa.literal("sms")}
    values |= {"state": sa.literal("sent"), "handed_at": when, "parts": Person.id % 3 + 1}
    values |= {"tries": sa.literal(1), "marketing": sa.true()}
    with crm.db.begin() as session:
        session.add(Stream(stream="persons", state="current", ok_at=PRESENT))
        session.execute(sa.insert(Campaign), rows)
        session.execute(sa.insert(Delivery).from_select(list(values), sa.select(*values.values())))


def _work(crm: Crm) -> dict[str, Callable[[], object]]:
    return {
        "messages by day, all campaigns": lambda: sent_days.recount(crm),
        "messages by day, nothing changed": lambda: sent_days.recount(crm),
        "people reached, four spans": lambda: reached.refresh(crm, moved=True),
        "make-up of people": lambda: make_up.refresh(crm, everything=True),
    }


def _pages(crm: Crm) -> None:
    app = Flask("school")
    app.config.update(SECRET_KEY="a key of the school", TESTING=True)
    app.register_blueprint(pages(crm))
    client = app.test_client()
    for days in ("30", "365"):
        times = []
        for _ in range(TURNS):
            started = time.perf_counter()
            answer = client.get(f"/admin/crm/?days={days}")
            times.append(time.perf_counter() - started)
            assert answer.status_code == 200, answer.text
            assert "c-swatch" in answer.text
        median = statistics.median(times[1:])
        word = "ok" if median <= BAR else "TOO SLOW"
        say(f"home, {days} days: median {1000 * median:.0f} ms, first {1000 * times[0]:.0f} ms, {word}")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
