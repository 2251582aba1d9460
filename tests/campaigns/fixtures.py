"""A small school and a carrier with books, as tests of campaigns need them."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.campaigns import jobs, queries, service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.composing import preflight as checks
from crm_plugin.campaigns.delivery import mark as marking
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.ledger import lease
from crm_plugin.campaigns.models import Delivery
from crm_plugin.campaigns.prepared_campaign import load, present_of
from crm_plugin.campaigns.reporting import report as numbers
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.models import SmsTemplate
from crm_plugin.channels.registry import CARRIERS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person
from tests.fakes.carrier import BookCarrier, taken
from tests.fakes.crm import NOW, make_crm
from tests.fakes.host import FakeHost, staff

EVERYBODY: dict[str, Any] = {"combinator": "and", "rules": []}
BOOKS = "books"


@dataclass
class Books:
    """The carrier with books of one CRM."""

    carrier: BookCarrier | None = None


def keep_books(crm: Crm, carrier: BookCarrier) -> None:
    """Let the SMS of a CRM go to a carrier with books."""
    crm.state(Books).carrier = carrier


def books_of(crm: Crm) -> BookCarrier:
    """Return the carrier with books of a CRM."""
    carrier = crm.state(Books).carrier
    assert carrier is not None
    return carrier


if BOOKS not in CARRIERS:
    CARRIERS.add(BOOKS, books_of)


def world(database: Database, folder: Path, people: int = 0, **settings: Any) -> Crm:
    """A CRM whose SMS go to a :class:`BookCarrier` (:func:`books_of`)."""
    values = {
        "sms_carrier": BOOKS,
        "consent_unknown": "send",
        "instance": str(folder / "instance"),
        **settings,
    }
    crm = make_crm(database, FakeHost(), **values)
    keep_books(crm, BookCarrier(folder / "books.txt"))
    with crm.db.begin() as session:
        session.add(
            SmsTemplate(
                key="hello",
                locale="en",
                name="Hello",
                text="Hello ${display_name}",
                purpose="marketing",
                state="approved",
                updated_at=NOW,
            )
        )
    add_people(crm, range(1, people + 1))
    return crm


def person(number: int, **values: Any) -> dict[str, Any]:
    """The row of a person who may be reached by every channel."""
    row = {
        "id": number,
        "host_id": f"p{number}",
        "row_hash": "",
        "status": "active",
        "display_name": f"Person {number}",
        "display_name_folded": f"person {number}",
        "phone": f"+86138{number:08d}",
        "phone_key": f"+86138{number:08d}",
        "email": f"p{number}@example.org",
        "email_key": f"p{number}@example.org",
    }
    return row | values


def add_people(crm: Crm, numbers: Iterable[int], **values: Any) -> None:
    """Put persons into the profiles."""
    rows = [person(number, **values) for number in numbers]
    if rows:
        with crm.db.begin() as session:
            session.execute(sa.insert(Person), rows)


def set_person(crm: Crm, number: int, **values: Any) -> None:
    """Change a person."""
    with crm.db.begin() as session:
        session.execute(sa.update(Person).where(Person.id == number).values(**values))


def document(**values: Any) -> dict[str, Any]:
    """A campaign file that reaches everybody by SMS."""
    return {"name": "Hello", "channel": "sms", "template": "hello", "audience": EVERYBODY, **values}


def launched(crm: Crm, file: dict[str, Any] | None = None, **values: Any) -> int:
    """Make and launch a campaign of a file, by default of :func:`document`; return its id."""
    campaign = drafts.create(crm, staff("tester"), (file or document()) | values)
    service.launch(crm, staff("tester"), campaign)
    return campaign


def run(crm: Crm, rounds: int = 50) -> None:
    """Work like ``crm worker --burst``."""
    for _ in range(rounds):
        if not jobs.burst(crm):
            return
    raise AssertionError("the burst does not end")


def status(crm: Crm, campaign: int) -> dict[str, Any]:
    """State, books and clicks."""
    with crm.db.read() as session:
        return queries.status(session, queries.one(session, campaign))


def preflight(crm: Crm, campaign: int) -> checks.Preflight:
    """The pre-flight of a campaign, in a session of its own."""
    with crm.db.read() as session:
        return checks.preflight(crm, session, queries.one(session, campaign))


def report(crm: Crm, campaign: int) -> numbers.Report:
    """The report of a campaign, likewise."""
    with crm.db.read() as session:
        return numbers.report(session, queries.row_of(queries.one(session, campaign)))


def people_of(crm: Crm, campaign: int, what: str, after: int = 0, limit: int = 100) -> list[numbers.Member]:
    """The people behind a number, likewise."""
    with crm.db.read() as session:
        row = queries.row_of(queries.one(session, campaign))
        return numbers.people_of(session, row, what, after, limit)


def number_of(crm: Crm, campaign: int, what: str) -> int:
    """How many they are."""
    with crm.db.read() as session:
        return numbers.number_of(session, queries.row_of(queries.one(session, campaign)), what)


def books(crm: Crm, campaign: int) -> dict[str, Any]:
    """The books, with the zeros left out; fails when they do not balance."""
    found: dict[str, Any] = status(crm, campaign)["books"]
    excluded = found.pop("excluded")
    considered = found.pop("considered")
    states = {state: count for state, count in found.items() if count}
    assert considered == sum(excluded.values()) + sum(states.values())
    return {"considered": considered, **states, **({"excluded": excluded} if excluded else {})}


def state(crm: Crm, campaign: int) -> str:
    """The campaign's state."""
    return str(status(crm, campaign)["state"])


def move_to(crm: Crm, at: datetime) -> None:
    """Set the clock of the CRM."""
    crm.clock.at = at  # type: ignore[attr-defined]


def ready(crm: Crm, **values: Any) -> int:
    """A frozen campaign of everybody."""
    campaign = launched(crm, **values)
    assert freeze(crm, campaign)
    return campaign


def rows(crm: Crm, campaign: int) -> dict[int, Delivery]:
    """Person → row."""
    with crm.db.read() as session:
        found = session.scalars(sa.select(Delivery).where(Delivery.campaign_id == campaign))
        return {row.person_id: row for row in found}


def sent(crm: Crm) -> list[str]:
    return taken(books_of(crm).books)


def first_message(crm: Crm, worker: threading.Thread) -> None:
    """Wait until the carrier has taken something."""
    while not sent(crm):
        assert worker.is_alive()
        time.sleep(0.02)


def answers(crm: Crm, answer: Callable[[Message], Receipt]) -> None:
    books_of(crm).answer = answer


def marked_behind(crm: Crm, campaign: int, before: Callable[[Session], object]) -> marking.Marked:
    """Mark all rows while another transaction touches their people: it waits for that one's end."""
    batch = lease.take(crm, campaign, 10)
    running = load(crm, campaign)
    assert running is not None
    ask, marked = marking.Ask(batch.token, batch.rows, {}, 60), []

    def mark() -> None:
        marked.append(marking.mark(crm, running.rules, ask, present_of(crm), time.monotonic() + 30))

    worker = threading.Thread(target=mark)
    with crm.db.begin() as session:
        before(session)
        worker.start()
        worker.join(timeout=0.5)
        assert worker.is_alive(), "it must wait: the other is not committed yet"
        assert marked == []
    worker.join(timeout=20)
    (found,) = marked
    return found
