"""A month of a school under a moving clock: each step once, and nothing after payment, closing or opt-out."""

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.automations.models import Member
from crm_plugin.campaigns.models import Campaign, Delivery
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.consent import by_address
from crm_plugin.profiles.models.school import Course
from tests.automations.fixtures import (
    HELLO,
    add_course,
    add_order,
    school,
    set_order,
    switched_on,
    wait,
    work,
)
from tests.campaigns.fixtures import set_person

DAY = timedelta(days=1)


class Month:
    """A school with a chase of unpaid orders, and what a month brings."""

    def __init__(self, crm: Crm, people: int, seed: int) -> None:
        self.crm, self.people, self.chance = crm, people, random.Random(seed)
        self.orders: dict[int, int] = {}
        """Order → person."""
        self.over: dict[int, datetime] = {}
        """Order → when it was paid or closed."""
        self.opted_out: dict[int, datetime] = {}
        self.shut: dict[int, datetime] = {}
        """Course → when it took nobody any more."""
        steps: list[dict[str, Any]] = [wait(1), HELLO, wait(23), HELLO, wait(2, before=True), HELLO]
        self.ident = switched_on(crm, steps=steps, open_course=True)

    def order(self) -> None:
        number, person = len(self.orders) + 1, self.chance.randrange(1, self.people + 1)
        closes = self.crm.clock() + self.chance.choice([0.5, 3, 7]) * DAY
        add_order(self.crm, number, person, self.chance.choice([1, 2, 3]), closes_at=closes)
        self.orders[number] = person

    def end_order(self, number: int, state: str) -> None:
        at = {"paid_at" if state == "paid" else "closed_at": self.crm.clock()}
        set_order(self.crm, number, state=state, **at)
        self.over[number] = self.crm.clock()

    def hour(self) -> None:
        """Let things happen, and an hour pass."""
        for number in self.orders.keys() - self.over.keys():
            if self.chance.random() < 0.01:
                self.end_order(number, self.chance.choice(["paid", "paid", "closed"]))
        if self.chance.random() < 0.4:
            self.order()
        if self.chance.random() < 0.01:
            self.opt_out(self.chance.randrange(1, self.people + 1))
        if self.chance.random() < 0.003 and not self.shut:
            self.shut[1] = self.crm.clock()
            with self.crm.db.begin() as session:
                session.execute(sa.update(Course).where(Course.id == 1).values(status="closed"))
        if self.chance.random() < 0.7:  # else nobody works in this hour
            work(self.crm)
        self.crm.clock.move(minutes=60)  # type: ignore[attr-defined]

    def opt_out(self, person: int) -> None:
        address, now = f"+86138{person:08d}", self.crm.clock()
        self.crm.db.run(lambda session: by_address.stop(self.crm, session, "sms", address, now, "test"))
        self.opted_out.setdefault(person, now)


def messages(crm: Crm) -> list[Any]:
    """(step, person, when it left, course) of all that was sent."""
    query = (
        sa.select(Campaign.step, Delivery.person_id, Delivery.handed_at, Campaign.content)
        .join(Delivery, Delivery.campaign_id == Campaign.id)
        .where(Delivery.state == "sent", Campaign.kind == "step")
    )
    with crm.db.read() as session:
        return list(session.execute(query.order_by(Delivery.handed_at)))


def causes(crm: Crm) -> dict[int, list[Member]]:
    with crm.db.read() as session:
        found: dict[int, list[Member]] = defaultdict(list)
        for one in session.scalars(sa.select(Member).order_by(Member.entered_at)):
            found[one.person_id].append(one)
        return found


def check(month: Month) -> set[int]:
    """Hold each message against what the school knew when it left; return the steps that sent."""
    crm, chases = month.crm, causes(month.crm)
    sent: Counter[tuple[int, int]] = Counter()
    for step, person, at, content in messages(crm):
        mine = [one for one in chases[person] if one.entered_at <= at]
        order = mine[-1].row_id
        sent[step, order] += 1
        assert content["course"] == f"c{mine[-1].root_id}"
        assert order not in month.over or month.over[order] >= at
        assert person not in month.opted_out or month.opted_out[person] >= at
        assert mine[-1].root_id not in month.shut or month.shut[mine[-1].root_id] >= at
    assert set(sent.values()) == {1}
    rows = [(one.person_id, one.cause) for some in chases.values() for one in some]
    assert len(rows) == len(set(rows))
    return {step for step, _ in sent}


def lived(database: Database, folder: Path, seed: int, hours: int) -> set[int]:
    crm = school(database, folder, people=12)
    add_course(crm, 3)
    set_person(crm, 12, status="suspended")
    month = Month(crm, 12, seed)
    for _ in range(hours):
        month.hour()
    return check(month)


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_some_days_of_a_school(database: Database, tmp_path: Path) -> None:
    assert lived(database, tmp_path, 3, 36) >= {1, 3}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_a_month_of_a_school(database: Database, tmp_path: Path, seed: int) -> None:
    assert lived(database, tmp_path, seed, 31 * 24) == {1, 3, 5}
