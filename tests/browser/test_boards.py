"""Stories at the board of a course, in a real browser: chase unpaid orders, win back who left."""

import re

import pytest
from playwright.sync_api import Page, expect

from crm_plugin.campaigns import access
from crm_plugin.campaigns.document.goals import goal_of
from crm_plugin.host.records import Actor
from crm_plugin.plugin import prepare
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from tests.browser.axe import complaints_of
from tests.fakes.host import ALL
from tests.web.boards.stages import books
from tests.web.fixtures import School
from tests.web.test_pages import on_sqlite

pytestmark = on_sqlite
ADMIN = Actor("ann", "Ann", ALL)


@pytest.fixture
def board(served: School) -> str:
    """The address of the board of a course with somebody in each stage."""
    served.host.put(*books())
    sync(served.crm, full=True)
    prepare(served.crm)
    return f"{served.crm.settings.public_url}/admin/crm/courses/b1"


def test_unpaid_orders_are_chased(page: Page, served: School, board: str, complaints: list[str]) -> None:
    page.goto(board)
    page.get_by_role("link", name="Unpaid 2", exact=True).click()
    expect(page.locator("#c-board tbody tr")).to_have_count(2)
    expect(page.locator("[data-crm-picked]:visible")).to_have_count(0)
    page.locator("#c-board tbody input[name=pick]").first.check()
    page.locator("summary", has_text="Chase payment").click()
    page.get_by_role("button", name="Write to 1 selected").and_(page.locator("[value^='ready/']")).click()
    page.wait_for_url("**/content")
    draft = access.get(served.crm, ADMIN, int(page.url.split("/")[-2]))
    assert list(service.ids(served.crm, draft.audience)) == ["owing"]
    expect(page.locator(".c-phone")).to_contain_text("Your order for Drums is still open")
    assert complaints == []


def test_who_left_is_found_by_keys_and_won_back(page: Page, board: str, complaints: list[str]) -> None:
    page.goto(f"{board}?stage=left")
    assert complaints_of(page) == []
    page.locator("summary", has_text="Why people left").click()
    chart = page.locator("[data-crm-chart]")
    expect(chart.locator("svg")).to_be_visible()
    chart.focus()
    page.keyboard.press("End")
    spoken = page.locator("[data-crm-chart] + p").inner_text()
    count = int(re.findall(r"(\d+) people", spoken)[0])
    page.keyboard.press("Enter")
    page.wait_for_url("**month=2026-11**")
    expect(page.locator("#c-board tbody tr")).to_have_count(count)
    page.locator("summary", has_text="Win back").click()
    page.locator("[value='ready/win_back:all']").click()
    page.wait_for_url("**/content")
    assert complaints == []


def test_rows_are_one_line_and_cards_on_a_phone(page: Page, board: str, complaints: list[str]) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(board)
    rows = page.locator("#c-board tbody tr")
    assert {row.bounding_box()["height"] for row in rows.all()} == {40}  # type: ignore[index]
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{board}?stage=closed_unpaid")
    expect(page.locator(".c-tabs [aria-current]")).to_be_in_viewport(ratio=0.95)
    name, menu = [one.bounding_box() for one in rows.locator("th, .c-rowmenu summary").all()]
    assert menu["y"] < name["y"] + name["height"]  # type: ignore[index]
    assert complaints_of(page) == []
    page.locator(".c-rowmenu summary").click()
    expect(page.get_by_role("link", name="Open profile")).to_be_in_viewport(ratio=1)
    assert complaints == []


def test_another_course_is_picked_by_its_title(page: Page, served: School, board: str) -> None:
    page.goto(f"{board}?stage=left")
    page.locator("summary", has_text="Invite to another course").click()
    field = page.get_by_role("combobox", name="Course it invites to")
    field.fill("rhyt")
    page.get_by_role("option", name="Rhythm").click()
    page.locator("[value='ready/invite_to_next:all']").click()
    page.wait_for_url("**/content")
    draft = access.get(served.crm, ADMIN, int(page.url.split("/")[-2]))
    assert draft.policy["goal"] == goal_of("seated", "n1")
