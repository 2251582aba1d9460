"""The home page in a browser: charts under the strict policy, by keyboard, and without any script."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from crm_plugin.campaigns import jobs as campaigns
from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.dashboard.jobs import burst
from crm_plugin.segments import service as segments
from crm_plugin.segments.saved import quick_queries
from tests.browser.axe import complaints_of
from tests.browser.test_people import TOO_SMALL
from tests.fakes.host import staff
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.fixture
def home(served: School) -> str:
    """The address of the home page of a school that wrote to everybody today."""
    everybody = {"combinator": "and", "rules": []}
    file = {"name": "Hello", "channel": "message", "purpose": "service", "audience": everybody, "text": "Hi"}
    ident = drafts.create(served.crm, staff("ann"), file)
    service.launch(served.crm, staff("ann"), ident)
    while campaigns.burst(served.crm):
        pass
    quick_queries.save(served.crm, staff("ann"), "Everybody", everybody, pinned=True)
    burst(served.crm)
    return f"{served.crm.settings.public_url}/admin/crm/"


@pytest.mark.long
@pytest.mark.parametrize(("width", "locale"), [(1440, "en"), (390, "zh-CN")])
def test_charts_work_by_keyboard_and_open_their_people(
    served: School, home: str, page: Page, complaints: list[str], width: int, locale: str
) -> None:
    served.sign_in(locale=locale)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(home)
    expect(page.locator(".c-chart svg")).to_have_count(page.locator(".c-chart").count())
    assert page.locator(".c-chart--days").count() == 1
    assert complaints_of(page) == []
    assert width > 390 or page.evaluate(TOO_SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    chart = page.locator("#ring-purchases .c-chart")
    chart.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    row = page.locator("#ring-purchases tbody tr").nth(1)
    name, people = row.locator("a").inner_text(), int(row.locator("td").first.inner_text())
    expect(chart.locator("+ p")).to_contain_text(name)
    page.keyboard.press("Enter")
    page.wait_for_url("**/people?**")
    tree = json.loads(parse_qs(urlsplit(page.url).query)["tree"][0])
    assert segments.count(served.crm, tree).count == people > 0
    assert complaints == []


@pytest.mark.long
def test_without_a_script_everything_is_in_tables(served: School, home: str, browser: Browser) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(home)
    expect(page.locator(".c-chart").first).to_be_hidden()
    slice_ = page.locator("#ring-purchases tbody tr").first
    expect(slice_.locator("a")).to_be_visible()
    page.locator("#volume summary").click()
    expect(page.locator("#volume tbody tr")).to_have_count(1)
    page.locator("#volume tbody a").click()
    assert "sent_at" in page.url
    page.context.close()
