"""Tagging on pages: the bulk bar, a person, the button to undo; ten thousand people ticked."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from crm_plugin.host.context import install
from crm_plugin.kernel.db.bulk import insert_many
from crm_plugin.kernel.db.engine import Database
from crm_plugin.profiles.models.school import Person
from crm_plugin.segments import jobs, service
from crm_plugin.segments.bulk import bulk_tagging
from tests.web.fixtures import PEOPLE, School, open_school
from tests.web.forms import posted
from tests.web.test_pages import on_sqlite
from tests.web.test_results import press, table, ticked


def tagged(school: School, tag: str) -> list[str]:
    rule = {"field": "crm_tags", "operator": "contains", "value": tag}
    return sorted(service.ids(school.crm, {"combinator": "and", "rules": [rule]}))


def undo(school: School, page: str) -> str:
    """Press the button to undo; return where it leads."""
    (action,) = re.findall(r'action="/admin/crm(/undo/\d+)"', page)
    answer = school.post(action, {"back": posted(page, action)["back"]})
    return str(answer.location)


@on_sqlite
def test_the_ticked_are_tagged_and_it_is_undone_at_once(school: School) -> None:
    page = school.get("/people").text
    answer = press(school, page, "tag", ["p1", "p3"], tag="Open day")
    assert tagged(school, "open day") == ["p1", "p3"]
    page = school.get(answer.location.removeprefix("/admin/crm")).text
    assert "Newly tagged “Open day”: 2 people." in page
    assert undo(school, page) == "/admin/crm/people"
    assert "Undone." in school.get("/people").text
    assert tagged(school, "open day") == []


@on_sqlite
def test_nobody_ticked_means_all_and_all_but_a_few_are_taken_off(school: School) -> None:
    press(school, school.get("/people").text, "enter", tag="all")
    assert len(tagged(school, "all")) == PEOPLE
    page = press(school, school.get("/people").text, "all").text
    press(school, page, "untag", [one for one in ticked(page) if one != "p5"], tag="ALL")
    assert tagged(school, "all") == ["p5"]


@on_sqlite
def test_a_person_shows_who_tagged_them_and_when(school: School) -> None:
    school.post("/people/1/tag", {"tag": "VIP <b>"})
    page = school.get("/people/1").text
    assert "VIP &lt;b&gt;" in page
    assert "Ada Admin · 15 Nov 2026" in page
    school.post("/people/1/tag", {"tag": "VIP <b>", "off": "1"})
    page = school.get("/people/1").text
    assert undo(school, page) == "/admin/crm/people/1"
    assert tagged(school, "vip <b>") == ["p0"]


@on_sqlite
def test_an_empty_tag_is_refused_in_words(school: School) -> None:
    press(school, school.get("/people").text, "tag", ["p1"], tag=" ")
    assert "give the tag a name" in school.get("/people").text


@on_sqlite
def test_who_may_not_edit_sees_tags_and_no_buttons(school: School) -> None:
    school.post("/people/1/tag", {"tag": "VIP"})
    school.sign_in("crm.view")
    page = school.get("/people/1").text
    assert "VIP" in page
    assert "/people/1/tag" not in page
    assert 'value="tag"' not in school.get("/people").text
    assert school.post("/people/1/tag", {"tag": "x"}).status_code == 403
    assert press(school, school.get("/people").text, "tag", tag="x").status_code == 403


@on_sqlite
def test_who_is_limited_to_courses_tags_nobody_else(school: School) -> None:
    school.sign_in(scope=frozenset({"c1"}))
    press(school, school.get("/people").text, "tag", tag="mine")
    assert tagged(school, "mine") == sorted(f"p{number}" for number in range(0, PEOPLE, 2))
    school.post("/people/2/tag", {"tag": "theirs"})
    assert tagged(school, "theirs") == []


@on_sqlite
@pytest.mark.parametrize("back", ["//evil.example/", "https://evil.example/", "/login", "/admin/crm\\x"])
def test_undoing_leads_to_no_foreign_page(school: School, back: str) -> None:
    school.post("/people/1/tag", {"tag": "VIP"})
    page = school.get("/people/1").text
    (action,) = re.findall(r'action="/admin/crm(/undo/\d+)"', page)
    assert school.post(action, {"back": back}).location == "/admin/crm/"


@on_sqlite
def test_ten_thousand_people_are_ticked_but_for_a_few(school: School) -> None:
    with school.crm.db.begin() as session:
        first = session.scalars(sa.select(Person)).first()
        assert first is not None
        columns = {one.key: getattr(first, one.key) for one in sa.inspect(Person).columns}
        rows = [
            columns | {"id": 1_000 + number, "host_id": f"x{number:05}", "email_key": None, "phone_key": None}
            for number in range(10_000 - PEOPLE)
        ]
        insert_many(session, Person, rows)
    page = press(school, school.get("/people?sort=id").text, "all").text
    assert "Selected: 10,000" in page
    page = press(school, page, "next", [one for one in ticked(page) if one not in ("p1", "p2")]).text
    page = press(school, page, "next", [one for one in ticked(page) if one != "x00040"]).text
    assert "Selected: 9,997" in page
    answer = press(school, page, "tag", ticked(page), tag="fair")
    assert answer.location == "/admin/crm/people/taggings"
    assert "Waiting" in school.get("/people/taggings").text
    install(school.crm)
    jobs.tag_people()
    assert len(tagged(school, "fair")) == 9_997
    assert not {"p1", "p2", "x00040"} & set(tagged(school, "fair"))
    # And some of them, over pages.
    page = school.get("/people?sort=id").text
    page = press(school, page, "next", ["p1"]).text
    page = press(school, page, "page", ["x00041"]).text
    exported = table(press(school, page, "csv", ticked(page)))
    assert len(exported) == 1 + 51


@on_sqlite
def test_a_tagging_of_a_worker_is_shown_and_undone_in_the_readers_language(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_tagging, "AT_ONCE", 3)
    school.sign_in()
    assert "No tagging in the background" in school.get("/people/taggings").text
    press(school, school.get("/people").text, "tag", tag="fair")
    install(school.crm)
    jobs.tag_people()
    page = school.get("/people/taggings/progress").text
    assert "Add “fair”" in page
    assert undo(school, page) == "/admin/crm/people/taggings"
    assert tagged(school, "fair") == []
    press(school, school.get("/people").text, "tag", tag="fair")
    monkeypatch.setattr(bulk_tagging, "MOST", 3)
    jobs.tag_people()
    school.sign_in(locale="zh")
    page = school.get("/people/taggings").text
    assert "添加“fair”" in page
    assert "人数已超出上限" in page


def test_an_undo_that_cannot_be_done_says_why(database: Database, tmp_path: Path) -> None:
    school = open_school(database, tmp_path)
    answer = school.post("/undo/999", {"back": "/admin/crm/people"})
    assert answer.location.endswith("/admin/crm/people")
    assert 'class="c-note c-note--bad' in school.get("/people").text
