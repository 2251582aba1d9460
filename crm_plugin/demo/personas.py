"""Gives every generated person a name, an address and a year at the school."""

from __future__ import annotations

from typing import Any

from crm_plugin.demo.acts import Acts
from crm_plugin.demo.bulk_rows import DAY, Ledger
from crm_plugin.demo.special_people import twist

Row = dict[str, Any]
# Share of each kind of life among a hundred people.
KINDS = {
    "dormant": 20, "buyer": 20, "loyal": 12, "refunder": 5, "cart": 9, "member": 10, "lapsed": 4,
    "trial": 8, "free": 6, "never": 6,
}  # fmt: skip
_LONG_AGO = {
    "dormant": (200, 200),
    "lapsed": (200, 200),
    "loyal": (60, 360),
    "member": (50, 300),
    "refunder": (40, 360),
}
"""Kind of life → between how many days ago somebody must have come at the latest."""
_PREFIXES = ("130", "135", "138", "139", "150", "158", "176", "186", "189", "199")
_SPELLINGS = ("{0}{1}{2}", "{0} {1} {2}", "{0}-{1}-{2}", "+86 {0}{1}{2}", "0086{0}{1}{2}")
_INTEREST = (("favourite", 0.35), ("question", 0.1), ("coupon", 0.06))
_CLASS_INTEREST = (("view", 1.0), ("trial", 0.3), ("favourite", 0.2), ("coupon", 0.05))
"""(kind of signal, share of the people who look that give it)."""
_CLASS_SOLD = (60, 14)
"""Days before and after its first day in which a class is looked at and bought."""


