"""People, campaigns and workers of the sending benchmark, on PostgreSQL."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.ledger.lease import take
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.prepared_campaign import load
from crm_plugin.channels.base import Message
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.host.context import Crm, install
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.clock import system_clock
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.settings import Settings
from crm_plugin.plugin import CAPABILITIES
from tests.bench.rig import cpu_seconds, peak_memory, say
from tests.bench.sinks import Sink
from tests.fakes.host import FakeHost, staff

EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
_PARAGRAPH = (
    "<p>Dear {{ display_name }}, the courses that you liked go on next week: three evenings of practice with "
    "a teacher who answers, and a recording of each for whoever cannot come.</p>"
)
EMAIL: dict[str, Any] = {
    "channel": "email",
    "subject": "{{ display_name }}, your seat is kept",
    "html": f"<h1>Good evening</h1>{_PARAGRAPH * 4}<p><a href='{{{{ link }}}}'>Have a look</a></p>",
    "link": "https://school.example/courses/5?from=letter",
}
SMS: dict[str, Any] = {"channel": "sms", "template": "hello", "link": "https://school.example/courses/5"}


def open_crm(database: Database, **settings: Any) -> Crm:
    """Return a CRM with the machine's own clock on a database."""
    values = {"secret_key": "a secret of at least thirty-two letters", "consent_unknown": "send", **settings}
    gateway = Gateway(FakeHost(), clock=system_clock)
    crm = Crm(Settings(**values), database, gateway, Queue(), system_clock, CAPABILITIES)
    install(crm)
    return crm


def fill(database: Database, people: int) -> None:
    """Write people who can be reached by every channel, and an approved SMS template."""
    with database.begin() as session:
        session.execute(sa.text(_PEOPLE), {"people": people})
        template = {"key": "hello", "locale": "en", "name": "Hello", "purpose": "marketing"}
        text = "Hello ${display_name}, have a look: ${link}"
        session.add(SmsTemplate(**template, text=text, state="approved", updated_at=datetime.now(UTC)))
    vacuum(database)


def vacuum(database: Database) -> None:
    """Leave the tables as the server's own housekeeping would."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))


_PEOPLE = """INSERT INTO crm_person (id, host_id, row_hash, status, display_name, display_name_folded,
  email, email_folded, email_key, phone, phone_folded, phone_key, is_staff, paid_count, paid_total,
  refunded_total, unpaid_count, marketed_count)
SELECT n, 'p' || n, '', 'active', 'Learner ' || n, 'learner ' || n, 'l' || n || '@mail.example.com',
  'l' || n || '@mail.example.com', 'l' || n || '@mail.example.com', '13' || (100000000 + n),
  '13' || (100000000 + n), '+8613' || (100000000 + n), FALSE, 0, 0, 0, 0, 0
FROM generate_series(1, :people) AS numbers(n)"""


def frozen(crm: Crm, **content: Any) -> int:
    """Launch a campaign to everybody and freeze it; return its id."""
    campaign = launched(crm, **content)
    assert freeze(crm, campaign)
    vacuum(crm.db)
    return campaign


def launched(crm: Crm, **content: Any) -> int:
    """Launch a campaign to everybody; return its id."""
    campaign = drafts.create(crm, staff("bench"), {"name": "Bench", "audience": EVERYBODY, **content})
    service.launch(crm, staff("bench"), campaign)
    return campaign


@dataclass
class Spent:
    """What workers used for a campaign."""

    wall: float
    """Seconds from the start signal to the last worker's end."""
    cpu: float
    """Processor seconds of the workers alone."""
    served: float
    """Processor seconds of their database sessions."""
    memory: int
    """Most MB that a worker ever held."""
    slices: list[float]
    """Processor seconds of the workers for each slice of messages in turn."""


def work(url: sa.URL, campaign: int, settings: dict[str, Any], workers: int = 1, a_slice: int = 0) -> Spent:
    """Let worker processes of their own send a campaign."""
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(workers + 1), context.Queue()
    text = url.render_as_string(hide_password=False)
    arguments = (text, campaign, settings, begin, results, a_slice)
    processes = [context.Process(target=_worker, args=arguments) for _ in range(workers)]
    for process in processes:
        process.start()
    begin.wait(120)
    started = time.perf_counter()
    found: Sequence[tuple[float, float, int, list[float]]] = [results.get(timeout=3600) for _ in processes]
    wall = time.perf_counter() - started
    for process in processes:
        process.join()
    cpus, served, memory, slices = zip(*found, strict=True)
    return Spent(wall, sum(cpus), sum(served), max(memory), slices[0])


def _worker(
    url: str, campaign: int, settings: dict[str, Any], begin: Any, results: Any, a_slice: int
) -> None:
    database = connect(url)
    crm = open_crm(database, **settings)
    drain(crm, campaign, 0.0)  # everything is imported and compiled, nothing sent
    begin.wait(120)
    cpu, both = time.process_time(), cpu_seconds(database)
    slices: list[float] = []
    if a_slice:
        _drain_slices(crm, campaign, a_slice, slices)
    else:
        while drain(crm, campaign):
            pass
    cpu = time.process_time() - cpu
    results.put((cpu, max(0.0, cpu_seconds(database) - both - cpu), peak_memory(), slices))


def _drain_slices(crm: Crm, campaign: int, a_slice: int, slices: list[float]) -> None:
    """Send in drains of a second, as jobs do in 20; note the processor time of each slice of messages."""
    done, cpu = 0, time.process_time()
    while handled := drain(crm, campaign, 1.0):
        done += handled
        if done >= a_slice:
            now = time.process_time()
            slices.append((now - cpu) / done)
            done, cpu = 0, now


def left(crm: Crm, campaign: int) -> int:
    """Return how many of a campaign are not sent."""
    with crm.db.read() as session:
        rows = sa.select(sa.func.count()).where(Delivery.campaign_id == campaign, Delivery.state != "sent")
        return int(session.scalar(rows) or 0)


def by_smtp(port: int) -> dict[str, Any]:
    """Return the settings that send e-mail to a port of this machine."""
    return {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "no-reply@school.example"}


def rendered(crm: Crm, campaign: int) -> list[Message]:
    """Return every message of a campaign as it would leave; the campaign is cancelled."""
    running, found = load(crm, campaign), []
    assert running is not None
    while batch := take(crm, campaign, 5_000).rows:
        found += [running.render(row) for row in batch]
    service.cancel(crm, staff("bench"), campaign)
    return found


def sent(
    crm: Crm, sink: Sink, content: dict[str, Any], settings: dict[str, Any], messages: int, workers: int
) -> Spent:
    """Freeze a campaign and let workers send it; return what they used."""
    campaign, before = frozen(crm, **content), sink.count.value
    spent = work(crm.db.engine.url, campaign, settings, workers)
    assert sink.count.value - before == messages
    assert not left(crm, campaign)
    return spent


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Return (seconds, processor seconds of this process)."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


def tell(who: str, runs: list[Spent], messages: int, bare: float, bar: float) -> None:
    """Say how some runs compare with the seconds of a bare one."""
    wall = median(run.wall for run in runs)
    each = median(run.cpu for run in runs) / messages * 1e6
    served = median(run.served for run in runs) / messages * 1e6
    memory = max(run.memory for run in runs)
    say(
        f"{who}: {messages / wall:,.0f} a second, {bare / wall:.2f} of the bare one (bar {bar}); a message "
        f"costs {each:.0f} µs of the worker and {served:.0f} of its database; {memory} MB"
    )
