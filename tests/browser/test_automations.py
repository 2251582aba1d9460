"""A marketer builds a chase of three steps, and switches it on."""

import pytest
from playwright.sync_api import Page, expect

from crm_plugin.automations import queries
from crm_plugin.segments.saved import quick_queries
from tests.browser.axe import complaints_of
from tests.fakes.host import staff
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
BOUGHT = {"combinator": "and", "rules": [{"field": "paid_count", "operator": ">=", "value": 1}]}


def test_a_chase_of_three_steps_is_built_and_switched_on(
    served: School, page: Page, complaints: list[str]
) -> None:
    boss = staff("boss")
    quick_queries.save(served.crm, boss, "Buyers", BOUGHT, shared=True)
    page.goto(f"{served.crm.settings.public_url}/admin/crm/campaigns")
    page.get_by_role("link", name="Automations").click()
    page.get_by_role("link", name="New automation").click()
    page.get_by_label("Name").fill("My chase")
    page.get_by_label("Somebody begins to match a quick query").check()
    page.locator("[name=query]").select_option(label="Buyers")
    page.locator("[name='s0:n']").fill("2")
    page.locator("[name='s1:channel']").select_option("message")
    page.locator("[name='s1:text']").fill("Hello {{ display_name }}")
    page.get_by_role("button", name="+ Condition").click()
    page.locator("[name='s2:query']").select_option(label="Buyers")
    page.get_by_role("button", name="Move step 3 up").click()
    expect(page.locator("[name='s1:query']")).to_have_count(1)  # the condition is the second one now
    assert complaints_of(page) == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Wait 2 hours")).to_be_visible()
    page.get_by_role("link", name="Switch on…").click()
    expect(page.get_by_text("Nobody with an older cause is reached.")).to_be_visible()
    assert complaints_of(page) == []
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("It is on.")).to_be_visible()
    ((row, people),) = queries.list_for(served.crm, boss)
    assert (row.state, people.entered) == ("on", 0)
    assert [next(iter(step)) for step in row.document["steps"]] == ["wait", "if", "send"]
    assert complaints == []
