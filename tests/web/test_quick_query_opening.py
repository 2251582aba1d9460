"""Opening and renaming a quick query runs nothing: what is shown was counted before, and says when."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from crm_plugin.host import records as r
from crm_plugin.segments.saved import quick_queries
from tests.fakes.host import ALL
from tests.web.fixtures import PEOPLE, School

ADMIN = r.Actor("admin", "Ada Admin", ALL)
OTHER = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}
PEOPLES = ("crm_person", "crm_order", "crm_enrolment", "crm_signal", "crm_interest", "crm_consent", "crm_tag")


@contextmanager
def statements(school: School) -> Iterator[list[str]]:
    """Collect the statements about people that are run meanwhile."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if any(table in statement for table in PEOPLES):
            found.append(statement)

    sa.event.listen(school.crm.db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(school.crm.db.engine, "before_cursor_execute", note)


def saved(school: School) -> int:
    """Save a search that names another one, and count both."""
    other = quick_queries.save(school.crm, ADMIN, "Buyers", OTHER)
    named = {"field": "segment", "operator": "=", "value": other}
    ident = quick_queries.save(
        school.crm, ADMIN, "Mine", {"combinator": "and", "rules": [named]}, pinned=True
    )
    quick_queries.refresh_counts(school.crm, everything=True)
    return ident


def test_opening_shows_the_kept_count_and_asks_nothing_about_people(school: School) -> None:
    ident = saved(school)
    with statements(school) as run:
        page = school.get(f"/people?query={ident}").text
        assert "<b>6</b>" in page
        assert "last count" in page
        for path in ("/queries", "/people/pick/query?q=m"):
            assert school.get(path).status_code == 200
    assert run == []


def test_renaming_and_moving_ask_nothing_about_people_and_keep_the_count(school: School) -> None:
    ident = saved(school)
    with statements(school) as run:
        form = {"csrf_token": school.csrf()}
        for verb, more in (("rename", {"name": "Theirs"}), ("move", {"to": "up"}), ("pin", {})):
            school.client.post(f"/admin/crm/queries/{ident}/{verb}", data={**form, **more})
        page = school.get(f"/people?query={ident}").text
        assert "Theirs" in page
        assert "<b>6</b>" in page
    assert run == []


def test_showing_the_people_of_it_is_a_step_of_its_own(school: School) -> None:
    with statements(school) as run:
        assert f"<b>{PEOPLE}</b>" in school.get("/people").text
    # The people of the page by their order, the same with their facts, and one count.
    assert len(run) == 3
    assert sum("count(*)" in one for one in run) == 1


def test_while_building_one_statement_counts_and_the_first_look_comes_afterwards(school: School) -> None:
    form = {"csrf_token": school.csrf(), "r:n": "1", "r.0:f": "paid_count", "r.0:o": ">=", "r.0:v": "1"}
    with statements(school) as run:
        answer = school.client.post("/admin/crm/people/count", data=form).text
    assert "<b>6</b>" in answer
    assert len(run) == 1
    later = re.search(r'hx-post="/admin/crm(/people/sample)"', answer)
    assert later is not None
    look = school.client.post(f"/admin/crm{later[1]}", data=form).text
    assert look.count("/admin/crm/people/") == 6
