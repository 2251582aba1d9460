"""A number of people that was confirmed is of its check: the clock alone refuses no launch."""

from datetime import timedelta

import pytest

from crm_plugin.campaigns import queries
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.ledger.states import books
from tests.fakes.clock import FixedClock
from tests.fakes.crm import NOW
from tests.web.fixtures import School
from tests.web.forms import posted
from tests.web.test_composer import draft
from tests.web.test_pages import on_sqlite

pytestmark = on_sqlite

EARLY = {"field": "registered_at", "operator": "olderThan", "value": {"n": 5, "unit": "day"}}


@pytest.mark.parametrize(
    ("minutes", "state"), [(2, "freezing"), (59, "freezing"), (61, "draft")], ids=["soon", "still", "late"]
)
def test_a_number_that_was_confirmed_is_of_its_check(school: School, minutes: int, state: str) -> None:
    """*More than 5 days ago* moves on by one person meanwhile; the campaign goes to who was counted."""
    ident = draft(school, audience={"combinator": "and", "rules": [EARLY]})
    page = school.get(f"/campaigns/{ident}/check").text
    assert "Send to 6 people" in page
    move(school, minutes)
    school.post(f"/campaigns/{ident}/launch", {**posted(page, "launch"), "confirm": "6"})
    assert queries.get(school.crm, ident).state == state
    if state == "freezing":
        assert freeze(school.crm, ident)
        assert number_of(school, ident) == 6
        assert queries.get(school.crm, ident).as_of == NOW


def move(school: School, minutes: int) -> None:
    clock = school.crm.clock
    assert isinstance(clock, FixedClock)
    clock.move(minutes=minutes)


def number_of(school: School, ident: int) -> int:
    with school.crm.db.read() as session:
        return books(session, [ident])[ident].considered


@pytest.mark.parametrize("as_of", ["", "x", (NOW + timedelta(minutes=2)).isoformat(), "2026-11-15T12:00:00"])
def test_an_instant_that_cannot_be_is_none(school: School, as_of: str) -> None:
    ident = draft(school, audience={"combinator": "and", "rules": [EARLY]})
    move(school, 1)
    school.post(f"/campaigns/{ident}/launch", {"confirm": "7", "as_of": as_of})
    assert queries.get(school.crm, ident).as_of == NOW + timedelta(minutes=1)
