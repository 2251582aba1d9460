"""A small school with courses, orders and seats, and automations over it, as their tests need them."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crm_plugin.automations import jobs, service
from crm_plugin.automations.models import Automation, Member
from crm_plugin.campaigns import jobs as campaign_jobs
from crm_plugin.campaigns.models import Campaign
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Course, Enrolment, Order, OrderLine
from tests.campaigns.fixtures import world
from tests.fakes.crm import NOW
from tests.fakes.host import staff

TESTER = staff("tester")
HELLO: dict[str, Any] = {"send": {"channel": "sms", "template": "hello"}}


def school(database: Database, folder: Path, people: int = 0, **settings: Any) -> Crm:
    """A CRM with people and two courses, whose SMS go to a carrier with books."""
    crm = world(database, folder, people, **settings)
    for number in (1, 2):
        add_course(crm, number)
    return crm


def add_course(crm: Crm, number: int, **values: Any) -> None:
    """Put a course into the profiles."""
    row = {
        **{"id": number, "host_id": f"c{number}", "row_hash": "", "root_id": number, "kind": "course"},
        **{"title": f"Course {number}", "title_folded": f"course {number}", "status": "published"},
        **{"price": Decimal("199.00"), "currency": "CNY"},
    }
    with crm.db.begin() as session:
        session.execute(sa.insert(Course).values(row | values))


def add_order(crm: Crm, number: int, person: int, course: int = 1, **values: Any) -> None:
    """Put an unpaid order into the profiles, made now."""
    now = crm.clock()
    row = {
        **{"id": number, "host_id": f"o{number}", "row_hash": "", "person_id": person, "state": "pending"},
        **{"amount": Decimal("199.00"), "currency": "CNY", "refunded": Decimal(0), "created_at": now},
    }
    line = {
        **{"order_id": number, "position": 0, "person_id": person, "kind": "course"},
        **{"course_id": course, "root_id": course, "amount": Decimal("199.00"), "refunded": Decimal(0)},
    }
    with crm.db.begin() as session:
        session.execute(sa.insert(Order).values(row | values))
        session.execute(sa.insert(OrderLine).values(line))


def set_order(crm: Crm, number: int, **values: Any) -> None:
    """Change an order."""
    with crm.db.begin() as session:
        session.execute(sa.update(Order).where(Order.id == number).values(**values))


def add_seat(crm: Crm, number: int, person: int, course: int = 1, **values: Any) -> None:
    """Put a learner's enrolment into the profiles."""
    row = {
        **{"id": number, "host_id": f"e{number}", "row_hash": "", "person_id": person},
        **{"course_id": course, "root_id": course, "role": "learner", "source": "purchase"},
        **{"state": "active", "enrolled_at": crm.clock()},
    }
    with crm.db.begin() as session:
        session.execute(sa.insert(Enrolment).values(row | values))


def set_seat(crm: Crm, number: int, **values: Any) -> None:
    """Change an enrolment."""
    with crm.db.begin() as session:
        session.execute(sa.update(Enrolment).where(Enrolment.id == number).values(**values))


def wait(n: int, unit: str = "hour", before: bool = False) -> dict[str, Any]:
    """A step that waits."""
    return {"wait": {"n": n, "unit": unit, "before": before}}


def file(**values: Any) -> dict[str, Any]:
    """An automation that reminds of unpaid orders after an hour and after a day."""
    return {
        "name": "Unpaid",
        "trigger": {"on": "date", "date": "order_created"},
        "steps": [wait(1), HELLO, wait(23), HELLO],
        **values,
    }


def switched_on(crm: Crm, document: dict[str, Any] | None = None, **values: Any) -> int:
    """Make an automation and switch it on, a minute ago; return its id."""
    ident = service.create(crm, TESTER, (document or file()) | values)
    service.switch_on(crm, TESTER, ident)
    crm.clock.move(minutes=1)  # type: ignore[attr-defined]
    return ident


def work(crm: Crm) -> None:
    """Work like ``crm worker --burst``, automations and their campaigns."""
    for _ in range(100):
        if not (jobs.burst(crm) | campaign_jobs.burst(crm)):
            return
    raise AssertionError("the burst does not end")


def pass_time(crm: Crm, until: timedelta, step: timedelta) -> None:
    """Move the clock on step by step, working at each."""
    end = crm.clock() + until
    while crm.clock() < end:
        crm.clock.move(seconds=step.total_seconds())  # type: ignore[attr-defined]
        work(crm)


def members(crm: Crm, ident: int) -> dict[int, Member]:
    """Person → their last row."""
    with crm.db.read() as session:
        query = sa.select(Member).where(Member.automation_id == ident).order_by(Member.id)
        return {one.person_id: one for one in session.scalars(query)}


def children_of(crm: Crm, ident: int) -> list[Campaign]:
    """The campaigns that an automation made."""
    with crm.db.read() as session:
        mine = (Campaign.parent_id == ident, Campaign.kind == "step")
        return list(session.scalars(sa.select(Campaign).where(*mine).order_by(Campaign.id)))


def automation(crm: Crm, ident: int) -> Automation:
    """The row of an automation."""
    with crm.db.read() as session:
        return session.get_one(Automation, ident)


def at(**delta: float) -> datetime:
    """An instant so long after the present of the tests."""
    return NOW + timedelta(**delta)
