"""A statement that takes too long is stopped, and the page says so with what to do."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.channels import suppressions
from crm_plugin.segments import service
from tests.kernel.test_statement_limit import ENDLESS
from tests.web.fixtures import School
from tests.web.test_pages import on_sqlite
from tests.web.test_statements import FORM, asked


@pytest.fixture
def slow(school: School, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], School]:
    """Make a function of segments ask what takes for ever; pages wait for it 0.3 s."""

    def made(name: str) -> School:
        def endless(*_values: Any, **_named: Any) -> None:
            with school.crm.db.read() as session:
                session.execute(sa.text(ENDLESS))

        monkeypatch.setattr(service, name, endless)
        monkeypatch.setattr(school.crm.settings, "page_statement_seconds", 0.3)
        return school

    return made


def test_a_list_that_takes_too_long_is_stopped_and_says_what_to_do(slow: Callable[[str], School]) -> None:
    answer = slow("listed").get("/people")
    assert answer.status_code == 503
    assert "stopped after 0.3 s" in answer.text
    assert "Add conditions that fewer people meet" in answer.text
    assert 'id="c-builder"' in answer.text


@on_sqlite
def test_it_says_so_in_chinese(slow: Callable[[str], School]) -> None:
    school = slow("listed")
    school.sign_in(locale="zh")
    page = school.get("/people").text
    assert "耗时过长" in page
    assert "超过 0.3 秒" in page


@on_sqlite
def test_a_count_that_takes_too_long_leaves_the_list(slow: Callable[[str], School]) -> None:
    school = slow("counted")
    page = school.get("/people")
    assert page.status_code == 200
    assert "Person 03" in page.text
    assert "stopped after 0.3 s" in page.text
    assert "stopped after 0.3 s" in school.post("/people/count", FORM).text


@on_sqlite
def test_every_other_page_and_the_api_answer_with_the_error(slow: Callable[[str], School]) -> None:
    school = slow("count")
    answer = school.client.post(
        "/admin/crm/api/v1/segments/count",
        json={"combinator": "and", "rules": []},
        headers={"X-CSRFToken": school.csrf()},
    )
    assert (answer.status_code, answer.json and answer.json["error"]) == (503, "database.too_slow")


@on_sqlite
def test_a_page_that_failed_can_be_asked_for_again(
    slow: Callable[[str], School], monkeypatch: pytest.MonkeyPatch
) -> None:
    school = slow("listed")
    monkeypatch.setattr(suppressions, "listed", lambda *_values, **_named: service.listed())  # type: ignore[call-arg]
    page = school.get("/stopped?reason=bounce").text
    assert 'href="/admin/crm/stopped?reason=bounce">Try again' in page
    assert "Stopped after 0.3 s" in page


@on_sqlite
def test_a_part_of_a_reach_is_worked_out_twice(school: School) -> None:
    """Once for the numbers, once for the list, whose length is one of the numbers."""
    with asked(school) as run:
        page = school.get("/people?channel=sms&step=reached").text
    assert '<b class="c-num">12</b>' in page
    assert len([one for one in run if "row_number()" in one]) == 2
