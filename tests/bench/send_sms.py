"""SMS by the generic HTTP carrier in batches of a hundred: against the same requests in a bare loop."""

from statistics import median

import requests

from crm_plugin.kernel.db.engine import Database
from tests.bench.rig import say
from tests.bench.sending_school import SMS, frozen, open_crm, rendered, sent, tell, timed
from tests.bench.sinks import Sink, sms_sink

BATCH = 100


def sms(database: Database, messages: int, runs: int) -> None:
    """Measure with one worker, to a gateway that takes some 6,000 messages a second and to one at no cost."""
    for name, seconds in (("a gateway of 15 ms a request", 0.015), ("a gateway at no cost", 0.0)):
        with sms_sink(seconds) as sink:
            say(f"to {name}:")
            _against_the_loop(database, sink, messages, runs)


def _against_the_loop(database: Database, sink: Sink, messages: int, runs: int) -> None:
    url = f"http://127.0.0.1:{sink.port}/send"
    settings = {"sms_carrier": "http", "sms_http_url": url, "sms_http_token": "bench"}
    crm = open_crm(database, **settings)
    texts = [
        {"key": message.key, "to": message.address, "text": message.text}
        for message in rendered(crm, frozen(crm, **SMS))
    ]
    bare, ours = [], []
    for _ in range(runs):
        bare.append(timed(lambda: _loop(url, texts)))
        ours.append(sent(crm, sink, SMS, settings, messages, 1))
    wall = median(run[0] for run in bare)
    say(f"the gateway alone: {messages / wall:,.0f} a second (to be at least 6,000)")
    tell("one worker", ours, messages, wall, 0.5)


def _loop(url: str, texts: list[dict[str, str]]) -> None:
    with requests.Session() as session:
        for start in range(0, len(texts), BATCH):
            session.post(url, json={"messages": texts[start : start + BATCH]}).raise_for_status()
