"""The compiler's SQL against the best that a person writes, at a million people: `make bench-segments`.

Twelve trees (:mod:`tests.bench.trees`), for each at least three forms by hand. All must find the same people.
What counts is the ratio of the warm medians, taken in turns in one run, of the compiler's form and the
fastest form by hand; forms that are far behind at their first run are not run again, and hopeless ones are
stopped (PostgreSQL compares people with a list too long for its work memory one by one).
"""

import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.store.recompute_queue import touch
from crm_plugin.segments.service import count, present, understood
from crm_plugin.segments.sql.compile import people
from tests.bench.rig import say
from tests.bench.school import PRESENT
from tests.bench.schools import asked_for, schools
from tests.bench.trees import TREES, filled

BAR, BAR_COUNT = 1.2, 1.5
LEAST, MOST, SECONDS = 5, 25, 3.0
"""Turns of each form: so many as take about these seconds."""
FAR = 2.0
"""A form that takes this many times as long as the fastest is not run again."""
HOPELESS, PATIENCE = 5.0, 10.0
"""A form is stopped after this many times the compiler's first run, and these seconds."""
EVENTS = 2_000

Ask = Callable[[], tuple[int, int]]
"""Returns (how many people, the sum of their ids)."""
Clock = Callable[[], float]


def main() -> None:
    """Run it for each database that is asked for."""
    given = asked_for(__doc__)
    for crm in schools(given):
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
        times = _times(name, session, asks)
    ours = times.pop("compiler")
    best = min(times, key=lambda form: times[form])
    ratio = ours / times[best]
    others = ", ".join(f"{form} {_milliseconds(seconds)}" for form, seconds in times.items())
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


def _milliseconds(seconds: float) -> str:
    return "stopped" if seconds == math.inf else f"{1000 * seconds:.0f}"


def _times(name: str, session: Session, asks: dict[str, Ask]) -> dict[str, float]:
    """Return the median seconds of each form; those far behind have their first run's, or were stopped."""
    # SQLite works in this process alone: its processor time is the same on a machine that others use as well.
    clock = time.process_time if session.get_bind().dialect.name == "sqlite" else time.perf_counter
    first = _first_runs(name, session, asks, clock)
    fastest = min(first.values())
    near = [form for form, seconds in first.items() if seconds < FAR * fastest or form == "compiler"]
    taken: dict[str, list[float]] = {form: [] for form in near}
    for _ in range(max(LEAST, min(MOST, int(SECONDS / fastest)))):
        for form in near:
            taken[form].append(_seconds(asks[form], clock))
    return first | {form: statistics.median(times) for form, times in taken.items()}


def _first_runs(name: str, session: Session, asks: dict[str, Ask], clock: Clock) -> dict[str, float]:
    """Run each form once, the compiler's first; all must answer the same. A stopped one takes for ever."""
    answers, taken, limit = {}, {}, math.inf
    for form, ask in asks.items():
        started = clock()
        try:
            with _stopped_after(session, limit):
                answers[form] = ask()
            taken[form] = clock() - started
        except sa.exc.OperationalError:
            session.rollback()
            taken[form] = math.inf
        limit = min(limit, max(PATIENCE, HOPELESS * taken[form]))
    assert len(set(answers.values())) == 1, (name, answers)
    return taken


def _seconds(ask: Ask, clock: Clock) -> float:
    started = clock()
    ask()
    return clock() - started


@contextmanager
def _stopped_after(session: Session, seconds: float) -> Iterator[None]:
    """Let the database give up a statement that takes longer."""
    if seconds == math.inf:
        yield
        return
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text(f"SET LOCAL statement_timeout = {1000 * seconds:.0f}"))
        yield
        session.execute(sa.text("SET LOCAL statement_timeout = 0"))
        return
    driver: Any = session.connection().connection.driver_connection
    end = time.perf_counter() + seconds
    driver.set_progress_handler(lambda: time.perf_counter() > end, 1_000_000)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


def _freshness(crm: Crm, people_there: int) -> None:
    """Say what it costs to keep the facts fresh: for each event, and for each person afterwards."""
    someone = [1 + index * 7_919 % people_there for index in range(EVENTS)]
    plain = _each(crm.db, someone, lambda session, index: _signal(session, index, "plain"))
    noted = _each(crm.db, someone, _signal_and_touch)
    started = time.perf_counter()
    done = compute.recompute(crm)
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
