"""What a marketer does in the demo to tell one of the six stories, as the pictures show it."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from crm_plugin.web.segments.presets import PRESETS

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
Words = dict[str, str]


@dataclass(frozen=True)
class Story:
    """Whom it is for (key of a preset), by which channel, and its words by language."""

    preset: str
    channel: str
    name: Words
    text: Words
    subject: Words | None = None
    shown: bool = False
    """Its steps are kept as pictures."""


STORIES = (
    Story(
        "dormant",
        "email",
        {"en": "Back to the lamp", "zh": "好久不见"},
        {"en": "A lot is new since your last visit.", "zh": "您离开的这段时间，学堂有了不少新内容。"},
        {"en": "We have missed you, {{ display_name }}", "zh": "{{ display_name }}，好久不见"},
        shown=True,
    ),
    Story(
        "trial", "sms", {"en": "After the trial", "zh": "试听之后"}, {"en": "Win back", "zh": "召回老学员"}
    ),
    Story(
        "members",
        "message",
        {"en": "Members' week", "zh": "会员周"},
        {
            "en": "Hello {{ display_name }}, this week is for members: {{ link }}",
            "zh": "{{ display_name }}您好，本周会员专享：{{ link }}",
        },
    ),
    Story(
        "signed_in",
        "message",
        {"en": "Open class on Friday", "zh": "周五公开课"},
        {
            "en": "Hello {{ display_name }}, there is an open class on Friday: {{ link }}",
            "zh": "{{ display_name }}您好，周五有公开课：{{ link }}",
        },
    ),
    Story(
        "bought",
        "email",
        {"en": "What comes next", "zh": "接下来学什么"},
        {"en": "Courses that go on where yours ended.", "zh": "为您准备了进阶课程。"},
        {"en": "What comes next", "zh": "接下来学什么"},
    ),
    Story(
        "everybody", "sms", {"en": "Autumn term", "zh": "秋季学期"}, {"en": "Win back", "zh": "召回老学员"}
    ),
)
"""The last one is sent slowly, so that it can be watched."""
SLOW = 4
"""Messages a second of the last story."""


class Marketer:
    """Somebody at the pages of a demo."""

    def __init__(self, page: Page, address: str, language: str) -> None:
        self.page = page
        self.address = address
        self.language = language
        self.person = ""
        """Number of whoever the previews are filled in for."""

    def walk(self, story: Story, keep: Callable[[str], None]) -> str:
        """Tell a story from the audience to the launch; return the address of its campaign."""
        take = keep if story.shown else _look_away
        if story.shown:
            self._find(story)
            take("find")
            self.page.locator("#f-channel").select_option(story.channel)
            self.page.locator("form:has(#f-channel) button").click()
            self.page.wait_for_load_state()
            take("reach")
        self.begin(story)
        take("audience")
        self._go_on()
        self._write(story)
        if story in STORIES[:3]:
            keep(f"content-{story.channel}")
        self._go_on()
        take("rules")
        self._rules(story)
        self._go_on()
        if self.person:
            self.page.goto(f"{self.page.url}?as={self.person}")
        self.page.wait_for_timeout(1500)
        take("check")
        self._launch()
        return self.page.url

    def _find(self, story: Story) -> None:
        """Look at the people before writing to them."""
        self.page.goto(f"{self.address}/admin/crm/people")
        place = [preset.key for preset in PRESETS].index(story.preset)
        self.page.locator(".c-side ul").first.locator("a").nth(place).click()

    def begin(self, story: Story) -> None:
        """Start at the list of campaigns; choose who and by which channel."""
        page = self.page
        page.goto(f"{self.address}/admin/crm/campaigns")
        page.locator("form[action$='/campaigns/new'] button").first.click()
        page.locator("#f-name").fill(story.name[self.language])
        page.locator("[name=preset]").select_option(story.preset)
        with page.expect_response("**/audience/save"):
            page.locator(f"[name=channel][value={story.channel}]").check()
        page.wait_for_timeout(1500)

    def _go_on(self) -> None:
        self.page.locator("form[data-crm-compose] button.c-btn--main:visible").click()
        self.page.wait_for_load_state()

    def _write(self, story: Story) -> None:
        page, text = self.page, story.text[self.language]
        if story.channel == "sms":
            page.locator("#f-template + .ts-wrapper input").click()
            page.keyboard.type(text)
            page.locator("#f-template + .ts-wrapper .option.active", has_text=text).wait_for()
            page.keyboard.press("Enter")
        elif story.channel == "email":
            self._compose(story, text)
        else:
            page.locator("#f-text").fill(text)
        page.locator("[name=link_to][value=url]").check()
        page.locator("#f-link").fill(f"{self.address}/courses")
        page.wait_for_timeout(2500)

    def _compose(self, story: Story, text: str) -> None:
        subject = story.subject or story.name
        more = {"en": "To the courses", "zh": "查看课程"}[self.language]
        self._fill_in_as()
        self.page.locator("#f-subject").fill(subject[self.language])
        self.page.locator("#f-html").click()
        for piece, words in (("heading", "{{ display_name }}"), ("paragraph", text), ("button", more)):
            self.page.locator(f"[data-crm-insert={piece}]").click()
            self.page.keyboard.type(words)
            self.page.keyboard.press("Control+End")

    def _fill_in_as(self) -> None:
        """Choose whose names the preview shows: those of somebody with a short one."""
        self.page.locator("#f-as + .ts-wrapper input").click()
        self.page.keyboard.type({"en": "Amelia", "zh": "李"}[self.language])
        self.page.locator("#f-as + .ts-wrapper .option.active").wait_for()
        self.page.wait_for_timeout(800)
        self.page.keyboard.press("Enter")
        self.person = self.page.locator("#f-as").input_value()

    def _rules(self, story: Story) -> None:
        """No quiet hours, since no picture waits for morning; nobody is left out for the stories before."""
        for name in ("quiet_from", "quiet_to", "leave_out_days", "cap_n", "cap_days"):
            self.page.locator(f"[name={name}]").fill("")
        if story is STORIES[-1]:
            self.page.locator("[name=rate_n]").fill(str(SLOW))

    def _launch(self) -> None:
        form = self.page.locator("form[action$='/launch']")
        confirm = form.locator("[name=confirm]")
        if confirm.get_attribute("type") == "checkbox":
            confirm.check()
        else:
            confirm.fill(self.page.locator(".c-tally__main dd").inner_text())
        form.locator("button").click()
        self.page.wait_for_load_state()
        self.page.wait_for_timeout(6000)

    def click_links(self) -> None:
        """Follow the links of some messages of the first story, as their people would."""
        self.page.goto(f"{self.address}/admin/crm/outbox?campaign=1")
        letters = self.page.locator("tbody a[href*='/outbox/']").evaluate_all(
            "links => links.map(one => one.href)"
        )
        for letter in letters[:12]:
            self.page.goto(letter)
            link = self.page.locator("dd a[href*='/r/']").first.get_attribute("href")
            headers = {"User-Agent": BROWSER, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-User": "?1"}
            self.page.request.get(str(link), headers=headers)
        self.page.wait_for_timeout(15000)


def _look_away(_name: str) -> None:
    """Keep nothing."""
