"""Gives every generated person a name, an address and a year at the school."""

from __future__ import annotations

from typing import Any

from crm_plugin.demo.bulk_rows import DAY, Ledger

Row = dict[str, Any]
# Share of each kind of life among a hundred people.
KINDS = {
    "dormant": 20, "buyer": 20, "loyal": 12, "refunder": 5, "cart": 9, "member": 10, "lapsed": 4,
    "trial": 8, "free": 6, "never": 6,
}  # fmt: skip
_PREFIXES = ("130", "135", "138", "139", "150", "158", "176", "186", "189", "199")
_SPELLINGS = ("{0}{1}{2}", "{0} {1} {2}", "{0}-{1}-{2}", "+86 {0}{1}{2}", "0086{0}{1}{2}")
_LESSONS_A_WEEK = 2
_COUPONS = (("WELCOME10", 10), ("AUTUMN20", 20))


class Lives:
    """Adds people and what they did to a ledger whose catalogue is there."""

    def __init__(self, ledger: Ledger, data: dict[str, Any]) -> None:
        self.ledger, self.dice, self.data = ledger, ledger.dice, data
        self.now = ledger.now
        courses = ledger.rows["school_courses"]
        self.courses = {row["id"]: row for row in courses}
        self.sold = [row["id"] for row in courses if row["kind"] == "course" and row["status"] == "published"]
        self.classes = [row["id"] for row in courses if row["kind"] == "class"]
        self.open = [row["id"] for row in courses if row["kind"] == "open"]
        # Few courses sell much, many sell little.
        self.weights = [1 / (1 + place) ** 0.6 for place in range(len(self.sold))]
        self.parts: dict[int, list[int]] = {}
        for pair in ledger.rows["school_class_courses"]:
            self.parts.setdefault(pair["class_id"], []).append(pair["course_id"])
        self.lessons: dict[int, int] = {}
        for lesson in ledger.rows["school_lessons"]:
            self.lessons[lesson["course_id"]] = lesson["position"]

    def populate(self, people: int) -> None:
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
        self._special(users[first:])

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
        if kind in ("dormant", "lapsed"):
            registered = min(registered, self.now - 200 * DAY)
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
            self._did(person, "login", None, at)
        for course in self._pick(self.dice.randint(1, 5)):
            self._did(person, "view", course, self.ledger.between(start, last), self.dice.randint(1, 6))
        for kind, share in (("favourite", 0.35), ("question", 0.1), ("coupon", 0.06)):
            if self.ledger.chance(share):
                self._did(person, kind, self._pick(1)[0], self.ledger.between(start, last))
        seen = max(last, person.get("last_active_at") or 0)
        self.ledger.touch(
            person, last_login_at=max(last, person.get("last_login_at") or 0), last_active_at=seen
        )

    def _did(self, person: Row, kind: str, course: int | None, at: int, count: int = 1) -> None:
        text = self.dice.choice(self.data[f"{kind}s"]) if kind in ("question", "review") else None
        self.ledger.add(
            "school_activities",
            user_id=person["id"],
            kind=kind,
            course_id=course,
            at=at,
            count=count,
            text=text,
        )

    def _pick(self, number: int) -> list[int]:
        return list(dict.fromkeys(self.dice.choices(self.sold, weights=self.weights, k=number)))

    def _dormant(self, person: Row, start: int, end: int) -> None:
        if self.ledger.chance(0.4):
            self.buy(person, self._pick(1)[0], self.ledger.between(start, end))

    def _buyer(self, person: Row, start: int, end: int) -> None:
        for course in self._pick(self.dice.randint(1, 2)):
            self.buy(person, course, self.ledger.between(start, end))

    def _loyal(self, person: Row, start: int, end: int) -> None:
        for course in self._pick(self.dice.randint(4, 8)):
            self.buy(person, course, self.ledger.between(start, end))
        if self.ledger.chance(0.4):
            self.buy(person, self.dice.choice(self.classes), self.ledger.between(start, end))

    def _refunder(self, person: Row, start: int, end: int) -> None:
        for course in self._pick(2):
            at = self.ledger.between(start, end)
            order = self.buy(person, course, at)
            self._refund(order, self.ledger.between(at, at + 14 * DAY))

    def _refund(self, order: Row, at: int) -> None:
        """Refund in full, in part, or only ask for it."""
        reason, amount = self.dice.choice(self.data["reasons"]), order["amount"]
        roll = self.dice.random()
        if roll < 0.2:
            self.ledger.touch(order, state="refunding", refund_requested=amount, refund_reason=reason)
            return
        given = amount if roll < 0.75 else amount // 2
        self.ledger.touch(
            order, state="refunded" if given == amount else "partly_refunded", refunded=given,
            refunded_at=at, refund_reason=reason,
        )  # fmt: skip
        order["line"]["refunded"] = given
        for seat in order["seats"] if given == amount else []:
            self.ledger.touch(seat, state="ended", ended_at=at, end_kind="refund", end_reason=reason)

    def _cart(self, person: Row, start: int, end: int) -> None:
        for course in self._pick(self.dice.randint(1, 2)):
            fresh = self.ledger.chance(0.4)
            at = max(start, self.ledger.ago(0, 0.9) if fresh else self.ledger.between(start, end - 2 * DAY))
            self._order(person, course, at, state="pending")

    def _member(self, person: Row, start: int, end: int) -> None:
        level = self.dice.choice(self.ledger.rows["school_levels"])
        at = max(start, self.now - self.dice.randint(1, level["days"] - 5) * DAY)
        self._join(person, level, at)
        for course in self._pick(self.dice.randint(1, 3)):
            self._seat(
                person, course, "membership", self.ledger.between(at, self.now), at + level["days"] * DAY
            )

    def _lapsed(self, person: Row, start: int, end: int) -> None:
        level = self.ledger.rows["school_levels"][0]
        self._join(person, level, start)
        self._seat(person, self._pick(1)[0], "membership", start, start + level["days"] * DAY)

    def _join(self, person: Row, level: Row, at: int) -> None:
        order = self._money(person, ("membership", level["id"], level["name"], level["price"]), at)
        self.ledger.touch(
            person, level_id=level["id"], member_since=at, member_until=at + level["days"] * DAY,
            joined_at=order["paid_at"],
        )  # fmt: skip

    def _trial(self, person: Row, start: int, end: int) -> None:
        self._did(
            person, "trial", self._pick(1)[0], self.ledger.between(max(start, self.now - 60 * DAY), end)
        )

    def _free(self, person: Row, start: int, end: int) -> None:
        seat = self._seat(person, self.dice.choice(self.open), "free", self.ledger.between(start, end), None)
        if self.ledger.chance(0.2):
            at = self.ledger.between(seat["enrolled_at"], end)
            self.ledger.touch(seat, state="ended", ended_at=at, end_kind="left")

    def _never(self, person: Row, start: int, end: int) -> None:
        """Imported by the office and never seen."""
        if self.ledger.chance(0.5):
            self._seat(person, self._pick(1)[0], "import", start, start + 180 * DAY)

    def buy(self, person: Row, course: int, at: int) -> Row:
        """Add a paid order, its seats, some learning and perhaps a review."""
        order = self._order(person, course, at)
        expires = at + self.dice.choice([90, 180, 365, 365]) * DAY
        order["seats"] = [self._seat(person, course, "purchase", at, expires, order)]
        for part in self.parts.get(course, []):
            order["seats"].append(self._seat(person, part, "class", at, expires, order))
        if self.ledger.chance(0.2):
            self._did(person, "review", course, self.ledger.between(at, at + 30 * DAY))
        return order

    def _order(self, person: Row, course: int, at: int, state: str = "paid") -> Row:
        item = self.courses[course]
        return self._money(person, (item["kind"], course, item["title"], item["price"]), at, state)

    def _money(self, person: Row, item: tuple[str, int, str, int], at: int, state: str = "paid") -> Row:
        kind, number, title, price = item
        code, percent = self.dice.choice(_COUPONS) if self.ledger.chance(0.12) else (None, 0)
        amount = price * (100 - percent) // 100
        closes = at + DAY
        if state == "pending" and closes <= self.now:
            state = "closed"
        paid = min(at + self.dice.randint(30, 900), self.now) if state == "paid" else None
        order = self.ledger.add(
            "school_orders", user_id=person["id"], state=state, amount=amount, created_at=at,
            closes_at=closes, paid_at=paid, closed_at=closes if state == "closed" else None, coupon=code,
            source="offline" if paid and self.ledger.chance(0.05) else "web",
        )  # fmt: skip
        self.ledger.touch(person, last_active_at=max(at, person.get("last_active_at") or 0))
        order["line"] = self.ledger.add(
            "school_order_lines", order_id=order["id"], kind=kind, item_id=number, title=title, amount=amount
        )
        return order

    def _seat(self, person: Row, course: int, source: str, at: int, expires: int | None,
              order: Row | None = None) -> Row:  # fmt: skip
        seat = self.ledger.add(
            "school_enrolments", user_id=person["id"], course_id=course, source=source, enrolled_at=at,
            starts_at=at, expires_at=expires, order_id=order["id"] if order else None,
        )  # fmt: skip
        if source == "import" or self.ledger.chance(0.15):
            return seat
        self._learn(person, seat, min(expires or self.now, self.now))
        if expires and expires < self.now and self.ledger.chance(0.5):
            self.ledger.touch(seat, state="ended", ended_at=expires, end_kind="expired")
        elif self.ledger.chance(0.02):
            gone = self.ledger.between(at, self.now)
            self.ledger.touch(seat, state="ended", ended_at=gone, end_kind="removed", end_reason="by staff")
        elif self.ledger.chance(0.02):
            self.ledger.touch(seat, state="suspended")
        return seat

    def _learn(self, person: Row, seat: Row, until: int) -> None:
        """Finish some lessons, at a human pace, not after the person was last seen."""
        until = min(until, person.get("last_active_at") or seat["enrolled_at"])
        total = self.lessons.get(seat["course_id"], 0)
        weeks = max(0, until - seat["enrolled_at"]) / (7 * DAY)
        done = min(total, int(weeks * _LESSONS_A_WEEK * self.dice.random()))
        if not done:
            return
        last = self.ledger.between(seat["enrolled_at"] + int(weeks * 0.5) * 7 * DAY, until)
        self.ledger.touch(
            seat, done=",".join(str(position) for position in range(1, done + 1)),
            progress=round(done / total, 4), last_learned_at=last,
            completed_at=last if done == total else None,
        )  # fmt: skip
        self._did(person, "learn", seat["course_id"], last, done)

    def _special(self, people: list[Row]) -> None:
        """Turn the first people into the cases that break careless software."""
        names = [*self.data["hostile"], "长" * 100 + "L" * 100]
        for person, name in zip(people, names, strict=False):
            self.ledger.touch(person, display_name=name, real_name=name)
        rest = iter(people[len(names) :])
        twins, child, parent = (next(rest), next(rest)), next(rest), next(rest)
        for twin in twins:
            self.ledger.touch(twin, phone="13912345678")
        self.ledger.touch(parent, email="Jose@Example.com", display_name="José Wang (parent)")
        self.ledger.touch(child, email="jose@example.com", display_name="Mei Wang (child)")
        for phone in ("12345", "call me", "021-62345678", "+1 555 0100", ""):
            self.ledger.touch(next(rest), phone=phone)
        for email in ("not-an-address", "student@localhost", "no@@example.com"):
            self.ledger.touch(next(rest), email=email)
        self.ledger.touch(next(rest), email=None, phone=None)
        for status in ("suspended", "suspended", "unconfirmed"):
            self.ledger.touch(next(rest), status=status)
        self.ledger.touch(next(rest), merged_into_id=next(rest)["id"], status="suspended")
        gone = next(rest)
        empty = dict.fromkeys(
            ("real_name", "email", "phone", "gender", "birthday", "city", "company", "locale")
        )
        self.ledger.touch(
            gone,
            status="erased",
            username=f"erased-{gone['id']}",
            display_name=f"#{gone['id']}",
            **empty,
            tags="",
        )
        for person in people[::25]:
            self.ledger.add(
                "school_messages", user_id=person["id"], sender="Lantern Academy", subject="Welcome · 欢迎",
                body="Your lamp is lit: every course has a free lesson.\n灯已点亮，从一节免费课开始吧。",
                sent_at=person["registered_at"],
            )  # fmt: skip
