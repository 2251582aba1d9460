"""A served school for tests in a real browser, with the CRM's own layout and its strict policy."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import ConsoleMessage, Page
from werkzeug.serving import make_server

from crm_plugin.host.context import install
from crm_plugin.kernel.db.engine import Database
from crm_plugin.web.public import PublicApp
from tests.web.fixtures import School, open_school


@pytest.fixture
def served(database: Database, tmp_path: Path) -> Iterator[School]:
    """A school on a port of its own; ``crm.settings.public_url`` is its address."""
    school = open_school(database, tmp_path)
    school.host.garbage("host_layout", "")  # it lost the page: our own layout stands in
    # A browser asks every site for it.
    school.app.add_url_rule("/favicon.ico", "favicon", lambda: ("", 204))
    install(school.crm)
    server = make_server("127.0.0.1", 0, PublicApp(school.crm, school.app.wsgi_app), threaded=True)
    school.crm.settings.public_url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield school
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complained of: a refused script or style, an error of ours."""
    page.set_default_timeout(8000)
    found: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # A count that is overtaken by a newer one is given up; htmx calls that an error.
        given_up = message.text.startswith(("htmx:sendAbort", "htmx:afterRequest"))
        if message.type in ("error", "warning") and not given_up:
            found.append(f"{message.text} {message.location.get('url')}")

    page.on("console", listen)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found
