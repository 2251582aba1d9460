"""How often a page asks the database, and that it reads the school and a search once."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.segments import service
from crm_plugin.segments.saved import quick_queries
from tests.web.filled import fill
from tests.web.fixtures import School
from tests.web.test_pages import on_sqlite
from tests.web.test_quick_query_opening import ADMIN, OTHER

pytestmark = on_sqlite

MOST = {"people": 4, "count": 1, "queries": 2}
"""Page → the most statements that it may need."""
PERSON = 25
"""The same of a person's page, in whatever school."""
COURSE = {"field": "course_id", "operator": "in", "value": ["c1"]}
ORDERS = {"field": "orders", "match": {"mode": "some"}, "value": {"combinator": "and", "rules": [COURSE]}}
BOUGHT = {"combinator": "and", "rules": [ORDERS]}
EMPTY = ("No courses", "No orders", "No interest in a course", "Note what was said", "Nothing has happened")
"""What cards say of a person that nothing is known about."""
FULL = (
    "Piano",
    "o-open",
    "old friend",
    "VIP",
    "Set by hand",
    "wants a lesson",
    "p-two",
    "Old news",
    "Offers",
    "strings",
)
"""What each card says of the filled person."""
FORM = {"r:c": "all", "r:n": "1", "r.0:f": "paid_count", "r.0:p": "paid_count", "r.0:o": ">=", "r.0:v": "1"}


@contextmanager
def asked(school: School) -> Iterator[list[str]]:
    """Collect the statements that are run meanwhile."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(statement)

    sa.event.listen(school.crm.db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(school.crm.db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("page", MOST)
def test_a_page_asks_the_database_this_often(school: School, page: str) -> None:
    token = school.csrf()
    school.get("/people")
    with asked(school) as run:
        if page == "count":
            school.client.post("/admin/crm/people/count", data={**FORM, "csrf_token": token})
        elif page == "people":
            school.get("/people", query_string={"tree": json.dumps(OTHER)})
        else:
            school.get("/queries")
    assert 0 < len(run) <= MOST[page], "\n".join(run)


@pytest.mark.parametrize("asks", ["", "?why=q{query}", "?why=c{campaign}", "?show=clicks"])
def test_a_persons_page_asks_the_database_this_often_with_every_card_filled(
    school: School, asks: str
) -> None:
    filled = fill(school)
    path = f"/people/{filled.person}" + asks.format(query=filled.query, campaign=filled.campaign)
    school.get(path)
    with asked(school) as run:
        page = school.get(path).text
    assert not [words for words in EMPTY if words in page]
    assert all(words in page for words in FULL)
    assert 0 < len(run) <= PERSON, "\n".join(run)


def test_a_limited_readers_page_asks_no_more(school: School) -> None:
    filled = fill(school)
    school.sign_in(scope=frozenset({"c1", "c2"}))
    with asked(school) as run:
        assert school.get(f"/people/{filled.person}").status_code == 200
    assert 0 < len(run) <= PERSON, "\n".join(run)


def test_quick_queries_are_looked_up_together(school: School) -> None:
    counts = []
    for number in range(3):
        other = quick_queries.save(school.crm, ADMIN, f"Bought {number}", BOUGHT)
        named = {"field": "segment", "operator": "=", "value": other}
        tree = {"combinator": "and", "rules": [named, ORDERS]}
        quick_queries.save(school.crm, ADMIN, f"Both {number}", tree)
        school.get("/queries")
        with asked(school) as run:
            page = school.get("/queries").text
        assert "Piano &lt;b&gt;one" in page
        assert f"Bought {number}" in page
        counts.append(len(run))
    assert counts == [2, 2, 2]


@pytest.mark.parametrize("page", ["people", "count"])
def test_a_request_reads_the_catalogue_and_a_search_once(
    school: School, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"catalogue": 0, "parse": 0}

    def counting(name: str) -> None:
        real = getattr(service, name)

        def counted(*values: Any, **named: Any) -> Any:
            calls[name] += 1
            return real(*values, **named)

        monkeypatch.setattr(service, name, counted)

    token = school.csrf()
    counting("catalogue")
    counting("parse")
    if page == "count":
        school.client.post("/admin/crm/people/count", data={**FORM, "csrf_token": token})
    else:
        school.get("/people", query_string={"tree": json.dumps(OTHER)})
    assert calls == {"catalogue": 1, "parse": 1}
