"""Words of a campaign's own in the composer, and what becomes of people who lack one."""

import re
from typing import Any

import pytest

from crm_plugin.campaigns import jobs, queries
from crm_plugin.host import records as r
from crm_plugin.kernel.audit import AuditRow
from crm_plugin.profiles.sync.service import sync
from tests.web.fixtures import PEOPLE, School
from tests.web.test_composer import BY_ITSELF, draft, form_of, saved

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def content(school: School, ident: int) -> dict[str, Any]:
    return queries.get(school.crm, ident).content


def with_towns(school: School, *numbers: int) -> None:
    """Let some people have a city."""
    for number in numbers:
        name = f"Person {number:02}"
        school.host.put(
            r.Person(f"p{number}", display_name=name, email=f"p{number}@example.com", city="Leeds")
        )
    sync(school.crm, full=True)


def test_a_word_that_says_the_same_to_everybody(school: School) -> None:
    ident = draft(school, text="Yours, {{ display_name }}")
    assert saved(school, ident, "content", new_name="coach", new_value="Ms Lin").endswith("/content")
    assert content(school, ident)["variables"] == {"coach": "Ms Lin"}
    page = school.get(f"/campaigns/{ident}/content").text
    assert "{{ coach }}" in page, "the menu of words offers it"
    saved(school, ident, "content", text="Yours, {{ coach }}")
    assert "Yours, Ms Lin" in school.get(f"/campaigns/{ident}/content").text
    saved(school, ident, "content", **{"var:coach": "Mr Wang"})
    assert "Yours, Mr Wang" in school.get(f"/campaigns/{ident}/check").text
    saved(school, ident, "content", text="Bye", **{"from:coach": "-"})
    assert "variables" not in content(school, ident)


def test_a_word_that_is_a_column_of_the_person(school: School) -> None:
    with_towns(school, 1, 2)
    ident = draft(school, text="Hello in your town")
    saved(school, ident, "content", new_name="town", new_from="city")
    assert content(school, ident)["personal"] == {"town": "city"}
    saved(school, ident, "content", text="Hello in {{ town }}", **{"var:town": "your town"})
    assert content(school, ident)["fallbacks"] == {"town": "your town"}
    for person, words in (("p1", "Hello in Leeds"), ("p5", "Hello in your town")):
        assert words in school.get(f"/campaigns/{ident}/content?as={person}").text
    # From a column to one text for all: what was the fallback is the text.
    saved(school, ident, "content", **{"from:town": ""})
    assert content(school, ident)["variables"] == {"town": "your town"}
    assert not {"personal", "fallbacks"} & content(school, ident).keys()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Coach", "x", "is not a valid field name"),
        ("display_name", "x", "is not a valid field name"),
        ("<b>", "x", "is not a valid field name"),
        ("not", "x", "is not a valid field name"),
        ("coach", "", "expected a text"),
        ("there", "x", "exists already"),
    ],
)
def test_a_name_that_cannot_be_comes_back_as_it_was_typed(
    school: School, name: str, value: str, words: str
) -> None:
    ident = draft(school, variables={"there": "is"})
    form = {**form_of(school, ident, "content"), "new_name": name, "new_value": value, "text": "Written"}
    answer = school.post(f"/campaigns/{ident}/content/save", form)
    assert (answer.status_code, words in answer.text) == (400, True)
    assert f'name="new_name" value="{name.replace("<", "&lt;").replace(">", "&gt;")}"' in answer.text
    assert "Written" in answer.text
    assert content(school, ident)["variables"] == {"there": "is"}


def test_a_half_typed_name_is_not_kept_by_itself(school: School) -> None:
    ident = draft(school)
    form = {**form_of(school, ident, "content"), "new_name": "co", "new_value": "M"}
    school.post(f"/campaigns/{ident}/content/save", form, headers=BY_ITSELF)
    assert "variables" not in content(school, ident)


def test_the_pre_flight_lets_one_decide_about_those_who_lack_a_word(school: School) -> None:
    with_towns(school, 1, 2)
    lack = PEOPLE - 2
    ident = draft(school, text="Hello in {{ town }}", personal={"town": "city"})
    page = school.get(f"/campaigns/{ident}/check").text
    assert f"town has no value for {lack} people" in page
    assert "disabled" in page
    school.post(f"/campaigns/{ident}/lacking", {"do": "leave_out"})
    page = school.get(f"/campaigns/{ident}/check").text
    assert re.search(rf"A blank of the text is empty</dt><dd[^>]*>{lack}<", page)
    assert f"{lack} people have no value for town: they are left out" in page
    assert "disabled" not in page
    school.post(f"/campaigns/{ident}/lacking", {"do": "keep"})
    assert "lacking" not in content(school, ident)
    empty = school.post(f"/campaigns/{ident}/lacking", {"do": "fallback"}, follow_redirects=True)
    assert "Write the text for people without a value." in empty.text
    school.post(f"/campaigns/{ident}/lacking", {"do": "fallback", "else:town": " your town "})
    assert content(school, ident)["fallbacks"] == {"town": "your town"}
    assert "disabled" not in school.get(f"/campaigns/{ident}/check").text
    odd = school.post(
        f"/campaigns/{ident}/lacking", {"do": "fallback", "else:nobody": "x"}, follow_redirects=True
    )
    assert "there is no field nobody" in odd.text
    with school.crm.db.read() as session:
        actions = [row.action for row in session.query(AuditRow).order_by(AuditRow.id)]
    assert actions.count("campaign.update") == 3


def test_who_was_left_out_is_a_number_of_the_report(school: School) -> None:
    with_towns(school, 1, 2)
    own = {"personal": {"town": "city"}, "lacking": "leave_out"}
    ident = draft(school, text="Hello in {{ town }}", **own)
    school.post(f"/campaigns/{ident}/launch", {"confirm": "2"})
    while queries.get(school.crm, ident).state == "freezing":
        jobs.burst(school.crm)
    page = school.get(f"/campaigns/{ident}").text
    assert "A blank of the text is empty" in page
    people = school.get(f"/campaigns/{ident}/people?what=excluded:no_value").text
    assert "Person 05" in people
    assert "Person 01" not in people
