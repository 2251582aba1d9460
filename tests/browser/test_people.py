"""The six questions that every school asks, from an empty builder, each interaction counted."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from crm_plugin.host import records as r
from crm_plugin.profiles.sync.service import sync
from crm_plugin.segments import service
from crm_plugin.web.segments.presets import PRESETS
from tests.browser.axe import complaints_of
from tests.fakes.crm import NOW
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
MOST = 12
"""Interactions that a story may take: a choice, a filled box, a button each."""
SCREENS = [
    pytest.param("en", 1440, id="en-1440"),
    pytest.param("zh-CN", 390, id="zh-390"),
    pytest.param("zh-CN", 1440, id="zh-1440", marks=pytest.mark.long),
    pytest.param("en", 390, id="en-390", marks=pytest.mark.long),
]

PLAIN_PAGES = (
    "/",
    "/people?channel=email",
    "/people/1",
    "/people/exports",
    "/queries",
    "/campaigns",
    "/sms-templates",
    "/sms-templates/new",
    "/sms-templates/win-back-en",
    "/outbox",
    "/data",
    "/tokens",
    "/audit",
    "/stopped",
    "/health",
)
"""What needs no campaign to be looked at; test_campaigns.py looks at the rest."""
TOO_SMALL = """() => [...document.querySelectorAll(".crm :is(.c-btn, select, .c-pill, input)")]
    .filter(one => !one.matches("[type=checkbox], [type=radio], .c-hidden *, .ts-control *"))
    .filter(one => one.checkVisibility() && one.offsetHeight > 0 && one.offsetHeight < 40)
    .map(one => one.outerHTML.slice(0, 120))"""
"""What a finger would miss on a phone: less than 40 px high."""


class Hand:
    """What a person does at the builder, counted; a place names a rule in every language."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.interactions = 0

    def choose(self, place: str, value: str) -> None:
        """Choose from a menu of the builder, which then comes again."""
        with self.page.expect_response("**/people/build"):
            self.page.locator(f"[name='{place}']").select_option(value)
        self.interactions += 1

    def fill(self, place: str, text: str) -> None:
        """Type into a box."""
        self.page.locator(f"[name='{place}']").fill(text)
        self.interactions += 1

    def add(self) -> None:
        """Ask for one more condition."""
        with self.page.expect_response("**/people/build"):
            self.page.locator("button[value='add:r']").click()
        self.interactions += 1

    def show(self) -> None:
        """Have the people shown."""
        self.page.locator("#c-builder button[value='apply'].c-btn--main").click()
        self.interactions += 1


def signed_in(hand: Hand) -> None:
    hand.choose("r.0:f", "last_login_at")
    hand.fill("r.0:n", "30")


def members(hand: Hand) -> None:
    hand.choose("r.0:f", "is_member")


def bought(hand: Hand) -> None:
    hand.choose("r.0:f", "paid_count")
    hand.fill("r.0:v", "1")


def trial(hand: Hand) -> None:
    hand.choose("r.0:f", "registered_at")
    hand.fill("r.0:n", "90")
    hand.add()
    hand.choose("r.1:f", "~trial")
    hand.add()
    hand.choose("r.2:f", "paid_count")
    hand.choose("r.2:o", "=")
    hand.fill("r.2:v", "0")


def dormant(hand: Hand) -> None:
    hand.choose("r.0:f", "~quiet")
    hand.fill("r.0:n", "60")


STORIES: dict[str, Callable[[Hand], None]] = {
    "signed_in": signed_in,
    "members": members,
    "bought": bought,
    "trial": trial,
    "dormant": dormant,
    "everybody": lambda _hand: None,
}
"""Key of the preset that asks the same → what is done at the empty builder."""


