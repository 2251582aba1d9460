"""Walks stay straight: how many files of the package a request enters, the kernel left out.

A walk that needs one more file is held here to ask whether it has to: whoever reads the request must open
each of them. A lower number is written down as soon as it is reached.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.launch.freezing import freeze
from crm_plugin.campaigns.models import Delivery
from crm_plugin.kernel.db.engine import Database
from tests.fakes.host import staff
from tests.project.walks import Walk, walked
from tests.web.fixtures import School, open_school
from tests.web.test_pages import on_sqlite

pytestmark = on_sqlite

LONGEST = {
    "count a condition": 21,
    "count a condition on a date": 22,
    "page of people": 35,
    "launch and freeze": 49,
    "campaign page": 27,
    "report of a campaign": 21,
    "first message of a campaign": 43,
    "a later message": 24,
}
"""Walk → the most files that it may enter."""

BUYERS: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"field": "paid_count", "operator": ">=", "value": 1}],
}
"""A search with one condition; the first of :data:`CONDITIONS` is the same as the builder posts it."""
CONDITIONS = {
    "count a condition": {"f": "paid_count", "p": "paid_count", "o": ">=", "v": "1"},
    "count a condition on a date": {
        "f": "last_active_at",
        "p": "last_active_at",
        "o": "olderThan",
        "n": "5",
        "u": "day",
    },
}
QUIET: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"field": "last_active_at", "operator": "olderThan", "value": {"n": 5, "unit": "day"}}],
}
"""Six people of the school; a private message goes to them."""


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    return open_school(database, tmp_path)


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_walk_of_counting_a_condition(school: School, name: str) -> None:
    form = {"csrf_token": school.csrf(), "r:c": "all", "r:n": "1"}
    form |= {f"r.0:{key}": value for key, value in CONDITIONS[name].items()}

    def count() -> None:
        answer = school.client.post("/admin/crm/people/count", data=form)
        assert "<b>6</b>" in answer.text

    hold(name, count)


def test_the_walk_of_the_page_of_people(school: School) -> None:
    def show() -> None:
        answer = school.get("/people", query_string={"tree": json.dumps(BUYERS)})
        assert "Person 06" in answer.text

    hold("page of people", show)


def test_the_walk_of_launching_a_campaign(school: School) -> None:
    token = school.csrf()

    def launch() -> None:
        (ident,) = drafted
        form = {"csrf_token": token, "confirm": "6"}
        school.client.post(f"/admin/crm/campaigns/{ident}/launch", data=form)
        assert freeze(school.crm, ident)

    drafted = [draft(school)]
    launch()
    drafted[:] = [draft(school)]
    with walked() as walk:
        launch()
    check("launch and freeze", walk)


@pytest.mark.parametrize(("name", "part"), [("campaign page", ""), ("report of a campaign", "/report")])
def test_the_walk_of_a_campaign_page(school: School, name: str, part: str) -> None:
    ident = frozen(school)
    drain(school.crm, ident)

    def show() -> None:
        answer = school.get(f"/campaigns/{ident}{part}", headers={"HX-Request": "true"} if part else {})
        assert answer.status_code == 200

    hold(name, show)


def test_the_walk_of_the_first_message_of_a_campaign(school: School) -> None:
    """A worker that has sent another campaign reads this one, and begins."""
    drain(school.crm, frozen(school))
    ident = frozen(school)
    with walked() as walk:
        assert drain(school.crm, ident) == 6
    check("first message of a campaign", walk)


def test_the_walk_of_a_later_message(school: School) -> None:
    """A worker takes a campaign up again that it sent some messages of."""
    ident = frozen(school)
    park(school, "pending", "waiting", Delivery.person_id > 9)
    assert drain(school.crm, ident) == 3
    park(school, "waiting", "pending")
    with walked() as walk:
        assert drain(school.crm, ident) == 3
    check("a later message", walk)


def frozen(school: School) -> int:
    """Make a campaign that is ready to send."""
    ident = draft(school)
    service.launch(school.crm, staff("ann"), ident)
    assert freeze(school.crm, ident)
    return ident


def park(school: School, state: str, other: str, *where: sa.ColumnElement[bool]) -> None:
    """Put rows from a state into another one."""
    with school.crm.db.begin() as session:
        session.execute(sa.update(Delivery).where(Delivery.state == state, *where).values(state=other))


def draft(school: School) -> int:
    """Write a campaign down that sends a private message to six people."""
    document = {"name": "Autumn", "audience": QUIET, "channel": "message", "text": "Hello {{ display_name }}"}
    return drafts.create(school.crm, staff("ann"), document)


def hold(name: str, request: Callable[[], None]) -> None:
    """Do a request twice and hold the second one to the length of its walk."""
    request()
    with walked() as walk:
        request()
    check(name, walk)


def check(name: str, walk: Walk) -> None:
    """Hold a walk to its length."""
    assert walk.files
    assert len(walk.files) <= LONGEST[name], f"the walk of {name!r} is longer than {LONGEST[name]}:\n{walk}"
