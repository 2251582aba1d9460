"""Random schools with much of everything for few people: seats, orders and interest one after the other."""

import random
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models import school as m
from crm_plugin.segments.language.dates import Present
from tests.segments.fixtures import COURSES, School

PEOPLE = 14
CONTAINS = (("class:4", "1"), ("class:4", "copy:2"), ("5", "class:4"), ("5", "gone"))
"""(class, course in it): a copy in a class stands for its root, and a class in a class for itself alone."""
ORDER_STATES = ("pending", "pending", "paid", "closed", "closed", "refunding", "refunded", "partly_refunded")
HELD = ("paid", "refunding", "refunded", "partly_refunded")
SIGNALS = ("view", "visit", "trial", "favourite", "audit", "coupon", "review", "question", "learn", "login")
Row = dict[str, Any]


class BoardSchool(School):
    """A school whose people come back to the same courses again and again.

    :ivar tables: the rows by their table.
    :ivar past: instants at the edges of conditions that are over.
    """

    def __init__(self, number: int, present: Present) -> None:
        super().__init__(random.Random(f"boards {number}"), present)
        self.past = [one for one in self.instants if one < present.as_of]
        self.tables = dict(self.rows(PEOPLE))

    def rows(self, people: int) -> list[tuple[Any, list[Row]]]:
        """Return (table, rows) of a whole school."""
        orders = [self.order(i, people) for i in range(1, people * 5)]
        links = [
            {"course_id": 1 + COURSES.index(holder), "kind": "contains", "host_id": part}
            for holder, part in CONTAINS
            if self.chance.random() < 0.8
        ]
        return [
            (m.Course, [self.course(i, name) for i, name in enumerate(COURSES, 1)]),
            (m.CourseLink, [*links, {"course_id": 4, "kind": "teacher", "host_id": "3"}]),
            (m.Person, [self.person(i) for i in range(1, people + 1)]),
            (m.Enrolment, [self.enrolment(i, people) for i in range(1, people * 5)]),
            (m.Order, orders),
            (m.OrderLine, [line for order in orders for line in self.lines(order)]),
            (m.Signal, [self.signal(i, people) for i in range(1, people * 6)]),
        ]

    def write(self, database: Database) -> None:
        """Write the school into empty tables."""
        with database.begin() as session:
            for table, rows in self.tables.items():
                session.execute(sa.insert(table), rows)

    def person(self, number: int) -> Row:
        """Somebody, staff now and then."""
        return {**super().person(number), "is_staff": self.chance.random() < 0.1}

    def enrolment(self, number: int, people: int) -> Row:
        """A seat in any state, ended in any way."""
        ends = (None, "refund", "removed", "left", "expired")
        states = ("active", "active", "suspended", "pending", "ended", "ended")
        ended = self.pick((None, *self.past))
        seat = {"end_kind": self.pick(ends), "state": self.pick(states), "ended_at": ended}
        return super().enrolment(number, people) | seat

    def order(self, number: int, people: int) -> Row:
        """An order in any state."""
        changed = {"state": self.pick(ORDER_STATES), "refunded_at": self.pick((None, *self.past))}
        return super().order(number, people) | changed

    def lines(self, order: Row) -> list[Row]:
        """Lines of which some were given back, whole or in part."""
        back = Decimal(0), Decimal("0.5"), Decimal(1)
        held = order["state"] in HELD
        fresh = ({**line, "held_money": held} for line in super().lines(order))
        return [{**line, "refunded": self.pick(back) if held else Decimal(0)} for line in fresh]

    def signal(self, number: int, people: int) -> Row:
        """An act of any kind."""
        return {**super().signal(number, people), "kind": self.pick(SIGNALS)}
