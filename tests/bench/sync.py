"""How fast a school of a million people is read, against COPY of the same rows: `make bench-sync`.

For each database a process of its own reads a whole school (:mod:`tests.bench.school`) into empty tables,
facts and interest tags included, and then a day's changes. The yardstick on PostgreSQL: the rows of the
streams as they stand then, written out and taken in again by COPY, into the same tables with the same indexes
in a second database of the same server. Before that, a school a tenth as large is read by a process that is
killed on its way and by another that goes on.
"""

import argparse
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.streams import Stream
from crm_plugin.profiles.sync.service import Progress, sync
from tests.bench.rig import cpu_seconds, machine, peak_memory, say, servers, tables
from tests.bench.school import PRESENT, RATIOS, School
from tests.fakes.crm import make_crm

STREAMS = (
    *(m.Person, m.PersonTag, m.PersonAttribute, m.ConsentRecord, m.Consent, m.Course, m.CourseLabel),
    *(m.Enrolment, m.Order, m.OrderLine, m.Signal),
)
"""The tables that the school's own rows go to; crm_interest is worked out from them."""
BAR, BAR_DAY, BAR_MEMORY = 0.25, 0.02, 400


def main() -> None:
    """Run it for each database that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=int(os.environ.get("PEOPLE", "1000000")))
    parser.add_argument("--db", default="postgresql,sqlite,mariadb")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with servers():
        for kind in given.db.split(","):
            say(f"{kind}: killed on the way and resumed, {given.people // 10:,} people")
            survive(kind, given.people // 10, given.seed)
            with tables(kind) as database:
                say(machine(database))
                _measure(database, kind, given.people, given.seed)


def _measure(database: Database, kind: str, people: int, seed: int) -> None:
    rows = sum(int(people * ratio) for ratio in RATIOS.values())
    full, day, memory = _in_a_process(_read_all, database.engine.url, people, seed)
    say(f"{rows:,} rows in {full}: {rows / full.wall:,.0f} rows a second; peak memory {memory} MB")
    say(f"a day's changes: {day}, {day.wall / full.wall:.2%} of the full time (bar {BAR_DAY:.0%})")
    assert memory < BAR_MEMORY, "the process held too much"
    if kind == "postgresql":
        with tables(kind) as other:
            plain = copied(database, other, STREAMS)
            tags = copied(database, other, (m.Interest,))
        both = Cost(plain.wall + tags.wall, plain.cpu + tags.cpu)
        say(f"COPY of the same rows: {plain}; with the interest tags: {both}")
        say(
            f"rate of COPY, bar {BAR}: {plain.wall / full.wall:.2f} by the clock, {plain.cpu / full.cpu:.2f}"
            f" by processor time; with the tags {both.wall / full.wall:.2f} and {both.cpu / full.cpu:.2f}"
        )


class Cost(NamedTuple):
    """What something cost, in seconds."""

    wall: float
    cpu: float
    """Of this process and, on PostgreSQL, of its server."""

    def __str__(self) -> str:
        return f"{self.wall:,.1f} s ({self.cpu:,.1f} s of processors)"


@contextmanager
def _timed(database: Database, costs: list[Cost]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), cpu_seconds(database)
    yield
    costs.append(Cost(time.perf_counter() - wall, cpu_seconds(database) - cpu))


def _in_a_process(work: Callable[..., Any], url: sa.URL, *arguments: Any) -> Any:
    """Return what ``work`` returns in a fresh process, so that its memory is its own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(work, (url.render_as_string(hide_password=False), *arguments))


def _read_all(url: str, people: int, seed: int) -> tuple[Cost, Cost, int]:
    """Return (cost of the whole school, cost of a day's changes, peak memory in MB)."""
    database, school = connect(url), School(people, seed)
    crm = make_crm(database, school, PRESENT)
    costs: list[Cost] = []
    for _ in range(2):
        with _timed(database, costs):
            result = sync(crm, progress=_teller())
        assert result.complete, result.failed
        say(f"{result.changed:,} rows written, facts of {result.facts:,} people")
        school.tomorrow()
    database.close()
    return costs[0], costs[1], peak_memory()


def _teller() -> Callable[[Progress], None]:
    told: set[str] = set()

    def tell(progress: Progress) -> None:
        if progress.stream not in told:
            told.add(progress.stream)
            say(f"  {progress.stream}")

    return tell


def copied(source: Database, target: Database, models: tuple[Any, ...]) -> Cost:
    """Return what COPY costs to take the rows of these tables in."""
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        for model in models:
            path = Path(folder) / "rows"
            with path.open("wb") as file, source.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                with driver.cursor() as cursor, cursor.copy(f"COPY {model.__tablename__} TO STDOUT") as copy:
                    for part in copy:
                        file.write(part)
            with _timed(target, costs), path.open("rb") as file, target.begin() as session:
                driver = session.connection().connection.driver_connection
                with driver.cursor() as cursor, cursor.copy(f"COPY {model.__tablename__} FROM STDIN") as copy:
                    while part := file.read(1 << 20):
                        copy.write(part)
    return Cost(sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs))


def survive(kind: str, people: int, seed: int) -> None:
    """Kill a process in the middle of the scan of orders, and let another go on; every row must be there."""
    context = multiprocessing.get_context("spawn")
    with tables(kind) as database:
        url, reached = database.engine.url.render_as_string(hide_password=False), context.Value("i", 0)
        process = context.Process(target=_until, args=(url, people, seed, reached))
        process.start()
        while not reached.value:
            time.sleep(0.01)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        with database.begin() as session:
            # As if the lease of the dead had run out.
            session.execute(sa.update(Stream).values(token=None, lease_until=None))
            before = session.scalar(sa.select(Stream.scanned).where(Stream.stream == "orders")) or 0
        crm = make_crm(database, School(people, seed), PRESENT)
        assert sync(crm).complete
        with database.read() as session:
            for model, stream in ((m.Person, "persons"), (m.Order, "orders"), (m.Signal, "signals")):
                held = session.scalar(sa.select(sa.func.count()).select_from(model))
                assert held == int(people * RATIOS[stream]), (stream, held)
        say(f"  killed after {before:,} orders, went on from there, every row is there once")


def _until(url: str, people: int, seed: int, reached: "Synchronized[int]") -> None:
    def tell(progress: Progress) -> None:
        if progress.stream == "orders" and progress.done > people * RATIOS["orders"] / 3:
            reached.value = 1

    sync(make_crm(connect(url), School(people, seed), PRESENT), progress=tell)


if __name__ == "__main__":
    main()
