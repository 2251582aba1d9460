"""Carriers that are far away, 50 ms for each answer: one worker over ten connections against one."""

from collections.abc import Callable
from statistics import median
from typing import Any

from crm_plugin.kernel.db.engine import Database
from tests.bench.rig import say
from tests.bench.sending_school import EMAIL, SMS, by_smtp, open_crm, sent
from tests.bench.sinks import smtp_sink, twilio_sink

SECONDS = 0.05
PEOPLE = {1: 400, 10: 4_000}
"""Connections → messages: for each about 40 seconds of e-mail, so that starting up weighs the same."""
CARRIERS = {"smtp": ("e-mail", smtp_sink, EMAIL), "twilio": ("SMS, one a call", twilio_sink, SMS)}

OnASchool = Callable[[int, Callable[[Database], None]], None]


def far(on_a_school: OnASchool, runs: int) -> None:
    """Measure e-mail by SMTP, and SMS by one call a message.

    :param on_a_school: runs a measurement on a school with so many people.
    """
    rates: dict[tuple[str, int], float] = {}
    for connections, people in PEOPLE.items():
        on_a_school(people, lambda database, number=connections: _measure(rates, database, number, runs))  # type: ignore[misc]
    for carrier, (what, *_) in CARRIERS.items():
        one, ten = rates[carrier, 1], rates[carrier, 10]
        say(
            f"{what} at {SECONDS * 1000:.0f} ms an answer: one connection {one:,.1f} a second, ten "
            f"{ten:,.1f}, {ten / one:.1f} times that (bar 9)"
        )


def _measure(rates: dict[tuple[str, int], float], database: Database, connections: int, runs: int) -> None:
    for carrier, (_, opened, content) in CARRIERS.items():
        with opened(SECONDS) as sink:
            settings = {**_settings(carrier, sink.port), "connections": f"{carrier}={connections}"}
            people = PEOPLE[connections]
            walls = [
                sent(open_crm(database, **settings), sink, content, settings, people, 1).wall
                for _ in range(runs)
            ]
        rates[carrier, connections] = people / median(walls)


def _settings(carrier: str, port: int) -> dict[str, Any]:
    if carrier == "smtp":
        return by_smtp(port)
    url = f"http://127.0.0.1:{port}"
    account = {"sms_twilio_account": "AC1", "sms_twilio_token": "bench", "sms_twilio_from": "+12025550100"}
    return {"sms_carrier": "twilio", "sms_twilio_url": url, **account}
