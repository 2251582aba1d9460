"""A person moves between the tabs of a board within seconds of the school's event, also during a send."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from crm_plugin.boards import service as boards
from crm_plugin.boards.models import CourseFigures
from crm_plugin.boards.stages.stage_trees import people_of
from crm_plugin.campaigns import queries
from crm_plugin.campaigns import service as campaigns
from crm_plugin.campaigns.composing import drafts
from crm_plugin.cli.demo import as_variables
from crm_plugin.demo import activity, order_flow
from crm_plugin.demo.app import create_app
from crm_plugin.demo.generate import fill
from crm_plugin.demo.models import Course, Enrolment, Order, User, db
from crm_plugin.host.context import Crm
from crm_plugin.kernel.process import die_with_parent
from crm_plugin.kernel.settings import load
from crm_plugin.plugin import init_app, load_host
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.sync.events import read_events
from crm_plugin.segments import service
from tests.fakes.host import staff
from tests.road import Road
from tests.test_flow import close_school

BAR = 5.0
"""Seconds from the school's commit to the tab and to the figure of its course."""
PATIENCE = 60.0
EVERYBODY = {"combinator": "and", "rules": []}
MAIL = {"channel": "email", "purpose": "service", "subject": "News", "html": "<p>{{ display_name }}</p>"}


