"""A person's page in a real browser: its menus come when they are opened."""

import pytest
from playwright.sync_api import Page, expect

from tests.web.filled import fill
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


def test_menus_are_loaded_when_they_are_opened(served: School, page: Page, complaints: list[str]) -> None:
    filled = fill(served)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{served.crm.settings.public_url}/admin/crm/people/{filled.person}")
    question, course = page.locator("#why"), page.locator("#intentions details").last
    question.locator(".ts-control").wait_for()
    assert not [url for url in asked if "/people/why" in url or "/people/pick" in url]
    question.locator(".ts-control").click()
    expect(question.locator(".optgroup-header")).to_have_text(["Quick queries", "Campaigns"])
    question.locator(".option", has_text="Bought once").click()
    question.get_by_role("button", name="Explain").click()
    expect(question).to_contain_text("The conditions match")
    expect(question.locator(".item")).to_have_text("Bought once")
    course.locator("summary").click()
    course.locator(".ts-control").click()
    expect(course.locator(".option")).to_have_text(["Piano <b>one</b>", "Violin"])
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
