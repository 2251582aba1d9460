"""The two evaluators decide alike: random trees over random schools, on each database."""

import random
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from crm_plugin.kernel.db import Database
from crm_plugin.profiles.models import Person
from crm_plugin.segments import world
from crm_plugin.segments.catalogue import Catalogue
from crm_plugin.segments.compile import people
from crm_plugin.segments.evaluate import matches
from crm_plugin.segments.moments import Present
from crm_plugin.segments.parse import parse
from tests.segments.school import School
from tests.segments.trees import Trees

PEOPLE = 40
SCHOOLS = 6
PRESENTS = (
    ("2026-11-15T12:00:00+00:00", "Europe/London"),
    ("2026-03-29T12:30:00+00:00", "Europe/London"),  # the clocks changed this morning
    ("2026-10-25T01:30:00+00:00", "Europe/London"),  # 01:30 for the second time
    ("2028-02-29T18:00:00+00:00", "Asia/Shanghai"),  # already March there
    ("2026-03-31T07:15:00.000001+00:00", "America/New_York"),
    ("2027-02-28T11:00:00+00:00", "Australia/Lord_Howe"),  # clocks change by half an hour
)
SCOPES = (None, None, frozenset({"2"}), frozenset({"1", "class:4", "gone"}))
SAVED = {
    "combinator": "or",
    "rules": [
        {"field": "is_member", "operator": "=", "value": True},
        {"field": "orders", "match": {"mode": "some"}},
    ],
}


def present_of(number: int, dialect: str, scope: frozenset[str] | None = None) -> Present:
    at, zone = PRESENTS[number % len(PRESENTS)]
    return Present(datetime.fromisoformat(at), ZoneInfo(zone), scope, "GBP", dialect)


def agree(database: Database, number: int, seed: int) -> int:
    """Check one random tree over one school; return how many people it matches."""
    chance = random.Random(seed)
    present = present_of(number, database.dialect, chance.choice(SCOPES))
    catalogue = Catalogue(zone=present.zone, attributes=("faculty", "house"), query=lambda _id: SAVED)
    document = Trees(chance, School(chance, present), catalogue).document()
    note(repr(document))
    tree = parse(document, catalogue)
    with database.read() as session:
        by_sql = sorted(session.scalars(people(tree, present)))
        everybody = list(session.scalars(sa.select(Person.id)))
        loaded = world.load(session, tree, everybody, present)
    by_hand = sorted(row["id"] for row in loaded.people if matches(tree, row, loaded))
    assert by_sql == by_hand
    return len(by_sql)


def check(database: Database, number: int, examples: int) -> None:
    School(random.Random(number), present_of(number, database.dialect)).fill(database, PEOPLE)
    counts: list[int] = []

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def run(seed: int) -> None:
        counts.append(agree(database, number, seed))

    run()
    # Trees that match nobody or everybody prove little: many must not.
    assert sum(0 < count < PEOPLE * 0.6 for count in counts) > examples / 8


@pytest.mark.parametrize("number", range(SCHOOLS))
def test_sql_and_memory_agree(database: Database, number: int) -> None:
    check(database, number, 500)


@pytest.mark.long
@pytest.mark.parametrize("number", range(SCHOOLS, SCHOOLS + 20))
def test_sql_and_memory_agree_on_ten_thousand_trees(database: Database, number: int) -> None:
    check(database, number, 500)
