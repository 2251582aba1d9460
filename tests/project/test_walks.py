"""Walks stay straight: how many files of the package a request enters, the kernel left out.

A walk that needs one more file is held here to ask whether it has to: whoever reads the request must open
each of them. A lower number is written down as soon as it is reached.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.kernel.db.engine import Database
from tests.project.walks import walked
from tests.web.fixtures import School, open_school
from tests.web.test_pages import on_sqlite

pytestmark = on_sqlite

LONGEST = {
    "count a condition": 32,
    "page of people": 47,
}
"""Walk → the most files that it may enter."""

LATELY: dict[str, Any] = {
    "combinator": "and",
    "rules": [{"field": "last_active_at", "operator": "olderThan", "value": {"n": 5, "unit": "day"}}],
}
"""A search with one condition; :data:`FORM` is the same as the builder posts it."""
FORM = {
    "r:c": "all",
    "r:n": "1",
    "r.0:f": "last_active_at",
    "r.0:p": "last_active_at",
    "r.0:o": "olderThan",
    "r.0:n": "5",
    "r.0:u": "day",
}


@pytest.fixture
def school(database: Database, tmp_path: Path) -> School:
    return open_school(database, tmp_path)


def test_the_walk_of_counting_a_condition(school: School) -> None:
    form = {**FORM, "csrf_token": school.csrf()}

    def count() -> None:
        answer = school.client.post("/admin/crm/people/count", data=form)
        assert "<b>6</b>" in answer.text

    hold("count a condition", count)


def test_the_walk_of_the_page_of_people(school: School) -> None:
    def show() -> None:
        answer = school.get("/people", query_string={"tree": json.dumps(LATELY)})
        assert "Person 07" in answer.text

    hold("page of people", show)


def hold(name: str, request: Callable[[], None]) -> None:
    """Do a request twice and hold the second one to the length of its walk."""
    request()
    with walked() as walk:
        request()
    assert walk.files
    assert len(walk.files) <= LONGEST[name], f"the walk of {name!r} is longer than {LONGEST[name]}:\n{walk}"