@dataclass
class Beside:
    """A demo school with the CRM in it, and how long each move took."""

    app: Flask
    crm: Crm
    course: str
    work: Callable[[], Any] = lambda: None
    """What is done at each look; nothing where a worker runs beside."""
    taken: list[tuple[str, float]] = field(default_factory=list)
    rounds: int = 0

    def does(self, user: int, step: Callable[[User, Course], None], stage: str) -> None:
        """Let a person do something at the school, and wait until they are on that tab."""
        before = self.figure(stage)
        with self.app.app_context():
            step(db.session.get_one(User, user), db.session.get_one(Course, int(self.course)))
            db.session.commit()
        began = time.monotonic()
        self.wait(lambda: str(user) in set(service.ids(self.crm, people_of(stage, self.course))))
        self.taken.append((f"list of {stage}", time.monotonic() - began))
        self.wait(lambda: self.figure(stage) == before + 1)
        self.taken.append((f"figure of {stage}", time.monotonic() - began))

    def figure(self, stage: str) -> int:
        """Return how many people the list of courses says are in a stage."""
        of = sa.select(getattr(CourseFigures, stage)).join(m.Course, m.Course.id == CourseFigures.root_id)
        with self.crm.db.read() as session:
            return int(session.scalars(of.where(m.Course.host_id == self.course)).one())

    def wait(self, found: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while not found():
            assert time.monotonic() < until, "nothing moves"
            self.rounds += 1
            self.work()
            time.sleep(0.05)


def looks(user: User, course: Course) -> None:
    activity.record(user, "view", course.id)


def orders(user: User, course: Course) -> None:
    order_flow.place_order(user, course)


def pays(user: User, course: Course) -> None:
    order_flow.pay(_order(user))


def is_refunded(user: User, course: Course) -> None:
    order = _order(user)
    order_flow.ask_refund(order, "too hard")
    order_flow.approve_refund(order, order.amount)


def joins(user: User, course: Course) -> None:
    order_flow.enrol(user, course, "free")


def leaves(user: User, course: Course) -> None:
    seat = db.session.scalars(
        sa.select(Enrolment).where(Enrolment.user_id == user.id, Enrolment.course_id == course.id)
    ).one()
    seat.state, seat.ended_at, seat.end_kind = "ended", int(time.time()), "left"


def _order(user: User) -> Order:
    mine = sa.select(Order).where(Order.user_id == user.id).order_by(Order.id.desc())
    return db.session.scalars(mine.limit(1)).one()


BUYER = ((looks, "potential"), (orders, "pending"), (pays, "learners"), (is_refunded, "left"))
LEAVER = ((joins, "learners"), (leaves, "left"))


@contextmanager
def opened(folder: Path, db_url: str, people: int) -> Iterator[Beside]:
    school = f"sqlite:///{folder / 'school.db'}"
    facts = {"host_region": "CN", "host_currency": "CNY", "host_timezone": "Asia/Shanghai"}
    road = Road(folder, "demo_school", school, db_url, consent_unknown="send", **facts)
    engine = sa.create_engine(school)
    fill(engine, people, seed=7)
    engine.dispose()
    road.crm("init", "--no-progress")
    settings = load(road.environment)
    app = create_app(school, secret_key="k" * 32)
    crm = init_app(app, load_host(settings), settings)
    boards.refresh(crm)
    with ExitStack() as ends:
        ends.callback(lambda: close_school(app))
        ends.callback(crm.close)
        yield Beside(app, crm, _priced(app))


@contextmanager
def beside_a_worker(folder: Path, db_url: str, people: int) -> Iterator[Beside]:
    with opened(folder, db_url, people) as beside, ExitStack() as ends:
        settings = as_variables(beside.crm.settings)
        command = [sys.executable, "-m", "crm_plugin.cli", "worker"]
        worker = subprocess.Popen(command, env=os.environ | settings, preexec_fn=die_with_parent)
        ends.callback(worker.wait, timeout=30)
        ends.callback(worker.terminate)
        yield beside


def _priced(app: Flask) -> str:
    sold = (Course.kind == "course", Course.status == "published", Course.price > 0)
    found = sa.select(Course.id).where(*sold, Course.parent_id.is_(None)).order_by(Course.id).limit(1)
    with app.app_context():
        return str(db.session.scalars(found).one())


def newcomers(beside: Beside, count: int) -> list[int]:
    """Make people who have done nothing yet."""
    with beside.app.app_context():
        users = [User(**_facts(number)) for number in range(count)]
        db.session.add_all(users)
        db.session.commit()
        return [user.id for user in users]


def _facts(number: int) -> dict[str, Any]:
    name = f"newcomer{number}"
    mail = f"{name}@mail.example.com"
    return {"username": name, "display_name": name, "email": mail, "registered_at": int(time.time())}


@contextmanager
def sending(crm: Crm) -> Iterator[list[int]]:
    """Send to everybody again and again; yields the campaigns that ended."""
    over, done = threading.Event(), list[int]()

    def go_on() -> None:
        while not over.is_set():
            ident = drafts.create(crm, staff("bulk"), {"name": "News", "audience": EVERYBODY, **MAIL})
            campaigns.launch(crm, staff("bulk"), ident)
            while queries.get(crm, ident).state in ("freezing", "sending") and not over.is_set():
                time.sleep(0.05)
            done.append(ident)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


def walk(beside: Beside, people: int) -> None:
    users = newcomers(beside, people)
    everybody = {
        "combinator": "and",
        "rules": [{"field": "id", "operator": "in", "value": [*map(str, users)]}],
    }
    # A worker is up when it has read that they are there.
    beside.wait(lambda: len(list(service.ids(beside.crm, everybody))) == people)
    for number, user in enumerate(users):
        for step, stage in (BUYER, LEAVER)[number % 2]:
            beside.does(user, step, stage)


def late(beside: Beside) -> list[tuple[str, float]]:
    return [(what, seconds) for what, seconds in beside.taken if seconds > BAR]


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_one_look_at_the_events_moves_somebody(tmp_path: Path, db_url: str) -> None:
    with opened(tmp_path, db_url, 60) as beside:
        beside.work = lambda: (read_events(beside.crm), boards.refresh(beside.crm))
        walk(beside, 2)
    assert beside.rounds == 1 + len(BUYER) + len(LEAVER)


@pytest.mark.long
def test_people_move_between_tabs_within_seconds_during_a_send(tmp_path: Path, db_url: str) -> None:
    with beside_a_worker(tmp_path, db_url, 3_000) as beside, sending(beside.crm) as done:
        walk(beside, 20)
        assert done, "a campaign to everybody ended meanwhile"
    assert late(beside) == []
