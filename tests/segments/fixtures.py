"""Random schools written straight into the tables, made so that values fall on the edges of conditions."""

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.staff import CrmTag, Intention
from crm_plugin.profiles.staff.purchase_intent import LEVELS
from crm_plugin.profiles.store.mapping import spelled_value
from crm_plugin.profiles.store.normalise import fold
from crm_plugin.segments.language.dates import TICK, Present, Span, day_start, shift

SPANS = (
    *(Span(n, "day") for n in (0, 1, 30, 180)),
    *(Span(n, unit) for n in (1, 6) for unit in ("hour", "month")),
    *(Span(90, "minute"), Span(2, "week"), Span(1, "year")),
)
LONG = "x" * 255
NAMES = (
    *("Ann", "ANN", "Zoë", "王芳", "Straße", "strasse", "a%b", "a_b", "ＡＢＣ", "o'Neil", ""),
    *("İzmir", "ızmir", LONG, LONG + "y", LONG + "yz"),
)
TAGS = ("python", "Art", "数学", "new")
COURSES = ("1", "2", "copy:2", "3", "class:4", "5")
COUNTRIES = ("GB", "gb", "CN", None)
AMOUNTS = tuple(map(Decimal, ("0", "0.0001", "19.99", "50", "100", "499.9999", "500")))


