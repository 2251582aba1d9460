"""Any sequence of changes ends where a full scan ends, and the facts are what a plain recount finds."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.types import Base
from crm_plugin.profiles.facts.compute import LIFE, recompute
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.school import HELD_MONEY
from crm_plugin.profiles.store.recompute_queue import touch_all
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import NOW, MakeCrm

COURSES = (
    r.Course("c0", "Zero", tags=("a",)),
    r.Course("c1", "One", tags=("a", "b")),
    r.Course("c1-copy", "Copy of one", parent_id="c1"),
)
number = st.integers(0, 5)
days = st.none() | st.integers(0, 400)
person = st.fixed_dictionaries(
    {
        "n": number,
        "active": days,
        "login": days,
        "email": st.sampled_from([None, "a@x.example", "A@x.example"]),
    }
)
order = st.fixed_dictionaries(
    {
        "n": number,
        "who": number,
        "state": st.sampled_from([*HELD_MONEY, "pending", "closed"]),
        "amount": st.integers(0, 3),
        "currency": st.sampled_from(["CNY", "CNY", "USD"]),
        "refunded": st.integers(0, 2),
        "paid": days,
        "created": days,
        "course": st.sampled_from(["c0", "c1", "c1-copy", None]),
    }
)
enrolment = st.fixed_dictionaries(
    {"n": number, "who": number, "learned": days, "course": st.sampled_from(["c0", "c1", "c1-copy"])}
)
signal = st.fixed_dictionaries(
    {
        "n": number,
        "who": number,
        "kind": st.sampled_from(["login", "learn", "view", "trial"]),
        "at": st.integers(0, 400),
    }
)
row = st.one_of(
    st.tuples(st.just("person"), person),
    st.tuples(st.just("order"), order),
    st.tuples(st.just("enrolment"), enrolment),
    st.tuples(st.just("signal"), signal),
    st.tuples(st.just("merge"), st.fixed_dictionaries({"n": number, "into": number})),
    st.tuples(st.just("erase"), st.fixed_dictionaries({"n": number})),
    st.tuples(
        st.just("remove"),
        st.fixed_dictionaries({"stream": st.sampled_from(["persons", "orders", "signals"]), "n": number}),
    ),
    st.tuples(st.just("sync"), st.just({})),
    st.tuples(st.just("forget changes"), st.fixed_dictionaries({"stream": st.sampled_from(r.STREAMS)})),
)


def ago(n: int | None) -> datetime | None:
    return None if n is None else NOW - timedelta(days=n)


class School:
    """A fake host that random steps change; erased people stay erased, and rows go before their person."""

    def __init__(self, crm: Crm, host: FakeHost) -> None:
        self.crm, self.host = crm, host
        self.erased: set[str] = set()

    def step(self, kind: str, of: dict[str, Any]) -> None:
        getattr(self, kind.replace(" ", "_"))(**of)

    def sync(self) -> None:
        assert sync(self.crm).complete

    def forget_changes(self, stream: str) -> None:
        self.host.forget_changes(stream)

    def person(self, n: int, active: int | None, login: int | None, email: str | None) -> None:
        if f"p{n}" not in self.erased:
            record = r.Person(f"p{n}", email=email, last_active_at=ago(active), last_login_at=ago(login))
            self.host.put(record)

    def order(self, n: int, who: int, course: str | None, **of: Any) -> None:
        amount = Decimal(of["amount"])
        lines = [r.OrderLine("course", course, amount)] if course else []
        self.host.put(
            r.Order(
                f"o{n}",
                f"p{who}",
                of["state"],
                amount,
                of["currency"],
                Decimal(of["refunded"]),
                paid_at=ago(of["paid"]),
                created_at=ago(of["created"]),
                lines=lines,
            )
        )

    def enrolment(self, n: int, who: int, learned: int | None, course: str) -> None:
        self.host.put(r.Enrolment(f"e{n}", f"p{who}", course, last_learned_at=ago(learned)))

    def signal(self, n: int, who: int, kind: str, at: int) -> None:
        self.host.put(r.Signal(f"s{n}", f"p{who}", kind, NOW - timedelta(days=at), "c1"))

    def merge(self, n: int, into: int) -> None:
        # Only into somebody of higher number who is not merged: schools keep no rings.
        target = self.host.books["persons"].get(f"p{into}")
        if n < into and target and not target.merged_into and f"p{n}" not in self.erased:
            self.host.put(r.Person(f"p{n}", merged_into=f"p{into}"))

    def erase(self, n: int) -> None:
        if not self._is_target(f"p{n}"):
            self.erased.add(f"p{n}")
            self.host.put(r.Person(f"p{n}", status="erased"))

    def remove(self, stream: str, n: int) -> None:
        id = f"{stream[0]}{n}"
        row = self.host.books[stream].get(id)
        # Seats go only with their person: one that we saw end still tells what somebody learned.
        if row is None or self._is_target(id) or id in self.erased or getattr(row, "merged_into", None):
            return
        if stream == "persons":
            for other in ("enrolments", "orders", "signals"):
                rows = [row.id for row in self.host.books[other].values() if row.person_id == id]
                self.host.remove(other, *rows)
        self.host.remove(stream, id)

    def _is_target(self, id: str) -> bool:
        return any(row.merged_into == id for row in self.host.books["persons"].values())


def wipe(crm: Crm) -> None:
    with crm.db.begin() as session:
        for table in Base.metadata.sorted_tables:
            session.execute(sa.delete(table))


def snapshot(crm: Crm) -> dict[str, Any]:
    """What the CRM holds, named by the school's ids, without what the school no longer has."""
    who = {
        id: host_id for id, host_id, status in _select(crm, m.Person.id, m.Person.host_id, m.Person.status)
    }
    living = {id for id, status in _select(crm, m.Person.id, m.Person.status) if status != "erased"}
    course = dict(_select(crm, m.Course.id, m.Course.host_id))
    facts = (m.Person.paid_count, m.Person.paid_total, m.Person.refunded_total, m.Person.unpaid_count)
    dates = (m.Person.first_paid_at, m.Person.last_paid_at, m.Person.last_active_at, m.Person.last_learned_at)
    return {
        "persons": {
            who[row[0]]: row[1:]
            for row in _select(crm, m.Person.id, m.Person.email_key, *facts, *dates)
            if row[0] in living
        },
        "enrolments": {
            row[0]: (who[row[1]], course[row[2]], row[3])
            for row in _select(
                crm, *_columns(m.Enrolment, "host_id person_id root_id last_learned_at end_kind")
            )
            if row[4] != "removed" and row[1] in living
        },
        "orders": {
            row[0]: (who.get(row[1]), *row[2:])
            for row in _select(crm, *_columns(m.Order, "host_id person_id state amount currency refunded"))
        },
        "lines": sorted(
            (course.get(root, ""), held, who.get(person, ""))
            for root, held, person in _select(crm, *_columns(m.OrderLine, "root_id held_money person_id"))
        ),
        "signals": {
            row[0]: (who[row[1]], *row[2:])
            for row in _select(crm, *_columns(m.Signal, "host_id person_id kind at"))
        },
        "interests": {
            (who[row[0]], row[1]): row[2:]
            for row in _select(crm, *_columns(m.Interest, "person_id folded strength reasons"))
        },
    }


