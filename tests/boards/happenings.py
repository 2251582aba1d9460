"""A school to which anything may happen: purchases, refunds, moves of courses, merges, passing time."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from crm_plugin.host import records as r
from crm_plugin.profiles.models.school import HELD_MONEY
from tests.fakes.clock import FixedClock
from tests.fakes.host import FakeHost

COURSES = ("c1", "c2", "plan", "copy", "open", "k1", "k2")
PEOPLE = tuple(f"p{number}" for number in range(12))
KINDS = ("view", "trial", "favourite", "audit", "coupon", "question", "review", "login", "visit", "learn")
SOURCES = (None, "web", "Offline", "outside")
DAY = timedelta(days=1)


class RandomSchool:
    """A school in memory, and what may happen to it next.

    :param clock: of the CRM; time passes too.
    """

    def __init__(self, seed: int, clock: FixedClock) -> None:
        self.dice = random.Random(seed)
        self.clock = clock
        self.host = FakeHost(*self._courses(), *(r.Person(name, display_name=name) for name in PEOPLE))
        self.number = 0
        for _ in range(25):
            self.happen(("ordered", "enrolled", "looked"))

    def happen(self, only: tuple[str, ...] = ()) -> None:
        """Let one thing happen."""
        names = only or tuple(_EVENTS)
        _EVENTS[self.dice.choice(names)](self)

    def pass_time(self) -> None:
        """Let some time pass: minutes, or weeks."""
        hours = self.dice.choice((0, 0, 0.2, 5, 24, 24 * 6, 24 * 40))
        self.clock.move(hours=hours)

    def money(self, course: str, offsite: bool) -> dict[str, Decimal]:
        """Return the revenue of a course by currency, added up from the school's own books."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for order in self.host.books["orders"].values():
            elsewhere = (order.source or "").casefold() in ("offline", "outside")
            if order.state in HELD_MONEY and order.amount > 0 and elsewhere == offsite:
                mine = [line for line in order.lines if self.root(line.item_id) == course]
                found[order.currency] += sum((line.amount - line.refunded for line in mine), Decimal(0))
        return {currency: amount for currency, amount in found.items() if amount}

    def root(self, course: str | None) -> str | None:
        """Return the course at the top of a copy or plan."""
        parent = self.host.books["courses"][course].parent_id if course else None
        return self.root(parent) if parent in self.host.books["courses"] else course

    def _courses(self) -> Iterator[r.Course]:
        worth: dict[str, Any] = {"price": Decimal(99), "currency": "CNY"}
        yield r.Course("c1", "Piano", **worth, tags=("music",), category=("Arts", "Music"))
        yield r.Course("plan", "Piano, slowly", parent_id="c1", price=Decimal(49), currency="CNY")
        yield r.Course("copy", "Piano in a class", parent_id="c1")
        yield r.Course("c2", "Chess", price=Decimal("19.90"), currency="USD")
        yield r.Course("open", "First steps", kind="open", price=Decimal(0), currency="CNY")
        yield r.Course("k1", "Spring class", kind="class", course_ids=("copy", "c2"), **worth)
        yield r.Course("k2", "Summer class", kind="class", course_ids=("open",), **worth)

    def one(self, stream: str) -> Any:
        """Return some row; None when there is none."""
        rows = list(self.host.books[stream].values())
        return self.dice.choice(rows) if rows else None

    def near(self, days: int = 200) -> datetime:
        """Return an instant in the last days."""
        return self.clock() - DAY * self.dice.random() * days

    def maybe(self, days: int) -> datetime | None:
        """Return an instant within some days from now, either way, or none."""
        return self.dice.choice((None, self.clock() + DAY * self.dice.uniform(-days, days)))

    def new(self, letter: str) -> str:
        """Return an id that is not taken."""
        self.number += 1
        return f"{letter}{self.number}"


def _ordered(school: RandomSchool) -> None:
    lines = []
    for _ in range(school.dice.choice((1, 1, 2))):
        course = school.dice.choice(COURSES)
        amount = school.dice.choice((Decimal(0), Decimal(99), Decimal("49.90"), Decimal("0.01")))
        lines.append(r.OrderLine("class" if course[0] == "k" else "course", course, amount))
    state = school.dice.choice(("pending", "paid", "paid", "closed"))
    at, ident = school.near(), school.new("o")
    total = sum((line.amount for line in lines), Decimal(0))
    order = r.Order(ident, school.dice.choice((*PEOPLE, None)), state, total, "CNY", lines=tuple(lines))
    order.currency = school.dice.choice(("CNY", "CNY", "USD"))
    order.source = school.dice.choice(SOURCES)
    order.created_at = at
    order.paid_at = at if state == "paid" else None
    order.closed_at = school.dice.choice((at, None)) if state == "closed" else None
    order.closes_at = school.maybe(3) if state == "pending" else None
    school.host.put(order)


