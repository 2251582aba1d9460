"""A school of any size that holds nothing: each row is made again from the seed, its stream and its number.

Two enrolments, 1.2 orders and three signals for each person, as a busy online school has them; some people
do much and many do little. A day later (:meth:`School.tomorrow`) 1 % of the rows are new or different.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from crm_plugin.host import records as r
from crm_plugin.host.hookspecs import hookimpl
from tests.fakes.host import host_info

PRESENT = datetime(2026, 11, 15, 12, 0, tzinfo=UTC)
COURSES = 500
BLOCK = 1_000
"""Rows made by one generator of random numbers: a page may begin at any of them."""
RATIOS = {"persons": 1.0, "enrolments": 2.0, "orders": 1.2, "signals": 3.0}
CHANGED = 100
"""One row in so many changes in a day."""
_FAMILY = "王李张刘陈杨赵黄周吴"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超"
_CITIES = ("北京", "上海", "广州", "深圳", "杭州", "成都", "Wuhan", "Xi'an", None)
_TAGS = tuple(f"topic {number}" for number in range(40))
_SIGNALS = ("view", "view", "view", "visit", "learn", "login", "trial", "favourite", "question")
_STATES = ("paid", "paid", "paid", "paid", "closed", "pending", "refunded", "partly_refunded")
_PRICES = tuple(Decimal(price) for price in ("0.00", "19.90", "99.00", "199.00", "499.00", "1299.00"))
_NOTHING = Decimal(0)


class School:
    """A host plug-in; pass it to ``Gateway``.

    :param people: how many; the other streams follow by :data:`RATIOS`.
    :param seed: of all values.
    """

    def __init__(self, people: int, seed: int = 1) -> None:
        self.actor: r.Actor | None = None
        self.sizes = {stream: int(people * ratio) for stream, ratio in RATIOS.items()} | {"courses": COURSES}
        self.people = people
        self.seed = seed
        self.day = 0
        self._makers: dict[str, Callable[[int, Random], Any]] = {
            "courses": self._course,
            "persons": self._person,
            "enrolments": self._enrolment,
            "orders": self._order,
            "signals": self._signal,
        }

    def rows(self, stream: str, start: int, end: int) -> Iterator[Any]:
        """Yield the rows of these numbers."""
        for block in range(start // BLOCK, -(-end // BLOCK)):
            chance, make, first = Random(f"{self.seed} {stream} {block}"), self._makers[stream], block * BLOCK
            for number in range(first, min(first + BLOCK, end)):
                row = make(number, chance)
                if number >= start:
                    yield row

    def tomorrow(self) -> None:
        """Let a day pass."""
        self.day += 1

    # the hooks

    @hookimpl
    def host_info(self) -> r.HostInfo:
        return host_info(attributes=("campus",))

    @hookimpl
    def host_scan(self, stream: str, after: str | None, limit: int) -> r.ScanPage:
        start = int(after or 0)
        end = min(start + limit, self.sizes[stream])
        return r.ScanPage(list(self.rows(stream, start, end)), str(end) if end < self.sizes[stream] else None)

    @hookimpl
    def host_fetch(self, stream: str, ids: list[str]) -> r.FetchPage:
        numbers = [int(id[1:]) for id in ids]
        return r.FetchPage([row for number in numbers for row in self.rows(stream, number, number + 1)])

    @hookimpl
    def host_mark(self, stream: str) -> str:
        return f"{self.day}:0"

    @hookimpl
    def host_changes(self, stream: str, mark: str, limit: int) -> r.ChangePage:
        day, done = map(int, mark.split(":"))
        if day == self.day:
            return r.ChangePage([], mark)
        total = 0 if stream == "courses" else self.sizes[stream] // CHANGED
        end = min(done + limit, total)
        changes: list[Any] = [r.Upsert(self._changed(stream, number)) for number in range(done, end)]
        return r.ChangePage(changes, f"{day}:{end}" if end < total else f"{self.day}:0", end < total)

    @hookimpl
    def host_estimate(self, stream: str) -> int | None:
        return self.sizes[stream]

    @hookimpl
    def host_current_actor(self, request: r.RequestFacts) -> r.Actor | None:
        return self.actor

    @hookimpl
    def host_url(self, kind: str, id: str) -> str | None:
        return None

    # the rows

    def _changed(self, stream: str, number: int) -> Any:
        """Return the ``number``-th change of the day: signals are new, and every other enrolment and order.

        A hundredth of the people come by; the other half of the enrolments and orders changes for anybody.
        """
        new = stream == "signals" or (stream != "persons" and number % 2)
        chance = Random(f"{self.seed} {stream} change {number}")
        row = self._makers[stream](self.sizes[stream] + number if new else number * CHANGED, chance)
        if stream == "persons":
            row.last_login_at = row.last_active_at = PRESENT + timedelta(seconds=number % 86_400)
        elif new:
            # What is new was done by people who were there that day.
            row.person_id = f"p{chance.randrange(self.people // CHANGED) * CHANGED}"
        return row

    def _whose(self, number: int) -> str:
        """Return the owner of a row: the same one after it changed; few people own many rows."""
        this, that = number * 2_654_435_761 % 2**32, number * 2_246_822_519 % 2**32
        return f"p{self.people * this * that >> 64}"

    def _course(self, number: int, chance: Random) -> r.Course:
        tags = (chance.choice(_TAGS), chance.choice(_TAGS))
        copy_of = f"c{number // 10 * 10}" if number % 10 > 6 else None
        price = chance.choice(_PRICES)
        return r.Course(
            f"c{number}",
            f"Course {number}",
            copy_of,
            tags=tags,
            category=("All",),
            price=price,
            currency="CNY",
        )

    def _person(self, number: int, chance: Random) -> r.Person:
        dice = chance.random()
        registered = PRESENT - timedelta(seconds=int(chance.random() * 4e7))
        active = PRESENT - timedelta(seconds=int(chance.random() * 2e7)) if dice < 0.8 else None
        consents = (r.Consent("sms", dice < 0.15, at=registered, source="form"),) if dice < 0.2 else ()
        return r.Person(
            f"p{number}",
            display_name=f"Learner {number}",
            real_name=chance.choice(_FAMILY) + chance.choice(_GIVEN) + chance.choice(_GIVEN),
            username=f"learner{number}",
            email=f"learner{number}@mail.example.com" if dice < 0.7 else None,
            email_verified=dice < 0.5,
            phone=f"13{number % 1_000_000_000:09d}" if dice > 0.3 else None,
            gender="female" if dice < 0.5 else "male",
            city=chance.choice(_CITIES),
            country="CN",
            registered_at=registered,
            last_login_at=active,
            last_active_at=active,
            member_level="gold" if dice < 0.05 else None,
            member_until=PRESENT + timedelta(days=number % 400 - 100) if dice < 0.05 else None,
            tags=("vip",) if dice < 0.05 else (),
            attributes={"campus": f"campus {number % 7}"} if dice < 0.3 else {},
            consents=consents,
        )

    def _enrolment(self, number: int, chance: Random) -> r.Enrolment:
        dice = chance.random()
        at = PRESENT - timedelta(seconds=int(chance.random() * 4e7))
        return r.Enrolment(
            f"e{number}",
            self._whose(number),
            f"c{int(COURSES * dice * dice)}",
            source="purchase" if dice < 0.6 else "free",
            state="active" if dice < 0.9 else "ended",
            enrolled_at=at,
            expires_at=at + timedelta(days=365) if dice < 0.5 else None,
            progress=round(chance.random(), 2),
            last_learned_at=at + timedelta(days=9) if dice < 0.7 else None,
        )

    def _order(self, number: int, chance: Random) -> r.Order:
        dice = chance.random()
        state, amount = chance.choice(_STATES), chance.choice(_PRICES)
        at = PRESENT - timedelta(seconds=int(chance.random() * 4e7))
        refunded = amount if state == "refunded" else _NOTHING
        return r.Order(
            f"o{number}",
            self._whose(number),
            state,
            amount,
            "CNY",
            refunded,
            created_at=at,
            paid_at=None if state in ("closed", "pending") else at,
            lines=(r.OrderLine("course", f"c{int(COURSES * dice * dice)}", amount, refunded),),
            source="web" if dice < 0.8 else "app",
        )

    def _signal(self, number: int, chance: Random) -> r.Signal:
        dice = chance.random()
        kind = chance.choice(_SIGNALS)
        course = None if kind == "login" else f"c{int(COURSES * dice * dice)}"
        at = PRESENT - timedelta(seconds=int(chance.random() * 3e7))
        return r.Signal(f"s{number}", self._whose(number), kind, at, course, 1 + int(dice * 3))
