"""The compiler's SQL against the best that a person writes, at a million people: `make bench-segments`.

Twelve trees (:mod:`tests.bench.trees`), for each at least three forms by hand. All must find the same people.
What counts is the ratio of the warm medians, taken in turns in one run, of the compiler's form and the
fastest form by hand; forms that are far behind at their first run are not run again.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db import Database
from crm_plugin.profiles import facts
from crm_plugin.profiles import models as m
from crm_plugin.profiles.touched import touch
from crm_plugin.segments.compile import people
from crm_plugin.segments.service import count, present, understood
from tests.bench.bulk_school import fill
from tests.bench.rig import machine, say, servers, tables
from tests.bench.school import PRESENT, School
from tests.bench.trees import TREES, filled
from tests.fakes.crm import make_crm

BAR, BAR_COUNT = 1.2, 1.5
LEAST, MOST, SECONDS = 5, 25, 3.0
"""Turns of each form: so many as take about these seconds."""
FAR = 2.0
"""A form that takes this many times as long as the fastest is not run again."""
EVENTS = 2_000

Ask = Callable[[], tuple[int, int]]
"""Returns (how many people, the sum of their ids)."""


def main() -> None:
    """Run it for each database that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=int(os.environ.get("PEOPLE", "1000000")))
    parser.add_argument("--db", default="postgresql,sqlite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with servers():
        for kind in given.db.split(","):
            with tables(kind) as database:
                say(machine(database))
                fill(database, given.people, given.seed)
                say(f"{given.people:,} people are there")
                crm = make_crm(database, School(given.people, given.seed), PRESENT)
                worst = max(_compare(crm, name) for name in TREES)
                say(f"worst ratio {worst:.2f} (bar {BAR})")
                _freshness(crm, given.people)


def _compare(crm: Crm, name: str) -> float:
    document, forms = TREES[name]
    first = count(crm, document).seconds
    dialect = crm.db.dialect
    with crm.db.read() as session:
        compiled = people(understood(crm, document), present(crm)).subquery()
        asks = {"compiler": _ask(session, sa.select(sa.func.count(), sa.func.sum(compiled.c[0])))}
        for form, text in forms.items():
            whole = f"SELECT COUNT(*), SUM(id) FROM ({filled(text, dialect)}) AS found(id)"
            if dialect == "sqlite":
                whole = f"SELECT COUNT(*), SUM(id) FROM ({filled(text, dialect)})"
            asks[form] = _ask(session, sa.text(whole))
        times = _times(name, asks)
    ours = times.pop("compiler")
    best = min(times, key=lambda form: times[form])
    ratio = ours / times[best]
    others = ", ".join(f"{form} {1000 * seconds:.0f}" for form, seconds in times.items())
    flags = (" OVER" if ratio > BAR else "") + (" SLOW COUNT" if first > BAR_COUNT else "")
    say(
        f"{ratio:5.2f}  {name}: {1000 * ours:.0f} ms, by hand {others};"
        f" page's count at first {first:.2f} s{flags}"
    )
    return ratio


def _ask(session: Session, statement: sa.Executable) -> Ask:
    def ask() -> tuple[int, int]:
        number, total = session.execute(statement).one()
        return int(number), int(total or 0)

    return ask


def _times(name: str, asks: dict[str, Ask]) -> dict[str, float]:
    """Return the median seconds of each form; those far behind have their first run's."""
    answers, taken = {}, {}
    for form, ask in asks.items():
        started = time.perf_counter()
        answers[form] = ask()
        taken[form] = [time.perf_counter() - started]
    assert len(set(answers.values())) == 1, (name, answers)
    fastest = min(times[0] for times in taken.values())
    near = [form for form, times in taken.items() if times[0] < FAR * fastest or form == "compiler"]
    for form in near:
        taken[form] = []
    for _ in range(max(LEAST, min(MOST, int(SECONDS / fastest)))):
        for form in near:
            started = time.perf_counter()
            asks[form]()
            taken[form].append(time.perf_counter() - started)
    return {form: statistics.median(times) for form, times in taken.items()}


def _freshness(crm: Crm, people_there: int) -> None:
    """Say what it costs to keep the facts fresh: for each event, and for each person afterwards."""
    someone = [1 + index * 7_919 % people_there for index in range(EVENTS)]
    plain = _each(crm.db, someone, lambda session, index: _signal(session, index, "plain"))
    noted = _each(crm.db, someone, _signal_and_touch)
    started = time.perf_counter()
    done = facts.recompute(crm)
    later = (time.perf_counter() - started) / done
    say(
        f"an event written alone {1e6 * plain:.0f} µs, with its person noted {1e6 * noted:.0f} µs"
        f" (+{noted / plain - 1:.0%}); facts and tags afterwards {1e6 * later:.0f} µs a person,"
        " in the background"
    )


def _each(database: Database, someone: list[int], write: Callable[[Session, int], None]) -> float:
    started = time.perf_counter()
    for person in someone:
        with database.begin() as session:
            write(session, person)
    return (time.perf_counter() - started) / len(someone)


def _signal(session: Session, person: int, mark: str) -> None:
    row = {"host_id": f"{mark} {person}", "row_hash": "", "person_id": person, "kind": "view"}
    session.execute(sa.insert(m.Signal), row | {"at": PRESENT, "root_id": 11, "course_id": 11})


def _signal_and_touch(session: Session, person: int) -> None:
    _signal(session, person, "noted")
    touch(session, [person])


if __name__ == "__main__":
    main()