def _moved_on(school: RandomSchool) -> None:
    """An order goes on: it is paid, closed, refunded, in part or whole."""
    order = school.one("orders")
    if order is None:
        return
    if order.state == "pending":
        state = school.dice.choice(("paid", "closed"))
        school.host.put(replace(order, state=state, paid_at=school.clock(), closed_at=school.clock()))
    elif order.state == "paid":
        _returned(school, order)


def _returned(school: RandomSchool, order: r.Order) -> None:
    state = school.dice.choice(("refunding", "refunded", "partly_refunded"))
    if state == "refunding":
        asked = school.dice.choice((None, Decimal(10), order.amount))
        school.host.put(replace(order, state=state, refund_requested=asked))
        return
    parts = 1 if state == "refunded" else 2
    lines = [replace(line, refunded=line.amount / parts) for line in order.lines]
    back = sum((line.refunded for line in lines), Decimal(0))
    school.host.put(
        replace(order, state=state, lines=tuple(lines), refunded=back, refunded_at=school.clock())
    )


def _enrolled(school: RandomSchool) -> None:
    seat = r.Enrolment(school.new("e"), school.dice.choice(PEOPLE), school.dice.choice(COURSES))
    seat.role = school.dice.choice(("learner", "learner", "learner", "teacher"))
    seat.state = school.dice.choice(("active", "active", "suspended", "pending", "ended"))
    seat.enrolled_at, seat.starts_at, seat.expires_at = school.near(60), school.maybe(30), school.maybe(60)
    seat.completed_at = school.dice.choice((None, school.near(20)))
    if seat.state == "ended":
        seat.ended_at, seat.end_kind = school.near(30), school.dice.choice(("refund", "left", "expired"))
    school.host.put(seat)


def _left(school: RandomSchool) -> None:
    seat = school.one("enrolments")
    if seat is not None and seat.state != "ended":
        kind = school.dice.choice(("refund", "removed", "left"))
        school.host.put(replace(seat, state="ended", ended_at=school.clock(), end_kind=kind))


def _learned(school: RandomSchool) -> None:
    seat = school.one("enrolments")
    if seat is not None:
        done = school.dice.choice((None, school.clock()))
        school.host.put(replace(seat, progress=school.dice.random(), completed_at=done))


def _looked(school: RandomSchool) -> None:
    at = school.dice.choice((school.near(), school.clock() + timedelta(minutes=5)))
    who, course = school.dice.choice(PEOPLE), school.dice.choice((*COURSES, None))
    kind = school.dice.choice(KINDS)
    school.host.put(r.Signal(school.new("s"), who, kind, at, course))


def _vanished(school: RandomSchool) -> None:
    stream = school.dice.choice(("orders", "enrolments", "signals"))
    if (row := school.one(stream)) is not None:
        school.host.remove(stream, row.id)


def _rearranged(school: RandomSchool) -> None:
    """A course becomes a copy, or one of its own; a class changes what it contains; prices change."""
    course = school.host.get("courses", school.dice.choice(COURSES))
    change: dict[str, Any] = {"price": Decimal(school.dice.randint(1, 99))}
    change["status"] = school.dice.choice(("published", "published", "draft", "closed"))
    if course.kind == "class":
        change["course_ids"] = tuple(school.dice.sample(COURSES[:5], 2))
    elif course.id in ("plan", "copy"):
        change["parent_id"] = school.dice.choice(("c1", "c2", None))
    school.host.put(replace(course, **change))


def _changed(school: RandomSchool) -> None:
    """Somebody becomes staff or a learner again, is merged or taken apart, or erased for good."""
    person = school.host.get("persons", school.dice.choice(PEOPLE))
    roles = school.dice.choice((("learner",), ("learner",), ("staff",)))
    into = school.dice.choice((None, None, school.dice.choice(PEOPLE)))
    status = "erased" if school.dice.random() < 0.05 else "active"
    school.host.put(replace(person, roles=roles, merged_into=into, status=status))


_EVENTS: dict[str, Callable[[RandomSchool], None]] = {
    "ordered": _ordered,
    "moved on": _moved_on,
    "enrolled": _enrolled,
    "left": _left,
    "learned": _learned,
    "looked": _looked,
    "vanished": _vanished,
    "rearranged": _rearranged,
    "changed": _changed,
}
