"""The six stories from the audience to the last message sent, by each channel, as a marketer clicks them."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from time import monotonic, sleep

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

import crm_plugin
from crm_plugin.campaigns import jobs as campaign_jobs
from crm_plugin.campaigns import queries
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.launch.reach import funnel
from crm_plugin.channels.outbox import listed
from crm_plugin.channels.sms.templates import stock
from crm_plugin.links import draft_link_check
from crm_plugin.links import jobs as link_jobs
from crm_plugin.profiles.sync.service import sync
from crm_plugin.web.segments.presets import PRESETS
from tests.browser.axe import complaints_of
from tests.browser.test_people import STORIES, fill_school
from tests.fakes.crm import NOW
from tests.fakes.host import staff
from tests.web.fixtures import School

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
TREES = {preset.key: preset.tree for preset in PRESETS if preset.key in STORIES}
DIST = Path(crm_plugin.__file__).parent / "web/static/dist"
CHANNELS = ("sms", "email", "message")
SCREENS = (("en", 1440), ("zh-CN", 390))
SHORT = {
    ("trial", "sms", "en", 1440),
    ("bought", "email", "zh-CN", 390),
}
"""What is walked in every run; the whole table takes some minutes."""
WALKS = [
    pytest.param(*walk, id="-".join(map(str, walk)), marks=() if walk in SHORT else pytest.mark.long)
    for story, channel, (locale, width) in product(TREES, CHANNELS, SCREENS)
    for walk in [(story, channel, locale, width)]
]


@pytest.fixture(autouse=True)
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """The school's pages, which links lead to, answer."""
    monkeypatch.setattr(draft_link_check, "_answer", lambda _settings, _url: (True, "200"))


def people(school: School) -> None:
    """The people of the stories, each with a telephone, an address and a yes."""
    fill_school(school)
    for number in range(6):
        person = school.host.books["persons"][f"q{number}"]
        told = replace(person, phone=f"1390013{number:04}", email=f"q{number}@example.com")
        school.host.put(told)
    sync(school.crm, full=True)


def work(school: School) -> None:
    while campaign_jobs.burst(school.crm) or link_jobs.burst(school.crm):
        pass


def pick(page: Page, name: str, text: str) -> None:
    """Choose from a picker by typing."""
    box = page.locator(f"#f-{name} + .ts-wrapper input")
    box.click()
    expect(box).to_be_focused()
    page.keyboard.type(text)
    option = page.locator(f"#f-{name} + .ts-wrapper .option.active", has_text=text)
    expect(option).to_be_visible()
    page.keyboard.press("Enter")


def go_on(page: Page) -> None:
    page.locator("form[data-crm-compose] button.c-btn--main:visible").click()


def begin(page: Page, school: School, story: str, channel: str) -> None:
    """Start at the list of campaigns; choose who and by which channel."""
    page.goto(f"{school.crm.settings.public_url}/admin/crm/campaigns")
    page.locator("form[action$='/campaigns/new'] button").click()
    page.locator("[name=preset]").select_option(story)
    with page.expect_response("**/audience/save"):
        page.locator(f"[name=channel][value={channel}]").check()
    # Whom each channel reaches stands beside it, and is that of the search.
    reached = funnel(school.crm, TREES[story], channel, 7).steps["reached"]
    expect(page.locator("#c-reach .c-tally__main dd")).to_have_text(str(reached))


def write(page: Page, channel: str) -> None:
    """Write for the channel, about the course, with a link to its page; wait for the preview."""
    pick(page, "course", "Piano")
    if channel == "sms":
        pick(page, "template", stock()["promotion-en"].name)
    elif channel == "email":
        page.locator("#f-subject").fill("Autumn at {{ course_title }}")
        page.locator("#f-html").click()
        for piece, text in (("heading", "Hello {{ display_name }}"), ("button", "To the course")):
            page.locator(f"[data-crm-insert={piece}]").click()
            page.keyboard.type(text)
            page.keyboard.press("Control+End")
    else:
        page.locator("#f-text").fill("Hello {{ display_name }}: {{ course_title }} {{ link }}")
    page.locator("[name=link_to][value=course]").check()
    expect(page.locator("#c-link-hint .c-token")).to_contain_text("/r/")
    expect(shown(page, channel)).to_contain_text("Piano" if channel != "email" else "Hello")


