"""The audit log by keyboard alone, on a phone and at a desk."""

import pytest
from playwright.sync_api import Page, expect

from crm_plugin.kernel import audit
from tests.browser.axe import complaints_of
from tests.browser.test_people import TOO_SMALL
from tests.fakes.crm import NOW
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


@pytest.mark.long
def test_the_log_is_filtered_by_keyboard(served: School, page: Page, complaints: list[str]) -> None:
    served.sign_in(locale="zh-CN")
    with served.crm.db.begin() as session:
        for number in range(60):
            audit.record(session, NOW, "p2", "campaign.launch", ("campaign", number))
        audit.record(session, NOW, "p3", "tag.put", ("tag", "a" * 60), count=1234)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{served.crm.settings.public_url}/admin/crm/audit")
    assert complaints_of(page) == []
    assert page.evaluate(TOO_SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.focus("#f-about")
    page.keyboard.type("59")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.focus("#f-action")
    page.keyboard.press("Tab")
    page.focus(".c-fields a")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(50)
    rows = page.locator("tbody tr").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert max(rows[1:]) <= 40
    assert complaints_of(page) == []
    assert complaints == []
