"""The menu in a browser: all of it on the screen, at a desk and on a phone, by keyboard, without scripts."""

import pytest
from playwright.sync_api import Browser, expect

from crm_plugin.web.menu import ENTRIES
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
OUTSIDE = """() => [...document.querySelectorAll(".c-nav :is(a, summary)")].filter((one) => {
  const box = one.getBoundingClientRect();
  return !box.width || box.left < 0 || box.right > innerWidth;
}).map((one) => one.textContent)"""


@pytest.mark.long
@pytest.mark.parametrize(("width", "locale"), [(1440, "en"), (390, "en"), (390, "zh")])
def test_every_entry_is_reached_by_keyboard(
    served: School, browser: Browser, width: int, locale: str
) -> None:
    served.sign_in(locale=locale)
    page = browser.new_page(viewport={"width": width, "height": 844}, java_script_enabled=False)
    page.goto(f"{served.crm.settings.public_url}/admin/crm/")
    page.locator(".c-nav summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".c-nav a")).to_have_count(len(ENTRIES))
    assert page.evaluate(OUTSIDE) == []
    for _ in range(sum(entry.setting for entry in ENTRIES)):
        page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text(ENTRIES[-1].label.of(locale))
    page.keyboard.press("Enter")
    page.wait_for_url("**/health")
    expect(page.locator(".c-nav--here")).to_have_count(1)
    page.close()