class School:
    """What a generator of conditions has to know to hit the edges."""

    def __init__(self, chance: random.Random, present: Present) -> None:
        self.chance = chance
        self.present = present
        self.days = [present.today + timedelta(days=n) for n in (-366, -31, -30, -1, 0, 1, 30)]
        self.days += [date(2000, 2, 29), date(2001, 2, 28), date(1999, 3, 1)]
        edges = [shift(present, sign * span.n, span.unit) for span in SPANS for sign in (-1, 1)]
        edges += [day_start(day, present.zone) for day in self.days[:7]]
        self.instants = [edge + step for edge in edges for step in (-TICK, timedelta(0), TICK)]

    def instant(self) -> datetime | None:
        """An instant at an edge, or none."""
        return self.chance.choice(self.instants) if self.chance.random() < 0.7 else None

    def pick(self, values: Sequence[Any]) -> Any:
        """One of some values."""
        return self.chance.choice(values)

    def birthday(self) -> date | None:
        """A day of birth, often around today's."""
        day: date = self.pick(self.days)
        years = self.chance.choice((0, 1, 18, 20, 30))
        earlier = date(day.year - years, day.month, min(day.day, 28))
        return self.chance.choice((None, day, earlier))

    def fill(self, database: Database, people: int) -> None:
        """Write the school into empty tables."""
        with database.begin() as session:
            for table, rows in self.rows(people):
                if rows:
                    session.execute(sa.insert(table), rows)

    def rows(self, people: int) -> list[tuple[Any, list[dict[str, Any]]]]:
        """Return (table, rows) of a whole school."""
        ids = range(1, people + 1)
        orders = [self.order(i, people) for i in range(1, people * 2)]
        return [
            (m.Course, [self.course(i, name) for i, name in enumerate(COURSES, 1)]),
            (m.CourseLabel, self.labels()),
            (m.Person, [self.person(i) for i in ids]),
            (m.PersonTag, self.unique(people, self.tag, TAGS)),
            (m.PersonTag, self.unique(people, self.role, ("learner", "teacher"))),
            (m.Interest, self.unique(people, self.interest, TAGS)),
            (CrmTag, self.unique(people, self.crm_tag, TAGS)),
            (m.PersonAttribute, self.unique(people, self.attribute, ("faculty", "house"))),
            (m.Consent, self.unique(people, self.consent, ("sms", "email"))),
            (m.Suppression, self.suppressions(people)),
            (m.Enrolment, [self.enrolment(i, people) for i in range(1, people * 2)]),
            (m.Order, orders),
            (m.OrderLine, [line for order in orders for line in self.lines(order)]),
            (m.Signal, [self.signal(i, people) for i in range(1, people * 3)]),
            (Intention, self.intentions(people)),
        ]

    def tag(self, value: str) -> dict[str, Any]:
        return {"kind": "tag", "folded": fold(value), "value": value}

    def role(self, value: str) -> dict[str, Any]:
        return {"kind": "role", "folded": value, "value": value}

    def interest(self, value: str) -> dict[str, Any]:
        return {"folded": fold(value), "tag": value, "strength": 0.0, "reasons": {}}

    def crm_tag(self, value: str) -> dict[str, Any]:
        state, at = self.pick(("on", "off")), self.instants[0]
        facts = {"state": state, "batch": "b", "changed_at": at, "at": at, "author": "ann", "author_name": ""}
        return {"folded": fold(value), "value": value} | facts

    def attribute(self, name: str) -> dict[str, Any]:
        text = self.pick(NAMES)
        return {"name": name, "value": text, **spelled_value(text)}

    def consent(self, channel: str) -> dict[str, Any]:
        return {"channel": channel, "state": self.pick(("granted", "denied")), "origin": "own", "at": None}

    def unique(self, people: int, make: Any, values: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {"person_id": person} | make(value)
            for person in range(1, people + 1)
            for value in values
            if self.chance.random() < 0.4
        ]

    def course(self, number: int, host_id: str) -> dict[str, Any]:
        title = self.pick(NAMES)
        return {
            "id": number,
            "host_id": host_id,
            "row_hash": "",
            "parent_host_id": "2" if host_id == "copy:2" else None,
            "root_id": 2 if host_id == "copy:2" else number,
            "kind": "class" if host_id == "class:4" else self.pick(("course", "open")),
            "title": title,
            "title_folded": fold(title),
            "status": "published",
            "price": self.pick((None, *AMOUNTS)),
        }

    def labels(self) -> list[dict[str, Any]]:
        return [
            {"course_id": course, "kind": kind, "folded": fold(tag), "value": tag}
            for course in range(1, len(COURSES) + 1)
            for kind in ("tag", "category")
            for tag in TAGS
            if self.chance.random() < 0.3
        ]

    def person(self, number: int) -> dict[str, Any]:
        texts: dict[str, Any] = {"display_name": self.pick(NAMES), "username": f"user{number}"}
        for name in ("real_name", "email", "phone", "gender", "locale", "city", "company", "member_level"):
            texts[name] = self.pick((None, *NAMES))
        texts["country"] = self.pick(COUNTRIES)
        for name in ("gender", "locale", "member_level"):
            texts[name] = texts[name] and texts[name][:255]
        folded = {f"{name}_folded": None if text is None else fold(text) for name, text in texts.items()}
        instants = (
            *("registered_at", "last_login_at", "member_since", "member_until", "first_paid_at"),
            *("last_paid_at", "last_active_at", "last_learned_at", "last_marketed_at"),
        )
        flags = ("email_verified", "email_stopped", "phone_verified")
        return {
            "id": number,
            "host_id": f"p{number}",
            "row_hash": "",
            "status": self.pick(("active", "active", "active", "suspended", "unconfirmed", "erased")),
            "merged_into": "p1" if self.chance.random() < 0.05 else None,
            **texts,
            **folded,
            **{name: self.instant() for name in instants},
            **{name: self.pick((None, True, False)) for name in flags},
            "email_key": self.pick((None, "a@x.org", "b@x.org")),
            "phone_key": self.pick((None, "+441", "+442")),
            "birthday": self.birthday(),
            "member_rank": self.pick((None, 0, 1, 2)),
            "paid_count": self.pick((0, 0, 1, 2, 5)),
            "unpaid_count": self.pick((0, 1, 2)),
            "marketed_count": self.pick((0, 1, 2)),
            "paid_total": self.pick(AMOUNTS),
            "refunded_total": self.pick(AMOUNTS),
        }

    def suppressions(self, people: int) -> list[dict[str, Any]]:
        found = (("email", "a@x.org"), ("email", "b@x.org"), ("sms", "+441"), ("message", "p2"))
        row = {"scope": "marketing", "reason": "opt_out", "at": self.present.as_of, "source": ""}
        return [{"channel": c, "address_key": key} | row for c, key in found if self.chance.random() < 0.6]

    def place(self) -> dict[str, int]:
        course = self.chance.randint(1, len(COURSES))
        return {"course_id": course, "root_id": 2 if course == 3 else course}

    def enrolment(self, number: int, people: int) -> dict[str, Any]:
        reason = self.pick((None, *NAMES))
        instants = ("enrolled_at", "starts_at", "expires_at", "ended_at", "completed_at", "last_learned_at")
        return {
            "id": number,
            "host_id": f"e{number}",
            "row_hash": "",
            "person_id": self.chance.randint(1, people),
            **self.place(),
            "role": self.pick(("learner", "learner", "teacher")),
            "source": self.pick(("purchase", "free")),
            "state": self.pick(("active", "active", "active", "ended", "pending", "suspended")),
            **{name: self.instant() for name in instants},
            "end_kind": self.pick((None, "refund", "left", "expired")),
            "end_reason": reason,
            "end_reason_folded": None if reason is None else fold(reason),
            "progress": self.pick((None, 0.0, 0.1, 0.3, 0.5, 1.0)),
        }

    def order(self, number: int, people: int) -> dict[str, Any]:
        source, coupon = (
            text and text[:255] for text in (self.pick((None, *NAMES)), self.pick((None, *NAMES)))
        )
        instants = ("created_at", "paid_at", "closes_at", "closed_at", "refunded_at")
        return {
            "id": number,
            "host_id": f"o{number}",
            "row_hash": "",
            "person_id": self.pick((None, *range(1, people + 1))),
            "state": self.pick(("pending", "paid", "paid", "closed", "refunded")),
            "amount": self.pick(AMOUNTS),
            "currency": self.pick(("GBP", "GBP", "EUR")),
            "refunded": self.pick(AMOUNTS),
            **{name: self.instant() for name in instants},
            "refund_requested": self.pick((None, *AMOUNTS)),
            "source": source,
            "source_folded": None if source is None else fold(source),
            "coupon": coupon,
            "coupon_folded": None if coupon is None else fold(coupon),
        }

    def lines(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "order_id": order["id"],
                "position": position,
                "person_id": order["person_id"],
                "held_money": order["state"] in ("paid", "refunded"),
                "kind": "course",
                **self.pick((self.place(), self.place(), {"course_id": None, "root_id": None})),
                "amount": Decimal(1),
                "refunded": Decimal(0),
            }
            for position in range(self.pick((0, 1, 1, 2)))
        ]

    def intentions(self, people: int) -> list[dict[str, Any]]:
        """Intentions of some people, at most one for a course."""
        return [
            {"person_id": person, "level": self.pick(LEVELS), "at": self.pick(self.instants)}
            | {"course_id": course, "root_id": 2 if name == "copy:2" else course}
            for person in range(1, people + 1)
            for course, name in enumerate(COURSES, 1)
            if self.chance.random() < 0.2
        ]

    def signal(self, number: int, people: int) -> dict[str, Any]:
        return {
            "id": number,
            "host_id": f"s{number}",
            "row_hash": "",
            "person_id": self.chance.randint(1, people),
            "kind": self.pick(("view", "login", "trial", "favourite")),
            **self.pick((self.place(), self.place(), {"course_id": None, "root_id": None})),
            "at": self.pick(self.instants),
            "count": self.pick((1, 2, 5)),
        }
