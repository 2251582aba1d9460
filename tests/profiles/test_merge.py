"""Accounts that turn out to be one person, in any order, and people who are erased: nothing slips through."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.types import Base
from crm_plugin.profiles.consent import ledger
from crm_plugin.profiles.models import school as m
from crm_plugin.profiles.models.streams import Parked
from crm_plugin.profiles.privacy import requests
from crm_plugin.profiles.sync.service import sync
from tests.fakes.host import FakeHost
from tests.profiles.conftest import NOW, MakeCrm, clock_of, count

PEOPLE = [
    r.Person(name, display_name=name, email=f"{name}@school.example", phone=f"1380013800{number}")
    for number, name in enumerate(("ann", "bob", "eve"))
]


def rows_of(name: str) -> list[Any]:
    line = r.OrderLine("course", "c1", Decimal(10))
    return [
        r.Enrolment(f"e-{name}", name, "c1"),
        r.Order(f"o-{name}", name, "paid", Decimal(10), "CNY", lines=(line,)),
        r.Signal(f"s-{name}", name, "view", NOW, "c1"),
    ]


@pytest.fixture
def host() -> FakeHost:
    return FakeHost(
        r.Course("c1", "Piano", tags=("music",)),
        *PEOPLE,
        *(row for person in PEOPLE for row in rows_of(person.id)),
    )


@pytest.fixture
def crm(make_crm: MakeCrm, host: FakeHost) -> Crm:
    crm = make_crm(host)
    assert sync(crm).complete
    return crm


def round_of(crm: Crm, host: FakeHost, *rows: Any) -> None:
    host.put(*rows)
    clock_of(crm).move(seconds=1)
    assert sync(crm).complete


def ids(crm: Crm) -> dict[str, int]:
    with crm.db.read() as session:
        found = session.execute(sa.select(m.Person.host_id, m.Person.id))
        return {name: id for name, id in found}  # noqa: C416 - rows are no pairs to mypy


def says(crm: Crm, name: str, verb: Any, channel: str = "email", **values: Any) -> None:
    who = ids(crm)[name]
    with crm.db.begin() as session:
        verb(crm, session, who, channel, clock_of(crm)(), "page", **values)
    clock_of(crm).move(seconds=1)


def in_force(crm: Crm, name: str) -> dict[str, str]:
    who = m.Consent.person_id == ids(crm)[name]
    with crm.db.read() as session:
        chosen = sa.select(m.Consent.channel, m.Consent.state).where(who)
        return {name: state for name, state in session.execute(chosen)}  # noqa: C416 - as above


def suppressed(crm: Crm, channel: str) -> set[tuple[Any, ...]]:
    columns = (m.Suppression.address_key, m.Suppression.reason, m.Suppression.scope)
    with crm.db.read() as session:
        chosen = sa.select(*columns).where(m.Suppression.channel == channel)
        return {tuple(row) for row in session.execute(chosen)}


def owners(crm: Crm, models: Sequence[Any] = (m.Enrolment, m.Order, m.OrderLine, m.Signal)) -> list[set[str]]:
    names = {id: name for name, id in ids(crm).items()}
    with crm.db.read() as session:
        found = [session.scalars(sa.select(model.person_id).distinct()).all() for model in models]
    return [{"nobody" if id is None else names[id] for id in held} for held in found]


def facts(crm: Crm, name: str) -> tuple[Any, ...]:
    with crm.db.read() as session:
        person = session.get_one(m.Person, ids(crm)[name])
        return person.paid_count, person.paid_total


@pytest.mark.parametrize("order", [("ann", "bob"), ("bob", "ann")])
def test_a_merge_of_merges_ends_at_the_last_whatever_comes_first(
    crm: Crm, host: FakeHost, order: Sequence[str]
) -> None:
    into = {"ann": "bob", "bob": "eve"}
    with crm.db.begin() as session:
        ledger.suppress(crm, session, "message", "ann", "all", "complaint", NOW, "school")
    for name in order:
        round_of(crm, host, r.Person(name, merged_into=into[name]))
    assert owners(crm) == [{"eve"}] * 4
    assert facts(crm, "eve") == (3, Decimal(30))
    assert ("eve", "complaint", "all") in suppressed(crm, "message")
    with crm.db.read() as session:
        (music,) = session.scalars(sa.select(m.Interest)).all()
        assert (music.person_id, music.reasons) == (ids(crm)["eve"], {"bought": 3, "enrolled": 3, "view": 3})
    # What is told of the oldest account later is of the last one too.
    round_of(crm, host, r.Enrolment("e-late", "ann", "c1"), r.Signal("s-late", "bob", "login", NOW))
    assert owners(crm) == [{"eve"}] * 4
    assert sync(crm, full=True).changed == 0


def test_the_strictest_answer_stays_whoever_said_it_and_when(crm: Crm, host: FakeHost) -> None:
    says(crm, "bob", ledger.opt_out)
    says(crm, "ann", ledger.opt_in)
    says(crm, "ann", ledger.opt_out, "sms")
    round_of(crm, host, r.Person("ann", merged_into="bob"))
    assert in_force(crm, "bob") == {"email": "denied", "sms": "denied"}
    round_of(crm, host, r.Person("bob", merged_into="eve"))
    assert in_force(crm, "eve") == {"email": "denied", "sms": "denied"}


def test_a_wish_holds_at_the_other_address_too_and_a_bounce_does_not(crm: Crm, host: FakeHost) -> None:
    says(crm, "ann", ledger.opt_out, scope="all")
    with crm.db.begin() as session:
        ledger.suppress(crm, session, "email", "ann@school.example", "all", "bounce", NOW, "smtp")
    round_of(crm, host, r.Person("ann", merged_into="bob"))
    assert suppressed(crm, "email") == {
        ("ann@school.example", "opt_out", "all"),
        ("ann@school.example", "bounce", "all"),
        ("bob@school.example", "opt_out", "all"),
    }


def test_a_merge_that_is_told_again_changes_nothing(crm: Crm, host: FakeHost) -> None:
    says(crm, "ann", ledger.opt_out)
    round_of(crm, host, r.Person("ann", merged_into="bob"))
    lines = count(crm, m.ConsentRecord)
    round_of(crm, host, r.Person("ann", display_name="Other", merged_into="bob"))
    assert count(crm, m.ConsentRecord) == lines
    says(crm, "bob", ledger.opt_in)
    round_of(crm, host, r.Person("ann", display_name="Again", merged_into="bob"))
    assert in_force(crm, "bob") == {"email": "granted"}, "who changed their mind is not asked again"


def held_anywhere(crm: Crm, text: str) -> list[str]:
    with crm.db.read() as session:
        return [
            table.name
            for table in Base.metadata.sorted_tables
            for row in session.execute(sa.select(table))
            if text in map(str, row)
        ]


def test_who_is_forgotten_takes_the_accounts_along_that_were_merged_into_them(
    crm: Crm, host: FakeHost
) -> None:
    round_of(crm, host, r.Person("ann", merged_into="bob"))
    round_of(crm, host, r.Person("bob", merged_into="eve"))
    requests.forget(crm, ids(crm)["eve"])
    assert [held_anywhere(crm, name) for name in ("ann", "bob", "eve")] == [[], [], []]
    assert owners(crm) == [set(), {"nobody"}, {"nobody"}, set()]
    # The school still has all of it, and says it again in every way.
    round_of(crm, host, r.Person("ann", display_name="Back", merged_into="bob"), *PEOPLE[2:])
    round_of(crm, host, r.Person("late", display_name="late", merged_into="eve"))
    round_of(crm, host, *(row for name in ("ann", "bob", "eve", "late") for row in rows_of(name)))
    sync(crm, full=True)
    assert [held_anywhere(crm, name) for name in ("ann", "bob", "eve", "late")] == [[], [], [], []]
    assert count(crm, m.Person, m.Person.status != "erased") == 0
    assert owners(crm)[:2] == [set(), {"nobody"}]
    assert count(crm, Parked) == 0


def test_an_account_that_was_taken_out_of_another_outlives_it(crm: Crm, host: FakeHost) -> None:
    round_of(crm, host, r.Person("ann", merged_into="bob"))
    host.put(r.Person("bob", status="erased"), PEOPLE[0])
    clock_of(crm).move(seconds=1)
    for _ in range(2):
        assert sync(crm).complete
    assert "ann" in ids(crm)
    assert "bob" not in ids(crm)
    assert owners(crm, [m.Enrolment, m.Signal]) == [{"ann", "eve"}] * 2
