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
    "count a condition": 20,
    "count a condition on a date": 21,
    "page of people": 34,
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


def hold(name: str, request: Callable[[], None]) -> None:
    """Do a request twice and hold the second one to the length of its walk."""
    request()
    with walked() as walk:
        request()
    assert walk.files
    assert len(walk.files) <= LONGEST[name], f"the walk of {name!r} is longer than {LONGEST[name]}:\n{walk}"
