"""The main story in a real browser: search, save, write, launch, read the outbox, click, report."""

import re

import pytest
from playwright.sync_api import Page, expect

from crm_plugin.campaigns import jobs as campaign_jobs
from crm_plugin.links import jobs as link_jobs
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
HTML = "<h1>Hello {{ display_name }}</h1><p><a href='{{ link }}'>To the course</a></p>"


def work(school: School) -> None:
    while campaign_jobs.burst(school.crm) or link_jobs.burst(school.crm):
        pass


def choose(page: Page, menu: str, value: str) -> None:
    """Choose from a menu and wait until the builder is there again."""
    with page.expect_response("**/people/build"):
        page.locator(menu).select_option(value)
    expect(page.locator("#c-builder .htmx-request")).to_have_count(0)


def find_buyers(page: Page, address: str) -> None:
    page.goto(f"{address}/admin/crm/people")
    page.get_by_label("Field").select_option("paid_count")
    page.get_by_label("Value").fill("1")
    expect(page.locator("#c-count b")).to_have_text("6")


def write(page: Page, address: str) -> None:
    page.get_by_role("radio", name="E-mail").check()
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_label("Subject").fill("Autumn at the piano")
    page.get_by_label("HTML").fill(HTML)
    page.get_by_label("Link", exact=True).fill(f"{address}/admin/crm/health")
    expect(page.locator("#c-preview")).to_contain_text("Hello")
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_label("Quiet hours", exact=True).fill("")
    page.get_by_label("End of the quiet hours").fill("")
    page.get_by_role("button", name="Save and continue").click()


def test_from_a_search_to_the_report(served: School, page: Page, complaints: list[str]) -> None:
    address = served.crm.settings.public_url
    find_buyers(page, address)
    page.get_by_text("Save as quick query").click()
    page.get_by_label("Name", exact=True).fill("Buyers")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Buyers")).to_be_visible()
    page.get_by_role("button", name="Write to them").first.click()
    write(page, address)
    expect(page.get_by_text("Everything is ready.")).to_be_visible()
    page.get_by_label("Send to 6 people").check()
    page.get_by_role("button", name="Send now").click()
    work(served)
    # The page follows by itself.
    expect(page.locator("#c-live")).to_contain_text("Finished")
    page.get_by_role("link", name="Messages in the outbox").click()
    page.locator("tbody td a").first.click()
    expect(page.frame_locator("iframe").get_by_role("heading", name=re.compile("^Hello"))).to_be_visible()
    link = page.locator("dd a[href*='/r/']").first.get_attribute("href")
    page.goto(str(link))
    expect(page.get_by_role("heading", name="Health")).to_be_visible()
    served.crm.clock.move(minutes=1)  # type: ignore[attr-defined]
    work(served)
    page.goto(f"{address}/admin/crm/campaigns/1")
    hits = page.locator("dt:text-is('Hits') + dd")
    expect(hits).to_have_text("1")
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_no_page_is_wider_than_the_screen(
    served: School, page: Page, complaints: list[str], width: int, locale: str
) -> None:
    served.sign_in(locale=locale)
    page.set_viewport_size({"width": width, "height": 800})
    address = served.crm.settings.public_url
    for path in (
        "/",
        "/people",
        "/people/1",
        "/queries",
        "/campaigns",
        "/sms-templates",
        "/outbox",
        "/data",
        "/health",
    ):
        page.goto(f"{address}/admin/crm{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert complaints == []


def test_the_builder_takes_courses_and_groups_by_keyboard(
    served: School, page: Page, complaints: list[str]
) -> None:
    page.goto(f"{served.crm.settings.public_url}/admin/crm/people")
    page.get_by_label("Field").select_option("enrolments")
    choose(page, "[name='r.0:m']", "none")
    page.locator("button[value='add:r.0.w']").press("Enter")
    choose(page, "[name='r.0.w.0:f']", "course_id")
    picker = page.locator(".ts-control input")
    picker.focus()
    page.keyboard.type("piano")
    expect(page.locator(".ts-dropdown .option")).to_have_text("Piano <b>one</b>")
    page.keyboard.press("Enter")
    expect(page.locator("#c-count b")).to_have_text("6")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show these people").click()
    expect(page.locator("tbody tr")).to_have_count(6)
    expect(page.locator(".c-sentence")).to_contain_text("Piano")
    assert complaints == []
