"""Facts overtake bulk: how long a payment, an opt-out or a suspension takes from the school's commit to the
profile while a campaign is sent, everybody is frozen and people are exported: `make bench-freshness`.

The school's web process, ``crm worker`` with all its processes and the mail server run beside it.
The same events on the idle school, in the same run, are the yardstick.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.host.gateway import Gateway
from crm_plugin.host.records import STREAMS
from crm_plugin.kernel.clock import system_clock
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue import embedded_valkey
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.settings import Settings
from crm_plugin.plugin import CAPABILITIES
from crm_plugin.profiles.models.school import Consent, Course, Person, PersonTag
from crm_plugin.profiles.models.streams import Stream
from crm_plugin.segments.saved import quick_queries
from tests.bench import bulk_school
from tests.bench.bulk_load import BULK, MORE, TAKEN, Load
from tests.bench.fresh_school import COURSE, KINDS, FreshSchool, Web, worker
from tests.bench.rig import machine, say, servers, tables
from tests.bench.school import COURSES
from tests.bench.sending_school import EVERYBODY, by_smtp
from tests.bench.sinks import smtp_sink
from tests.fakes.host import staff

MEDIAN, LATE, CALLED = 2.0, 5.0, 5.0
"""Bars: seconds to the profile, half of them and 99 of 100; seconds after which nobody is called."""
IDLE = 30
"""Events on the idle school."""
GAP = 0.2
"""Seconds from one event to the next, if nobody says otherwise."""
GROUPS = 10
"""Most groups of people that are sent to in turn."""
PATIENCE = 60.0
_LOOK = 0.02


@dataclass
class Sizes:
    """How much of everything."""

    people: int
    send: int
    export: int
    events: int
    gap: float
    """Seconds from one event to the next."""


@dataclass
class Fact:
    """Something that a person did at the school."""

    kind: str
    number: int
    at: float
    """When the school had committed it."""
    seen: float | None = None
    """When it was read in the profile."""
    beside: tuple[str, ...] = ()
    """What ran when it was asked for."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.seen or time.time()) - self.at


