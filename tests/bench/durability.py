"""What it costs that each commit waits for the disk: `make bench-durability`.

E-mail to a sink at no cost, the worst case: a marking for each 20 messages. One worker sends, alternately
with commits that wait and with commits that do not; medians are compared.
"""

import argparse
import time
from datetime import UTC, datetime
from statistics import median
from typing import Any

from sqlalchemy import event

from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.kernel.db.engine import Database, connect
from tests.bench.rig import machine, say, servers, tables
from tests.bench.sending_school import EMAIL, launched, open_crm
from tests.bench.sinks import Sink, smtp_sink
from tests.campaigns.fixtures import add_people

CARELESS = {"sqlite": "PRAGMA synchronous = NORMAL", "postgresql": "SET synchronous_commit = off"}
"""As it was before, or as a server may be set to."""


def main() -> None:
    """Measure on both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with servers(), smtp_sink() as sink:
        for kind in CARELESS:
            with tables(kind) as database:
                say(f"{given.messages:,} e-mails on {machine(database)}")
                _fill(database, given.messages)
                _compare(kind, database, sink, given.messages, given.runs)


def _fill(database: Database, people: int) -> None:
    crm = open_crm(database)
    add_people(crm, range(1, people + 1))
    with database.begin() as session:
        row = {"key": "hello", "locale": "en", "name": "Hello", "text": "Hello", "purpose": "marketing"}
        session.add(SmsTemplate(**row, state="approved", updated_at=datetime.now(UTC)))


def _compare(kind: str, database: Database, sink: Sink, messages: int, runs: int) -> None:
    careful: list[float] = []
    careless: list[float] = []
    for _ in range(runs):
        careless.append(_seconds(database, sink, CARELESS[kind]))
        careful.append(_seconds(database, sink, ""))
    before, now = median(careless), median(careful)
    say(f"without waiting: {messages / before:,.0f} a second ({_shown(careless)})")
    say(f"each commit on disk: {messages / now:,.0f} a second ({_shown(careful)})")
    say(f"it takes {now / before - 1:+.0%}")


def _seconds(database: Database, sink: Sink, statement: str) -> float:
    own = connect(database.engine.url)
    if statement:
        event.listen(own.engine, "connect", lambda connection, _record: _set(connection, statement))
    sender = "School <no-reply@school.example>"
    crm = open_crm(own, smtp_url=f"smtp://127.0.0.1:{sink.port}", mail_from=sender)
    campaign = launched(crm, **EMAIL)
    assert freeze(crm, campaign)
    began = time.perf_counter()
    while drain(crm, campaign):
        pass
    spent = time.perf_counter() - began
    own.close()
    return spent


def _set(connection: Any, statement: str) -> None:
    if statement.startswith("PRAGMA"):
        connection.execute(statement)
        return
    connection.autocommit = True
    connection.execute(statement)
    connection.autocommit = False


def _shown(seconds: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in seconds)


if __name__ == "__main__":
    main()
