"""What people do at the generated school: look, order, pay, learn, give back, leave."""

from __future__ import annotations

from typing import Any

from crm_plugin.demo.bulk_rows import DAY, Ledger

Row = dict[str, Any]
_LESSONS_A_WEEK = 2
_COUPONS = (*(("WELCOME10", 10), ("AUTUMN20", 20)) * 6, ("TEAM100", 100))
_ACCESS = (90, 180, 365, 365)
"""Days for which a bought course is open."""
_CLASS_ACCESS = 30
"""Days for which a class stays open after its end."""


class Acts:
    """Adds to a ledger, whose catalogue is there, what people did."""

    def __init__(self, ledger: Ledger, data: dict[str, Any]) -> None:
        self.ledger, self.dice, self.data, self.now = ledger, ledger.dice, data, ledger.now
        self.courses = {row["id"]: row for row in ledger.rows["school_courses"]}
        self.parts: dict[int, list[int]] = {}
        for pair in ledger.rows["school_class_courses"]:
            self.parts.setdefault(pair["class_id"], []).append(pair["course_id"])
        self.lessons: dict[int, int] = {}
        for lesson in ledger.rows["school_lessons"]:
            self.lessons[lesson["course_id"]] = lesson["position"]

    def did(self, person: Row, kind: str, course: int | None, at: int, count: int = 1) -> None:
        """Add a signal of a person; a question or a review has a text."""
        text = self.dice.choice(self.data[f"{kind}s"]) if kind in ("question", "review") else None
        what = {"kind": kind, "course_id": course, "at": at, "count": count, "text": text}
        self.ledger.add("school_activities", user_id=person["id"], **what)

    def buy(self, person: Row, course: int, at: int) -> Row:
        """Add a paid order, its seats, some learning and perhaps a review."""
        order, begins = self.order(person, course, at), self.courses[course].get("starts_at")
        expires = at + self.dice.choice(_ACCESS) * DAY
        if begins:
            expires = self.courses[course]["ends_at"] + _CLASS_ACCESS * DAY
        taught = [
            self.seat(person, part, "class", (at, max(at, begins or at), expires), order)
            for part in self.parts.get(course, [])
        ]
        own = self.seat(person, course, "purchase", (at, max(at, begins or at), expires), order)
        order["seats"] = [own, *taught]
        if begins:
            self._follow(own, taught)
        if self.ledger.chance(0.2) and (begins or at) < self.now - 5 * DAY:
            self.did(person, "review", course, self.ledger.between(max(at, begins or at), self.now))
        return order

    def _follow(self, own: Row, taught: list[Row]) -> None:
        """Let a seat in a class be as far as those in its courses; some leave the class early."""
        learned = [seat["last_learned_at"] for seat in taught if seat.get("last_learned_at")]
        if learned:
            progress = sum(seat.get("progress") or 0 for seat in taught) / len(taught)
            ended = max(learned) if progress == 1 else None
            self.ledger.touch(
                own, progress=round(progress, 4), last_learned_at=max(learned), completed_at=ended
            )
        if own["starts_at"] < self.now - 7 * DAY and self.ledger.chance(0.12):
            self._leave([own, *taught])

    def _leave(self, seats: list[Row]) -> None:
        """End these seats at some time after the last lesson, for one of the reasons that people give."""
        since = max(max(seat["starts_at"], seat.get("last_learned_at") or 0) for seat in seats)
        at = self.ledger.between(since, min(seats[0]["expires_at"] or self.now, since + 40 * DAY))
        self._end(seats, at, self.dice.choice(["left", "left", "removed"]), self._reason())

    def _end(self, seats: list[Row], at: int, kind: str, reason: list[str]) -> None:
        said = {"end_reason": reason[0], "end_reason_zh": reason[1]}
        for seat in seats:
            ended = max(at, seat["enrolled_at"])
            self.ledger.touch(seat, state="ended", ended_at=ended, end_kind=kind, **said)

    def _reason(self) -> list[str]:
        """Return a reason in both languages; the first of the list are given most."""
        given: list[list[str]] = self.data["reasons"]
        return self.dice.choices(given, weights=range(len(given), 0, -1))[0]

    def refund(self, order: Row, at: int) -> None:
        """Refund in full, in part, or only ask for it."""
        reason, amount = self._reason(), order["amount"]
        said = {"refund_reason": reason[0], "refund_reason_zh": reason[1]}
        roll = self.dice.random()
        if roll < 0.1 and at > self.now - 60 * DAY:
            self.ledger.touch(order, state="refunding", refund_requested=amount, **said)
            return
        given = amount if roll < 0.75 else amount // 2
        state = "refunded" if given == amount else "partly_refunded"
        self.ledger.touch(order, state=state, refunded=given, refunded_at=at, **said)
        order["line"]["refunded"] = given
        if given == amount:
            self._end(order["seats"], at, "refund", reason)

    def join(self, person: Row, level: Row, at: int) -> None:
        """Let a person buy a membership."""
        order = self._money(person, ("membership", level, "name"), at)
        self.ledger.touch(
            person, level_id=level["id"], member_since=at, member_until=at + level["days"] * DAY,
            joined_at=order["paid_at"],
        )  # fmt: skip

    def order(self, person: Row, course: int, at: int, state: str = "paid") -> Row:
        """Add an order of a course or class: paid, or pending until its day is over."""
        item = self.courses[course]
        order = self._money(person, (item["kind"], item, "title"), at, state)
        if order["coupon"]:
            self.did(person, "coupon", course, at)
        return order

    def _money(self, person: Row, bought: tuple[str, Row, str], at: int, state: str = "paid") -> Row:
        kind, item, name = bought
        code, percent = self.dice.choice(_COUPONS) if self.ledger.chance(0.12) else (None, 0)
        amount = item["price"] * (100 - percent) // 100
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
        line = {"kind": kind, "item_id": item["id"], "title": item[name], "title_zh": item[f"{name}_zh"]}
        order["line"] = self.ledger.add("school_order_lines", order_id=order["id"], amount=amount, **line)
        return order

    def seat(self, person: Row, course: int, source: str, times: tuple[int, int, int | None],
             order: Row | None = None) -> Row:  # fmt: skip
        """Add a seat and what became of it.

        :param times: when it was given, when it begins, when it expires.
        """
        at, starts, expires = times
        seat = self.ledger.add(
            "school_enrolments", user_id=person["id"], course_id=course, source=source, enrolled_at=at,
            starts_at=starts, expires_at=expires, order_id=order["id"] if order else None,
        )  # fmt: skip
        if source == "import" or starts > self.now or self.ledger.chance(0.15):
            return seat
        self._learn(person, seat, min(expires or self.now, self.now))
        if expires and expires < self.now and self.ledger.chance(0.5):
            self.ledger.touch(seat, state="ended", ended_at=expires, end_kind="expired")
        elif source != "class" and self.ledger.chance(0.04):
            self._leave([seat])
        elif self.ledger.chance(0.02):
            self.ledger.touch(seat, state="suspended")
        return seat

    def _learn(self, person: Row, seat: Row, until: int) -> None:
        """Finish some lessons, at a human pace, not after the person was last seen."""
        begins = seat["starts_at"]
        until = min(until, person.get("last_active_at") or begins)
        total = self.lessons.get(seat["course_id"], 0)
        weeks = max(0, until - begins) / (7 * DAY)
        done = min(total, int(weeks * _LESSONS_A_WEEK * self.dice.random()))
        if not done:
            return
        last = self.ledger.between(begins + int(weeks * 0.5) * 7 * DAY, until)
        self.ledger.touch(
            seat, done=",".join(str(position) for position in range(1, done + 1)),
            progress=round(done / total, 4), last_learned_at=last,
            completed_at=last if done == total else None,
        )  # fmt: skip
        self.did(person, "learn", seat["course_id"], last, done)