def shown(page: Page, channel: str) -> Locator:
    """The preview's text."""
    if channel == "email":
        return page.frame_locator("#c-preview iframe").locator("body")
    return page.locator("#c-preview .c-bubble")


def launch(page: Page, school: School) -> None:
    """No quiet hours, at once; confirm the number."""
    for name in ("quiet_from", "quiet_to"):
        page.locator(f"[name={name}]").fill("")
    go_on(page)
    work(school)  # the link was looked at meanwhile
    expect(page.locator("#c-found .c-note--bad")).to_have_count(0)
    page.locator("form[action$='/launch'] [name=confirm]").check()
    page.locator("form[action$='/launch'] button").click()
    work(school)


def messages(school: School, channel: str) -> list[tuple[str, str]]:
    """(To whom, text) of what left."""
    if channel == "message":
        return [(one.person_id, one.text) for one in school.host.messages]
    with school.crm.db.read() as session:
        return [(one.address, one.text + (one.html or "")) for one in listed(session, 1)]


@pytest.mark.parametrize(("story", "channel", "locale", "width"), WALKS)
def test_a_story_from_audience_to_sent(
    served: School, page: Page, complaints: list[str], story: str, channel: str, locale: str, width: int
) -> None:
    people(served)
    served.sign_in(locale=locale)
    page.set_viewport_size({"width": width, "height": 800})
    reached = funnel(served.crm, TREES[story], channel, 7).steps["reached"]
    assert reached
    begin(page, served, story, channel)
    go_on(page)
    write(page, channel)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    go_on(page)
    launch(page, served)
    expect(page.locator("#c-live .c-badge--good")).to_be_visible()
    expect(page.locator("#c-report tr", has=page.locator("a[href*='what=sent']")).first).to_contain_text(
        str(reached)
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    left = messages(served, channel)
    assert len(left) == len({address for address, _ in left}) == reached
    assert all("/r/" in text for _, text in left)
    assert complaints == []


@pytest.mark.parametrize(
    ("locale", "width"), [pytest.param("en", 1440, marks=pytest.mark.long), ("zh-CN", 390)]
)
def test_the_pages_of_a_campaign_are_accessible(
    served: School, page: Page, complaints: list[str], locale: str, width: int
) -> None:
    people(served)
    served.sign_in(locale=locale)
    page.set_viewport_size({"width": width, "height": 800})
    begin(page, served, "everybody", "email")
    found = {"audience": complaints_of(page)}
    go_on(page)
    write(page, "email")
    found["content"] = complaints_of(page)
    go_on(page)
    found["policy"] = complaints_of(page)
    page.locator("[name=quiet_from]").fill("")
    page.locator("[name=quiet_to]").fill("")
    go_on(page)
    found["check"] = complaints_of(page)
    page.locator("form[action$='/launch'] [name=confirm]").check()
    page.locator("form[action$='/launch'] button").click()
    work(served)
    expect(page.locator("#c-live .c-badge--good")).to_be_visible()
    expect(page.locator("section#c-outcome")).to_be_visible()
    found["campaign"] = complaints_of(page)
    page.goto(f"{served.crm.settings.public_url}/admin/crm/campaigns/1/people?what=sent")
    found["people"] = complaints_of(page)
    page.goto(f"{served.crm.settings.public_url}/admin/crm/campaigns")
    found["list"] = complaints_of(page)
    assert {name: rules for name, rules in found.items() if rules} == {}
    assert complaints == []


def test_what_was_typed_last_is_there_after_leaving(
    served: School, page: Page, complaints: list[str]
) -> None:
    ident = drafts.create(
        served.crm,
        staff("admin"),
        {"name": "Late", "channel": "message", "text": "x", "audience": TREES["bought"]},
    )
    address = f"{served.crm.settings.public_url}/admin/crm/campaigns"
    page.goto(f"{address}/{ident}/content")
    page.locator("#f-text").fill("Typed in the last second")
    page.goto(address)
    expect(page.locator("h1")).to_be_visible()
    until_text(served, ident, "Typed in the last second")
    assert complaints == []


def until_text(served: School, ident: int, text: str) -> None:
    """Waits for what a page sent as it was left: the next page does not wait for it."""
    end = monotonic() + 10
    while queries.get(served.crm, ident).content["text"] != text:
        assert monotonic() < end, queries.get(served.crm, ident).content
        sleep(0.05)


def test_what_was_typed_over_a_slow_line_is_there_after_leaving(served: School, page: Page) -> None:
    ident = drafts.create(
        served.crm,
        staff("admin"),
        {"name": "Slow", "channel": "message", "text": "x", "audience": TREES["bought"]},
    )
    address = f"{served.crm.settings.public_url}/admin/crm/campaigns"
    (script,) = (path.name for path in DIST.glob("chunk-*.js") if b"sendBeacon" in path.read_bytes())
    held: list[Route] = []
    page.route(f"**/{script}", lambda route: held.append(route))
    page.goto(f"{address}/{ident}/content")
    page.locator("#f-text").fill("Typed before the script came")
    with page.expect_response(f"**/{script}"):
        held[0].continue_()
    page.wait_for_function("document.querySelector('[data-crm-compose]').crmKept")
    page.goto(address)
    until_text(served, ident, "Typed before the script came")


def test_choices_that_come_late_do_not_open_a_picker_again(served: School, page: Page) -> None:
    sync(served.crm, full=True)
    ident = drafts.create(
        served.crm, staff("admin"), {"name": "Slow", "channel": "message", "audience": TREES["bought"]}
    )
    held: list[Route] = []
    page.route("**/pick/**q=Piano*", lambda route: held.append(route))
    page.goto(f"{served.crm.settings.public_url}/admin/crm/campaigns/{ident}/content")
    with page.expect_request("**/pick/**q=Piano*"):
        pick(page, "course", "Piano")
    dropdown = page.locator("#f-course + .ts-wrapper .ts-dropdown")
    expect(dropdown).to_be_hidden()
    with page.expect_response("**/pick/**q=Piano*"):
        held[0].continue_()
    expect(page.locator("#f-course + .ts-wrapper.loading")).to_have_count(0)
    expect(dropdown).to_be_hidden()
    page.locator("#f-course + .ts-wrapper .ts-control").click()
    expect(dropdown).to_be_visible()


def test_two_windows_ask_before_one_writes_over_the_other(
    served: School, context: BrowserContext, page: Page
) -> None:
    ident = drafts.create(
        served.crm,
        staff("admin"),
        {"name": "Both", "channel": "message", "text": "x", "audience": TREES["bought"]},
    )
    address = f"{served.crm.settings.public_url}/admin/crm/campaigns/{ident}/content"
    other = context.new_page()
    for window in (page, other):
        window.goto(address)
    with page.expect_response("**/content/save"):
        page.locator("#f-text").fill("From here")
    expect(page.locator("#c-saved .c-hint")).to_be_visible()
    other.locator("#f-text").fill("From there")
    expect(other.locator("#c-saved .c-note--warn")).to_be_visible()
    assert queries.get(served.crm, ident).content["text"] == "From here"
    # Going on writing in the first window is no conflict, however fast.
    page.locator("#f-text").press_sequentially(" and on", delay=60)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#c-saved .c-hint")).to_be_visible()
    assert queries.get(served.crm, ident).content["text"] == "From here and on"
    other.locator("button[name=over]").click()
    expect(other.locator("#c-saved .c-hint")).to_be_visible()
    assert queries.get(served.crm, ident).content["text"] == "From there"


def test_a_time_in_another_zone_by_keyboard_alone(served: School, page: Page, complaints: list[str]) -> None:
    ident = drafts.create(
        served.crm,
        staff("admin"),
        {"name": "Dawn", "channel": "message", "text": "x", "audience": TREES["bought"]},
    )
    page.goto(f"{served.crm.settings.public_url}/admin/crm/campaigns/{ident}/policy")
    page.locator("[name=when][value=now]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.locator("#f-at").fill(f"{NOW + timedelta(days=20):%Y-%m-%d}T09:00")
    page.locator("#f-zone + .ts-wrapper input").focus()
    page.keyboard.type("Kathmandu")
    expect(page.locator("#f-zone + .ts-wrapper .option.active")).to_have_text("Asia/Kathmandu")
    page.keyboard.press("Enter")
    page.locator("form[data-crm-compose] button.c-btn--main:visible").press("Enter")
    expect(page.locator(".c-main")).to_contain_text("Asia/Kathmandu (GMT+05:45)")
    assert queries.get(served.crm, ident).zone == "Asia/Kathmandu"
    assert complaints == []