def _columns(model: Any, names: str) -> list[Any]:
    return [getattr(model, name) for name in names.split()]


def _select(crm: Crm, *columns: Any) -> list[Any]:
    with crm.db.read() as session:
        return list(session.execute(sa.select(*columns)).all())


def recount(host: FakeHost) -> dict[str, Any]:
    """The facts of all living people, counted one by one from the school's own books."""
    persons = host.books["persons"]
    found = {}
    for person in persons.values():
        if person.status == "erased" or person.merged_into:
            continue
        ids = {person.id, *(row.id for row in persons.values() if row.merged_into == person.id)}
        while more := {row.id for row in persons.values() if row.merged_into in ids} - ids:
            ids |= more
        orders = [row for row in host.books["orders"].values() if row.person_id in ids]
        held = [row for row in orders if row.state in HELD_MONEY]
        paid = [row for row in held if row.amount > 0]
        dates = [row.paid_at or row.created_at for row in paid]
        signals = [row for row in host.books["signals"].values() if row.person_id in ids and row.kind in LIFE]
        seats = [row for row in host.books["enrolments"].values() if row.person_id in ids]
        found[person.id] = (
            "a@x.example" if person.email else None,
            len(paid),
            sum((row.amount for row in paid if row.currency == "CNY"), Decimal(0)),
            sum((row.refunded for row in held if row.currency == "CNY"), Decimal(0)),
            sum(row.state == "pending" for row in orders),
            _end(min, dates),
            _end(max, dates),
            _end(max, [person.last_active_at, person.last_login_at, *(row.at for row in signals)]),
            _end(max, [row.last_learned_at for row in seats]),
        )
    return found


def _end(of: Callable[[list[datetime]], datetime], dates: Iterable[datetime | None]) -> datetime | None:
    known = [date for date in dates if date is not None]
    return of(known) if known else None


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(row, min_size=5, max_size=60))
def test_changes_end_where_a_scan_ends(make_crm: MakeCrm, steps: list[tuple[str, dict[str, Any]]]) -> None:
    host = FakeHost(*COURSES)
    crm = make_crm(host)
    wipe(crm)
    school = School(crm, host)
    for kind, of in steps:
        school.step(kind, of)
    school.sync()
    by_changes = snapshot(crm)
    assert by_changes["persons"] == recount(host)
    assert sync(crm, full=True).complete
    assert snapshot(crm) == by_changes
    wipe(crm)
    school.sync()
    assert snapshot(crm) == by_changes


def test_tags_with_nothing_new_keep_their_weight_while_time_goes_by(make_crm: MakeCrm) -> None:
    host = FakeHost()
    host.put(*COURSES)
    host.put(r.Person("p1"))
    host.put(*(r.Signal(f"s{n}", "p1", "view", NOW - timedelta(n), f"c{n}") for n in range(2)))
    crm = make_crm(host)
    sync(crm)
    before = snapshot(crm)["interests"]
    assert set(before) == {("p1", "a"), ("p1", "b")}
    crm.clock.move(days=200)  # type: ignore[attr-defined]
    crm.db.run(touch_all)
    assert recompute(crm) == 1
    assert snapshot(crm)["interests"] == before
    host.remove("signals", "s1")
    sync(crm)
    assert {tag for _, tag in snapshot(crm)["interests"]} == {"a"}
