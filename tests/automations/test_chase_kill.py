"""Workers of a chase are killed at every marked step and at random: each person gets each step once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.automations import service
from crm_plugin.automations.models import Member
from crm_plugin.campaigns.ledger.states import OPEN
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.kill_points import STEPS
from tests.automations.fixtures import HELLO, TESTER, add_order, file, school, wait
from tests.campaigns.fixtures import move_to
from tests.campaigns.kill_worker import settings
from tests.fakes.carrier import taken
from tests.fakes.crm import NOW

CHASE_STEPS = ("chase_planned", "chase_moved")
"""Before people are moved on together with their campaigns, and after."""
DOCUMENT = file(steps=[HELLO, wait(1), HELLO, wait(1), HELLO], again=0)
MESSAGES = (0, 2, 4)
IN_FLIGHT = 20
PATIENCE = 120.0


class Workers:
    """Workers of their own processes, at a present that the test chooses."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.until = time.monotonic() + PATIENCE

    def start(self, crm: Crm, kill_at: str = "-") -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{kill_at} {crm.clock().isoformat()}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self, pid: int, seconds: float = 0.0, is_over: Callable[[], bool] = lambda: False) -> None:
        """Wait so long for a worker to die, or until it has nothing left to do; then kill it."""
        until = time.monotonic() + seconds
        while _alive(pid) and time.monotonic() < until and not is_over():
            time.sleep(0.02)
        if _alive(pid):
            os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def workers(crm: Crm, folder: Path) -> Iterator[Workers]:
    url = crm.db.engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.automations.chase_worker", url, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Workers(process)
        finally:
            process.kill()


def is_quiet(crm: Crm) -> bool:
    """Whether nobody is due, and no campaign has work."""
    due = sa.select(Member.id).where(Member.state == "active", Member.due_at <= crm.clock()).limit(1)
    going = sa.select(Campaign.id).where(Campaign.state == "freezing").limit(1)
    open_rows = sa.select(Delivery.id).where(Delivery.state.in_(OPEN)).limit(1)
    with crm.db.read() as session:
        return all(session.scalar(one) is None for one in (due, going, open_rows))


def chased(database: Database, folder: Path, people: int, plans: list[list[str]]) -> None:
    """Send a chase whose workers die by the plan of each of its messages."""
    crm = school(database, folder, people, **settings(folder))
    ident = service.create(crm, TESTER, DOCUMENT)
    service.switch_on(crm, TESTER, ident)
    move_to(crm, NOW + timedelta(minutes=1))
    for number in range(1, people + 1):
        add_order(crm, number, number)
    chance = random.Random(people)

    def is_over() -> bool:
        return is_quiet(crm) and entered(crm) == people

    with workers(crm, folder) as nursery:
        for message, plan in enumerate(plans):
            move_to(crm, NOW + timedelta(minutes=2 + 70 * message))
            nursery.until = time.monotonic() + PATIENCE + 8 * len(plan)
            for kill_at in plan:
                pair = nursery.start(crm, kill_at), nursery.start(crm)
                nursery.end(pair[0], 8.0 if kill_at != "-" else chance.uniform(0.05, 0.4), is_over)
                nursery.end(pair[1])
            healthy = nursery.start(crm), nursery.start(crm)
            while not is_over():
                assert time.monotonic() < nursery.until
                time.sleep(0.1)
            for pid in healthy:
                nursery.end(pid)
    check(crm, ident, folder, people, plans)


def entered(crm: Crm) -> int:
    with crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Member)) or 0


def check(crm: Crm, ident: int, folder: Path, people: int, plans: list[list[str]]) -> None:
    """Each person has one row of each message; the carrier took each once, or it is in doubt."""
    with crm.db.read() as session:
        rows = session.execute(
            sa.select(Campaign.step, Delivery.person_id, Delivery.state)
            .join(Delivery, Delivery.campaign_id == Campaign.id)
            .where(Campaign.parent_id == ident)
        ).all()
        fates = set(session.scalars(sa.select(Member.state)))
    due, kills = MESSAGES[: len(plans)], sum(map(len, plans))
    assert Counter((row.step, row.person_id) for row in rows) == Counter(
        (step, person) for step in due for person in range(1, people + 1)
    )
    assert {row.state for row in rows} <= {"sent", "unknown"}
    unknown = Counter(row.person_id for row in rows if row.state == "unknown")
    assert unknown.total() <= 2 * kills * IN_FLIGHT
    took = Counter(int(address[6:]) for address in taken(folder / "books.txt"))
    for person in range(1, people + 1):
        assert len(due) - unknown[person] <= took[person] <= len(due)
    assert fates == {"done" if due == MESSAGES else "active"}


@pytest.mark.parametrize("db_kind", ["postgresql"], indirect=True)
def test_workers_of_a_chase_die(database: Database, tmp_path: Path) -> None:
    chased(database, tmp_path, 20, [["chase_planned", "chase_moved"]])


@pytest.mark.long
def test_workers_of_a_chase_die_at_each_step(database: Database, tmp_path: Path) -> None:
    every = [*CHASE_STEPS, *STEPS, "-", "-"]
    chased(database, tmp_path, 300, [every, [*CHASE_STEPS, "-", "-"], every])