def main() -> None:
    """Run it for each database that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", default=os.environ.get("DB", "postgresql,mariadb,sqlite"))
    parser.add_argument("--people", type=int, help="a million; 100,000 on SQLite")
    parser.add_argument("--events", type=int, help="200; 60 when quick; 3 at least")
    parser.add_argument("--gap", type=float, default=GAP, help="seconds between two events")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--more", action="store_true", help="taggings and recounts beside the rest")
    parser.add_argument("--quick", action="store_true", help="20,000 people")
    given = parser.parse_args()
    with servers():
        for kind in given.db.split(","):
            with tables(kind) as database, tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
                _on(database, _sizes(given, kind), given, Path(folder))


def _sizes(given: argparse.Namespace, kind: str) -> Sizes:
    if given.quick:
        return Sizes(20_000, 4_000, 10_000, given.events or 60, given.gap)
    people = given.people or (100_000 if kind == "sqlite" else 1_000_000)
    return Sizes(people, min(20_000, people // 4), min(100_000, people), given.events or 200, given.gap)


def _on(database: Database, sizes: Sizes, given: argparse.Namespace, folder: Path) -> None:
    say(f"{sizes.people:,} people on {machine(database)}")
    groups = [f"group {number}" for number in range(min(GROUPS, sizes.people // sizes.send))]
    bulk_school.fill(database, sizes.people, given.seed)
    with database.begin() as session:
        _fill_rest(session, sizes, groups)
    say("filled")
    with smtp_sink(book=folder / "sent") as sink, _running(database, folder, sink.port) as (crm, web):
        say("worker and school run")
        run = Run(crm, web, sizes, Random(given.seed), groups)
        idle = run.facts(IDLE, None)
        _tell("idle", idle)
        load = Load(crm, groups, MORE if given.more else BULK)
        if given.more:
            quick_queries.save(crm, staff("bench"), "All", EVERYBODY, pinned=True)
        load.start()
        facts = run.facts(sizes.events, load)
        load.end()
        say(f"{sink.count.value:,} messages meanwhile")
        _tell("beside bulk work", facts, median(fact.seconds for fact in idle))
        _tell_load(load, facts)
        _tell_called(facts, folder / "sent")


@contextmanager
def _running(database: Database, folder: Path, port: int) -> Iterator[tuple[Crm, Web]]:
    """Start the worker and the school's web process; yield a CRM as a page of the worker's machine has it."""
    settings = {
        "database_url": database.engine.url.render_as_string(hide_password=False),
        "secret_key": "a secret of at least thirty-two letters",
        "instance": str(folder / "worker"),
        "consent_unknown": "send",
        "worker_processes": 3,
        **by_smtp(port),
    }
    book = folder / "school.db"
    with worker(book, settings, folder / "worker.log"):
        while (url := embedded_valkey.find(folder / "worker")) is None:
            time.sleep(0.1)
        gateway = Gateway(FreshSchool(book), clock=system_clock)
        crm = Crm(Settings(**settings), database, gateway, Queue(url), system_clock, CAPABILITIES)
        web = Web(book, settings | {"instance": str(folder / "web")})
        try:
            yield crm, web
        finally:
            web.close()
            print((folder / "worker.log").read_text(), end="")


def _fill_rest(session: Session, sizes: Sizes, groups: list[str]) -> None:
    """Write what the bulk school lacks: tags, the course in question, streams that were read just now."""
    for number, name in enumerate(groups):
        _tag(session, name, number * sizes.send, sizes.send)
    _tag(session, TAKEN, sizes.people - sizes.export, sizes.export)
    of_course = {"kind": "course", "title": "Wanted", "title_folded": "wanted", "status": "published"}
    ident = COURSES + 1
    session.add(Course(id=ident, host_id=COURSE, row_hash="", root_id=ident, **of_course))
    now = system_clock()
    read = {"state": "current", "mark": "0", "ok_at": now, "scan_started_at": now, "scan_finished_at": now}
    session.add_all(Stream(stream=stream, scan_number=1, **read) for stream in STREAMS)


def _tag(session: Session, name: str, after: int, count: int) -> None:
    columns = (Person.id, sa.literal("tag"), sa.literal(name), sa.literal(name))
    rows = sa.select(*columns).where(Person.id > after, Person.id <= after + count)
    session.execute(sa.insert(PersonTag).from_select(["person_id", "kind", "folded", "value"], rows))


@dataclass
class Run:
    """Lets people do things at the school, and looks when the profile says so."""

    crm: Crm
    web: Web
    sizes: Sizes
    chance: Random
    groups: list[str]
    used: set[int] = field(default_factory=set)

    def facts(self, count: int, load: Load | None) -> list[Fact]:
        """Return what happened, once all of it is in the profile."""
        found: list[Fact] = []
        asked, due = 0, time.monotonic()
        beside: dict[int, tuple[str, ...]] = {}
        until = time.monotonic() + count * self.sizes.gap + PATIENCE
        while len(found) < count or any(fact.seen is None for fact in found):
            if asked < count and time.monotonic() >= due:
                number = self._ask(asked, load)
                beside[number] = load.running() if load else ()
                asked, due = asked + 1, due + (self.sizes.gap if load else GAP)
            while not self.web.done.empty():
                kind, number, at = self.web.done.get()
                found.append(Fact(kind, number, at, beside=beside[number]))
            self._look([fact for fact in found if fact.seen is None])
            if time.monotonic() > until:
                break
            time.sleep(_LOOK)
        return found

    def _ask(self, asked: int, load: Load | None) -> int:
        """Let somebody of those who are written to now do something."""
        group = load.group() if load else self.groups[-1]
        first = self.groups.index(group) * self.sizes.send
        number = 0
        while not number or number in self.used:
            number = first + self.chance.randrange(self.sizes.send) + 1
        self.used.add(number)
        self.web.told.put((KINDS[asked % len(KINDS)], number, group))
        return number

    def _look(self, waiting: list[Fact]) -> None:
        if not waiting:
            return
        with self.crm.db.read() as session:
            for kind in KINDS:
                mine = {fact.number: fact for fact in waiting if fact.kind == kind}
                seen = session.scalars(_IN_PROFILE[kind](list(mine))).all() if mine else []
                for number in seen:
                    mine[number].seen = time.time()


def _paid(numbers: list[int]) -> sa.Select[Any]:
    return sa.select(Person.id).where(Person.id.in_(numbers), Person.last_paid_at >= _TODAY)


def _opted_out(numbers: list[int]) -> sa.Select[Any]:
    of_mail = (Consent.channel == "email", Consent.state == "denied")
    return sa.select(Consent.person_id).where(Consent.person_id.in_(numbers), *of_mail)


def _suspended(numbers: list[int]) -> sa.Select[Any]:
    # Some were suspended from the start: a row that was read has a hash.
    now = (Person.row_hash != "", Person.status == "suspended")
    return sa.select(Person.id).where(Person.id.in_(numbers), *now)


_TODAY = system_clock()
_IN_PROFILE = dict(zip(KINDS, (_paid, _opted_out, _suspended), strict=True))


def _tell(where: str, facts: list[Fact], idle: float = 0.0) -> None:
    seconds = sorted(fact.seconds for fact in facts)
    late = seconds[-(-len(seconds) * 99 // 100) - 1]
    lost = sum(fact.seen is None for fact in facts)
    ratio = f" ({median(seconds) / idle:.1f} times the idle school's)" if idle else ""
    say(
        f"{where}: {len(facts)} facts in the profile, p50 {median(seconds):.2f} s{ratio}, bar {MEDIAN:.0f}; "
        f"p99 {late:.2f} s, bar {LATE:.0f}; at most {seconds[-1]:.2f} s; {lost} never"
    )
    for kind in KINDS:
        some = sorted(fact.seconds for fact in facts if fact.kind == kind)
        say(f"  {kind}: p50 {median(some):.2f} s, at most {some[-1]:.2f} s")


def _tell_load(load: Load, facts: list[Fact]) -> None:
    for kind in load.kinds:
        share = sum(kind in fact.beside for fact in facts) / len(facts)
        took = ", ".join(f"{seconds:.1f}" for seconds in load.seconds[kind]) or "none ended"
        say(f"  beside: {kind}, under way at {share:.0%} of the events; seconds: {took}")
    say(f"  campaigns that stopped: {dict(load.stopped) or 'none'}")


def _tell_called(facts: list[Fact], book: Path) -> None:
    of = {f"l{fact.number}@mail.example.com": fact for fact in facts}
    after: list[float] = []
    for line in book.read_text().splitlines() if book.exists() else []:
        at, address = line.split()
        if address in of:
            after.append(float(at) - of[address].at)
    late = [seconds for seconds in after if seconds > CALLED]
    soon = [seconds for seconds in after if 0 <= seconds <= CALLED]
    before, never = sum(seconds < 0 for seconds in after), len(of) - len(after)
    say(
        f"called: {before} before, {len(soon)} within {CALLED:.0f} s after "
        f"(at most {max(soon, default=0):.2f}), {len(late)} later (bar 0); {never} not at all"
    )


if __name__ == "__main__":
    main()
