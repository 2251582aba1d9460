"""Courses, boards and home at a million people: `make bench-boards` (PEOPLE and DB choose).

The people of :mod:`tests.bench.bulk_school`, in 1,000 courses of which half have people. Pages are asked as a
browser asks them. A refresh of all figures after a day's changes is compared with what plain SQL by hand
takes for the same courses in the same run: the statements of :mod:`tests.bench.board_yardsticks`.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from crm_plugin.boards import service
from crm_plugin.boards.models import CourseFigures
from crm_plugin.boards.stages.stage_trees import STAGES, people_of
from crm_plugin.dashboard import jobs as home
from crm_plugin.host.context import Crm, installed
from crm_plugin.host.records import PERMISSIONS, Actor
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Course
from crm_plugin.profiles.models.streams import TouchedCourse
from crm_plugin.profiles.store.touched_courses import roots_of_people, touch_courses
from crm_plugin.segments import service as segments
from crm_plugin.web.blueprint import pages
from tests.bench.board_yardsticks import by_hand
from tests.bench.rig import cpu_seconds, say
from tests.bench.schools import asked_for, schools

TURNS = 5
LIST_BAR, TAB_BAR, HOME_BAR, REFRESH_BAR = 0.3, 0.5, 0.3, 2.0
LISTS = ("/courses", "/courses?sort=-revenue", "/courses?sort=-potential&offset=500", "/classes")
MORE_COURSES = (
    """INSERT INTO crm_course (id, host_id, row_hash, root_id, kind, title, title_folded, status, gone)
    SELECT id + 500, 'd' || id, '', id + 500, kind, title, title_folded, status, gone FROM crm_course""",
    "UPDATE crm_course SET root_id = id, currency = 'CNY', price = 10000 * (id % 500)",
    *(
        f"UPDATE {table} SET root_id = root_id + 500, course_id = course_id + 500 WHERE {key} % 2 = 0"
        for table, key in (("crm_enrolment", "id"), ("crm_order_line", "order_id"), ("crm_signal", "id"))
    ),
)
"""From 500 courses to 1,000, and half of all rows in the new ones."""


def main() -> None:
    """Run it for each database that is asked for."""
    for crm in schools(asked_for(__doc__), host_currency="CNY", page_statement_seconds=0):
        _spread(crm.db)
        with tempfile.TemporaryDirectory() as folder, installed(crm):
            crm.settings.instance = folder
            _first(crm)
            _refreshed(crm)
            _opened(crm)


def _spread(database: Database) -> None:
    with database.begin() as session:
        if database.dialect == "mysql":
            session.execute(sa.text("SET sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')"))
        for statement in MORE_COURSES:
            session.execute(sa.text(statement))
    analyze = {"postgresql": "VACUUM ANALYZE", "sqlite": "ANALYZE"}.get(database.dialect)
    if analyze:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text(analyze))


def _first(crm: Crm) -> None:
    """Compute everything once, as after the first reading of a school."""
    crm.db.run(lambda session: touch_courses(session, session.scalars(sa.select(Course.id)).all()))
    taken, worked = _taken(crm, lambda: service.refresh(crm))
    say(f"all figures once: {taken:.1f} s, {worked:.1f} of processor")
    taken, _ = _taken(crm, lambda: home.burst(crm))
    say(f"home counted once: {taken:.1f} s")


def _refreshed(crm: Crm) -> None:
    """Print what a day's changes cost, as a ratio to plain SQL for the courses that they touch."""
    figures, plain, roots = [], [], 0
    for turn in range(TURNS):
        roots = crm.db.run(partial(_note_a_day, turn))
        plain.append(_taken(crm, lambda: by_hand(crm))[1])
        figures.append(_taken(crm, lambda: service.refresh(crm))[1])
    ratio = statistics.median(one / other for one, other in zip(figures, plain, strict=True))
    say(
        f"a day's changes touch {roots} courses: {statistics.median(figures):.2f} s of processor, "
        f"plain SQL {statistics.median(plain):.2f}; ratio {ratio:.2f} {_against(ratio, REFRESH_BAR)}"
    )


def _note_a_day(turn: int, session: Session) -> int:
    """Note the courses of one person in a hundred, as the sync does; return how many they are."""
    ids = session.scalars(sa.text(f"SELECT id FROM crm_person WHERE id % 100 = {turn}")).all()
    touch_courses(session, roots_of_people(session, ids))
    return session.scalar(sa.select(sa.func.count(TouchedCourse.root_id.distinct()))) or 0


def _opened(crm: Crm) -> None:
    client = _browser(crm)
    for path in LISTS:
        _say(path, _median(crm, partial(_get, client, path)), LIST_BAR)
    _say("home", _median(crm, partial(_get, client, "/")), HOME_BAR)
    with crm.db.read() as session:
        by_people = sa.select(Course.host_id).join(CourseFigures, CourseFigures.root_id == Course.id)
        largest = by_people.order_by((CourseFigures.learners + CourseFigures.potential).desc()).limit(1)
        course = session.scalars(largest).one()
    for stage in STAGES:
        tree = people_of(stage, course)
        first = partial(segments.page, crm, tree, sort="-last_active_at", limit=50)
        counted = segments.count(crm, tree).count
        _say(f"{stage} of the largest course, {counted:,} people", _median(crm, first), TAB_BAR)


def _browser(crm: Crm) -> FlaskClient:
    """Return a browser in which an administrator is signed in."""
    app = Flask("school")
    app.config.update(SECRET_KEY="a key of the school", TESTING=True)
    app.register_blueprint(pages(crm))
    actor = Actor("ann", "Ann", frozenset(PERMISSIONS))
    crm.host.current_actor = lambda request: actor  # type: ignore[method-assign]
    return app.test_client()


def _get(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/admin/crm{path}")
    assert answer.status_code == 200, (path, answer.status)


def _taken(crm: Crm, work: Callable[[], object]) -> tuple[float, float]:
    """Return what something took by the clock and of the processor."""
    worked, started = cpu_seconds(crm.db), time.perf_counter()
    work()
    return time.perf_counter() - started, cpu_seconds(crm.db) - worked


def _median(crm: Crm, work: Callable[[], object]) -> tuple[float, float]:
    work()
    every = [_taken(crm, work) for _ in range(TURNS)]
    return statistics.median(one for one, _ in every), statistics.median(one for _, one in every)


def _say(what: str, taken: tuple[float, float], bar: float) -> None:
    say(f"{what}: {taken[0] * 1000:.0f} ms, {taken[1] * 1000:.0f} of processor {_against(taken[0], bar)}")


def _against(value: float, bar: float) -> str:
    return f"(bar {bar:g}: {'kept' if value <= bar else 'NOT KEPT'})"


if __name__ == "__main__":
    main()