class Lives:
    """Adds people and what they did to a ledger whose catalogue is there."""

    def __init__(self, ledger: Ledger, data: dict[str, Any]) -> None:
        self.ledger, self.dice, self.data, self.now = ledger, ledger.dice, data, ledger.now
        self.acts = Acts(ledger, data)
        courses = ledger.rows["school_courses"]
        self.courses = self.acts.courses
        self.sold = [row["id"] for row in courses if row["kind"] == "course" and row["status"] == "published"]
        self.classes = [row for row in courses if row["kind"] == "class"]
        self.open = [row["id"] for row in courses if row["kind"] == "open"]
        # Few courses sell much, many sell little.
        self.weights = [1 / (1 + place) ** 0.6 for place in range(len(self.sold))]

    def populate(self, people: int, hostile: bool) -> None:
        """Add people until there are this many accounts; the first of them are the special cases."""
        self._teachers()
        users = self.ledger.rows["school_users"]
        self.live(users[-1], "loyal")
        kinds = list(KINDS)
        first = len(users)
        while len(users) < people:
            number = len(users) - first
            kind = kinds[number % len(kinds)] if number < 50 else self._any_kind(kinds)
            self.live(self._person(kind), kind)
        twist(self.ledger, users[first:], self.data["hostile"] if hostile else [])

    def _any_kind(self, kinds: list[str]) -> str:
        return self.dice.choices(kinds, weights=list(KINDS.values()))[0]

    def _teachers(self) -> None:
        for course in self.courses.values():
            self.ledger.add(
                "school_enrolments", user_id=course["teacher_id"], course_id=course["id"], role="teacher",
                source="other", enrolled_at=self.now - 380 * DAY,
            )  # fmt: skip

    def _person(self, kind: str) -> Row:
        number = len(self.ledger.rows["school_users"]) + 1
        registered = self.now - int(365 * DAY * self.dice.random() ** 1.2) - 3600
        if kind in _LONG_AGO:
            registered = min(registered, self.now - int(self.dice.uniform(*_LONG_AGO[kind]) * DAY))
        name, username = self._name(number)
        row = self.ledger.add(
            "school_users", username=username, display_name=name, tags=self._tags(),
            real_name=name if self.ledger.chance(0.6) else None, registered_at=registered,
            email=f"{username}@{self.dice.choice(['example.com', 'example.net', 'mail.example'])}"
            if self.ledger.chance(0.85) else None,
            phone=self._phone(number) if self.ledger.chance(0.82) else None,
            locale=self.dice.choice(["zh", "zh", "zh", "en", None]),
            gender=self.dice.choice(["female", "male", "female", "male", None]),
            birthday=self._birthday() if self.ledger.chance(0.6) else None,
            city=self.dice.choice(self.data["names"]["cities"]) if self.ledger.chance(0.7) else None,
            company=self.dice.choice(self.data["names"]["companies"]) if self.ledger.chance(0.1) else None,
        )  # fmt: skip
        row["email_verified"] = row["email"] is not None and self.ledger.chance(0.5)
        row["phone_verified"] = row["phone"] is not None and self.ledger.chance(0.5)
        self._consents(row)
        return row

    def _name(self, number: int) -> tuple[str, str]:
        names = self.data["names"]
        if self.ledger.chance(0.72):
            return self.dice.choice(names["surnames"]) + self.dice.choice(
                names["given"]
            ), f"lamp{10000 + number}"
        first, last = self.dice.choice(names["first"]), self.dice.choice(names["last"])
        plain = "".join(letter for letter in first.lower() if letter.isascii())
        return f"{first} {last}", f"{plain}.{number}"

    def _phone(self, number: int) -> str:
        digits = f"{(number * 7919 + 12345678) % 10**8:08d}"
        spelling = self.dice.choice(_SPELLINGS) if self.ledger.chance(0.3) else _SPELLINGS[0]
        return spelling.format(self.dice.choice(_PREFIXES), digits[:4], digits[4:])

    def _birthday(self) -> str:
        return (
            f"{self.dice.randint(1955, 2014)}-{self.dice.randint(1, 12):02d}-{self.dice.randint(1, 28):02d}"
        )

    def _tags(self) -> str:
        return ",".join(tag for tag, share in (("wechat", 0.2), ("campus", 0.1), ("press", 0.02))
                        if self.ledger.chance(share))  # fmt: skip

    def _consents(self, person: Row) -> None:
        for channel, granted, denied in (("sms", 0.5, 0.1), ("email", 0.45, 0.15), ("message", 0.3, 0.05)):
            roll = self.dice.random()
            if roll < granted + denied:
                at = self.ledger.between(person["registered_at"], self.now)
                self.ledger.add(
                    "school_consents", user_id=person["id"], channel=channel, granted=roll < granted, at=at,
                    source=self.dice.choice(["registration", "profile"]),
                )  # fmt: skip
                self.ledger.touch(person, consent_at=at)

    def live(self, person: Row, kind: str) -> None:
        """Add a year of this kind of life to a person."""
        start = person["registered_at"]
        end = self.now if kind not in ("dormant", "lapsed") else start + self.dice.randint(5, 60) * DAY
        if kind != "never":
            self._visits(person, start, min(end, self.now))
        plan = getattr(self, f"_{kind}", None)
        if plan:
            plan(person, start, end)

    def _visits(self, person: Row, start: int, end: int) -> None:
        """Logins and looks around; the latest of them is the person's last login."""
        quiet = self.ledger.between(end - 40 * DAY, end) if end == self.now else end
        last = max(start, quiet)
        for at in {start, last, *(self.ledger.between(start, last) for _ in range(self.dice.randint(0, 4)))}:
            self.acts.did(person, "login", None, at)
        for course in self._pick(self.dice.randint(1, 5)):
            self.acts.did(person, "view", course, self.ledger.between(start, last), self.dice.randint(1, 6))
        for kind, share in _INTEREST:
            if self.ledger.chance(share):
                self.acts.did(person, kind, self._pick(1)[0], self.ledger.between(start, last))
        if self.ledger.chance(0.2):
            self.acts.did(person, "view", self.dice.choice(self.open), self.ledger.between(start, last))
        if self.ledger.chance(0.3):
            self._look_at_class(person, start, last)
        seen = max(last, person.get("last_active_at") or 0)
        self.ledger.touch(
            person, last_login_at=max(last, person.get("last_login_at") or 0), last_active_at=seen
        )

    def _pick(self, number: int) -> list[int]:
        return list(dict.fromkeys(self.dice.choices(self.sold, weights=self.weights, k=number)))

    def _class(self, start: int, end: int) -> tuple[int, int, int] | None:
        """Return a class that was on offer between two times, and from when to when in them; None of none."""
        before, after = (days * DAY for days in _CLASS_SOLD)
        found = []
        for row in self.classes:
            since, until = max(start, row["starts_at"] - before), min(end, row["starts_at"] + after)
            if since < until:
                found.append((row["id"], since, until))
        return self.dice.choice(found) if found else None

    def _look_at_class(self, person: Row, start: int, end: int) -> None:
        seen = self._class(start, end)
        for kind, share in _CLASS_INTEREST if seen else ():
            if seen and self.ledger.chance(share):
                self.acts.did(person, kind, seen[0], self.ledger.between(*seen[1:]), self.dice.randint(1, 4))

    def _order_class(
        self, person: Row, start: int, end: int, share: float, state: str = "paid"
    ) -> Row | None:
        """Let this share of people order a class that was on offer in their time; return the order."""
        found = self._class(start, end) if self.ledger.chance(share) else None
        if found is None:
            return None
        at = self.ledger.between(*found[1:])
        if state == "paid":
            return self.acts.buy(person, found[0], at)
        return self.acts.order(person, found[0], at, state)

    def _dormant(self, person: Row, start: int, end: int) -> None:
        if self.ledger.chance(0.4):
            self.acts.buy(person, self._pick(1)[0], self.ledger.between(start, end))

    def _buyer(self, person: Row, start: int, end: int) -> None:
        for course in self._pick(self.dice.randint(1, 2)):
            self.acts.buy(person, course, self.ledger.between(start, end))
        self._order_class(person, start, end, 0.2)

    def _loyal(self, person: Row, start: int, end: int) -> None:
        for course in self._pick(self.dice.randint(4, 8)):
            self.acts.buy(person, course, self.ledger.between(start, end))
        self._order_class(person, start, end, 0.5)

    def _refunder(self, person: Row, start: int, end: int) -> None:
        orders = [self.acts.buy(person, course, self.ledger.between(start, end)) for course in self._pick(2)]
        orders += filter(None, [self._order_class(person, start, end, 0.5)])
        for order in orders:
            if order["amount"]:
                at = order["paid_at"]
                self.acts.refund(order, self.ledger.between(at, at + 14 * DAY))

    def _cart(self, person: Row, start: int, end: int) -> None:
        for course in self._pick(self.dice.randint(1, 2)):
            fresh = self.ledger.chance(0.4)
            at = max(start, self.ledger.ago(0, 0.9) if fresh else self.ledger.between(start, end - 2 * DAY))
            self.acts.order(person, course, at, state="pending")
        recent = max(start, self.now - DAY) if self.ledger.chance(0.2) else start
        self._order_class(person, recent, end, 0.6, "pending")

    def _member(self, person: Row, start: int, end: int) -> None:
        levels, soon = self.ledger.rows["school_levels"], self.ledger.chance(0.2)
        level = levels[0] if soon else self.dice.choice(levels)
        left = self.dice.randint(1, 13) if soon else self.dice.randint(14, level["days"] - 1)
        at = max(start, self.now - (level["days"] - left) * DAY)
        self.acts.join(person, level, at)
        for course in self._pick(self.dice.randint(1, 3)):
            given = self.ledger.between(at, self.now)
            self.acts.seat(person, course, "membership", (given, given, at + level["days"] * DAY))
        self._order_class(person, start, end, 0.15)

    def _lapsed(self, person: Row, start: int, end: int) -> None:
        level = self.ledger.rows["school_levels"][0]
        self.acts.join(person, level, start)
        times = start, start, start + level["days"] * DAY
        self.acts.seat(person, self._pick(1)[0], "membership", times)

    def _trial(self, person: Row, start: int, end: int) -> None:
        self.acts.did(
            person, "trial", self._pick(1)[0], self.ledger.between(max(start, self.now - 60 * DAY), end)
        )

    def _free(self, person: Row, start: int, end: int) -> None:
        given = self.ledger.between(start, end)
        seat = self.acts.seat(person, self.dice.choice(self.open), "free", (given, given, None))
        if seat.get("state") is None and self.ledger.chance(0.2):
            at = self.ledger.between(given, end)
            self.ledger.touch(seat, state="ended", ended_at=at, end_kind="left")

    def _never(self, person: Row, start: int, end: int) -> None:
        """Imported by the office and never seen."""
        if self.ledger.chance(0.5):
            times = start, start, start + 180 * DAY
            self.acts.seat(person, self._pick(1)[0], "import", times)
