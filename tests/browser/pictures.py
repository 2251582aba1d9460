"""Takes the pictures of the documentation: ``make pictures``.

Starts a demo in each language, walks the six stories of :mod:`tests.browser.test_people` from the audience to
the last message sent, two by each channel, and keeps what a marketer sees on the way: at a desk (1440 px)
and on a phone (390 px), as PNG with a palette.
"""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.marketer import STORIES, Marketer

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PORT = int(os.environ.get("PORT", "5871"))
ADDRESS = f"http://127.0.0.1:{PORT}"
COLOURS = 128
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE = 180
"""Seconds that a demo may take until it answers."""


@contextmanager
def demo(language: str) -> Iterator[None]:
    """A demo of 2,000 people in a folder of its own, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "crm_plugin.cli", "demo", "--port", str(PORT)]
        asked = ["--language", language, "--instance", folder]
        process = subprocess.Popen([*command, *asked], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until_it_answers(process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_until_it_answers(process: "subprocess.Popen[bytes]") -> None:
    """Return when the demo's login page is there.

    :raises RuntimeError: when it ended, or takes longer than :data:`PATIENCE`.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{ADDRESS}/login", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
        else:
            return
    raise RuntimeError("the demo did not start")


class Camera:
    """Keeps pictures of a page under a name, with width and language."""

    def __init__(self, page: Page, language: str) -> None:
        self.page = page
        self.language = language

    def take(self, name: str) -> None:
        """Keep what the window shows, from the top of the page."""
        self.page.evaluate("scrollTo(0, 0)")
        self.page.wait_for_timeout(700)
        shot = Image.open(BytesIO(self.page.screenshot())).convert("RGB")
        width = self.page.viewport_size["width"] if self.page.viewport_size else 0
        path = IMAGES / f"{name}-{width}-{self.language}.png"
        shot.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{path.name} {path.stat().st_size // 1024} kB")


def window(browser: Browser, language: str, size: dict[str, int]) -> BrowserContext:
    """Return a window of an administrator who reads the language."""
    phone = size is PHONE
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        locale="zh-CN" if language == "zh" else "en-GB",
        is_mobile=phone,
        has_touch=phone,
    )
    page = context.new_page()
    page.goto(f"{ADDRESS}/login")
    page.fill("[name=login]", "admin")
    page.fill("[name=password]", "lantern-2026")
    page.locator("form button.large").click()
    switch = page.locator(f"form[action='/locale/{language}'] button").first
    if switch.count():
        switch.click()
    return context


def walk(browser: Browser, language: str) -> None:
    """Walk the six stories at a desk, then look at some of it on a phone."""
    page = window(browser, language, DESK).pages[0]
    marketer = Marketer(page, ADDRESS, language)
    camera = Camera(page, language)
    page.goto(f"{ADDRESS}/admin/crm/")
    camera.take("home")
    address = ""
    for story in STORIES:
        address = marketer.walk(story, camera.take)
    camera.take("live")
    marketer.click_links()
    page.goto(f"{ADDRESS}/admin/crm/campaigns")
    camera.take("campaigns")
    page.goto(f"{ADDRESS}/admin/crm/campaigns/1")
    camera.take("report")
    page.goto(f"{ADDRESS}/admin/crm/people/42")
    camera.take("person")
    boards(page, camera)
    on_a_phone(browser, language, address)


BOARDS = (
    ("board-pending", "1", "pending"),
    ("board-left", "1", "left"),
    ("board-learners", "28", "learners"),
)
"""Picture → course or class of the demo, and stage."""


def boards(page: Page, camera: Camera, pictures: tuple[tuple[str, str, str], ...] = BOARDS) -> None:
    """Keep tabs of a course and of a class."""
    for name, course, stage in pictures:
        page.goto(f"{ADDRESS}/admin/crm/courses/{course}?stage={stage}")
        camera.take(name)


def on_a_phone(browser: Browser, language: str, campaign: str) -> None:
    """Keep the builder, a person, the composer and a campaign as a phone shows them."""
    page = window(browser, language, PHONE).pages[0]
    camera = Camera(page, language)
    for name, path in (("home", "/"), ("find", "/people"), ("person", "/people/42")):
        page.goto(f"{ADDRESS}/admin/crm{path}")
        camera.take(name)
    Marketer(page, ADDRESS, language).begin(STORIES[0])
    camera.take("audience")
    page.goto(campaign)
    camera.take("live")
    boards(page, camera, BOARDS[:1])


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        )
        for language in ("en", "zh"):
            with demo(language):
                walk(browser, language)
        browser.close()


if __name__ == "__main__":
    main()