def fill_school(school: School) -> None:
    """Add people of whom each story finds some and leaves some out."""
    for number in range(6):
        registered = NOW - timedelta(days=40 * number)
        person = r.Person(
            f"q{number}",
            display_name=f"Quiet {number}",
            registered_at=registered,
            last_login_at=NOW - timedelta(days=20 * number) if number else None,
            last_active_at=NOW - timedelta(days=30 * number) if number else None,
            member_level="Gold" if number % 2 else None,
        )
        school.host.put(person)
        school.host.put(r.Signal(f"t{number}", person.id, "trial", course_id="c1", at=registered))
    line = (r.OrderLine("course", "c1", Decimal(9)),)
    paid = r.Order("oq", "q1", "paid", Decimal(9), "CNY", created_at=NOW, paid_at=NOW, lines=line)
    school.host.put(paid)
    sync(school.crm, full=True)


@pytest.mark.parametrize(("locale", "width"), SCREENS)
def test_each_story_takes_at_most_twelve_interactions(
    served: School, page: Page, complaints: list[str], locale: str, width: int
) -> None:
    fill_school(served)
    served.sign_in(locale=locale)
    page.set_viewport_size({"width": width, "height": 800})
    everybody = service.count(served.crm, PRESETS[0].tree).count
    for preset in PRESETS:
        if preset.key not in STORIES:
            continue
        page.goto(f"{served.crm.settings.public_url}/admin/crm/people")
        hand = Hand(page)
        STORIES[preset.key](hand)
        wanted = service.count(served.crm, preset.tree).count
        assert 0 < wanted < everybody or preset.key == "everybody"
        expect(page.locator("#c-count b")).to_have_text(str(wanted))
        hand.show()
        expect(page.locator("#results tbody tr")).to_have_count(wanted)
        assert hand.interactions <= MOST, preset.key
        # The page knows it as the story it is.
        expect(page.locator(".c-side a[aria-current]")).to_have_attribute("href", preset_address(page))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []


def preset_address(page: Page) -> str:
    """Return the path and search of the page's own address."""
    return str(page.evaluate("location.pathname + location.search"))


@pytest.mark.parametrize(("locale", "width"), SCREENS)
def test_people_pages_are_accessible(
    served: School, page: Page, complaints: list[str], locale: str, width: int
) -> None:
    served.sign_in(locale=locale)
    page.set_viewport_size({"width": width, "height": 800})
    address = f"{served.crm.settings.public_url}/admin/crm"
    for path in PLAIN_PAGES:
        page.goto(address + path)
        assert complaints_of(page) == [], path
        assert width > 600 or page.evaluate(TOO_SMALL) == [], path
    page.goto(f"{address}/people")
    hand = Hand(page)
    hand.choose("r.0:f", "~bought")
    hand.add()
    hand.choose("r.1:f", "orders")
    with page.expect_response("**/people/build"):
        page.locator("button[value='add:r.1.w']").click()
    hand.choose("r.1.w.0:f", "paid_at")
    assert complaints_of(page) == [], "builder"
    assert complaints == []


def test_a_story_by_keyboard_alone(served: School, page: Page, complaints: list[str]) -> None:
    fill_school(served)
    page.goto(f"{served.crm.settings.public_url}/admin/crm/people")
    field = page.locator("[name='r.0:f']")
    while not field.evaluate("one => one === document.activeElement"):
        page.keyboard.press("Tab")
    with page.expect_response("**/people/build"):
        page.keyboard.type("not act")
    expect(page.locator("[name='r.0:n']")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("60")
    page.keyboard.press("Enter")
    dormant_now = next(preset.tree for preset in PRESETS if preset.key == "dormant")
    expect(page.locator("#results tbody tr")).to_have_count(service.count(served.crm, dormant_now).count)
    assert complaints == []


def test_the_builder_works_without_the_bundle(served: School, page: Page) -> None:
    page.route("**/static/dist/*.js", lambda route: route.abort())
    page.goto(f"{served.crm.settings.public_url}/admin/crm/people")
    page.locator("[name='r.0:f']").select_option("~bought")
    page.get_by_role("button", name="Choose").click()
    page.get_by_label("Search the list").fill("piano")
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator("[name='r.0:v']").select_option(["c1"])
    page.locator("#c-builder button[value='apply'].c-btn--main").click()
    expect(page.locator("#results tbody tr")).to_have_count(6)
    expect(page.locator(".c-sentence")).to_have_text("People matching: has bought any of “Piano <b>one</b>”")
