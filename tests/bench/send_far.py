"""Carriers that are far away, 50 ms for each answer: one worker over ten connections against one."""

from contextlib import AbstractContextManager
from statistics import median
from typing import Any

from crm_plugin.kernel.db.engine import Database
from tests.bench.rig import say
from tests.bench.sending_school import EMAIL, SMS, by_smtp, open_crm, sent
from tests.bench.sinks import Sink, smtp_sink, twilio_sink

SECONDS = 0.05
PEOPLE = 400
"""One connection needs about 40 seconds for them."""


def far(database: Database, runs: int) -> None:
    """Measure e-mail by SMTP, and SMS by one call a message."""
    _compared("e-mail", database, smtp_sink(SECONDS), EMAIL, "smtp", runs)
    _compared("SMS, one a call", database, twilio_sink(SECONDS), SMS, "twilio", runs)


def _compared(
    what: str,
    database: Database,
    opened: AbstractContextManager[Sink],
    content: dict[str, Any],
    carrier: str,
    runs: int,
) -> None:
    with opened as sink:
        settings = _settings(carrier, sink.port)
        seconds: dict[int, list[float]] = {1: [], 10: []}
        for _ in range(runs):
            for number, found in seconds.items():
                mine = {**settings, "connections": f"{carrier}={number}"}
                crm = open_crm(database, **mine)
                found.append(sent(crm, sink, content, mine, PEOPLE, 1).wall)
    one, ten = median(seconds[1]), median(seconds[10])
    say(
        f"{what} at {SECONDS * 1000:.0f} ms an answer: one connection {PEOPLE / one:,.1f} a second, ten "
        f"{PEOPLE / ten:,.1f}, {one / ten:.1f} times that (bar 9)"
    )


def _settings(carrier: str, port: int) -> dict[str, Any]:
    if carrier == "smtp":
        return by_smtp(port)
    url = f"http://127.0.0.1:{port}"
    account = {"sms_twilio_account": "AC1", "sms_twilio_token": "bench", "sms_twilio_from": "+12025550100"}
    return {"sms_carrier": "twilio", "sms_twilio_url": url, **account}
