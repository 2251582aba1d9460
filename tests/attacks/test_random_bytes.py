"""A thousand random bytes at each public route, in each place of a request: no route breaks."""

import io
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_plugin.channels.email.feedback.providers.registry import PROVIDERS
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links.ingest import classify_new, drain_clicks
from crm_plugin.links.service import make_links, signer
from crm_plugin.web.public import PublicApp
from tests.channels.sms.carriers.world import NAMES, SECRET, settings_of
from tests.fakes.crm import make_crm
from tests.web.test_public import SQLITE, add_person
from tests.web.test_public import school as host_app

HEADERS = "USER_AGENT REFERER COOKIE ACCEPT_LANGUAGE X_FORWARDED_FOR X_FORWARDED_PROTO SEC_PURPOSE".split()
HEADERS += "X_PURPOSE AUTHORIZATION X_TWILIO_SIGNATURE X_CRM_SIGNATURE X_CRM_TIMESTAMP HOST ORIGIN".split()
PLACES = ("path", "query", "body", "form", "type", "length", "method", *HEADERS)
ANSWERS = {200, 302, 304, 400, 401, 403, 404, 405, 406, 413, 429, 503}
"""What a stranger may get; 503 where a key of ours is not set."""
LONGEST = 1_000
"""Bytes at a time."""


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    facts: dict[str, Any] = {name: value for one in NAMES for name, value in settings_of(one).items()}
    places: dict[str, Any] = {"instance": str(tmp_path), "public_url": "https://s.example/crm"}
    secrets: dict[str, Any] = {"bounce_secret": SECRET, "bounce_path_secret": SECRET}
    return make_crm(database, **places, **secrets, **facts)


def routes(crm: Crm) -> Iterator[str]:
    """Return a good address of each public route: random bytes come beside what is right of it."""
    ann = add_person(crm, "ann", email_key="ann@a.example", phone_key="+8613800138000")
    with crm.db.begin() as session:
        (link,) = make_links(session, None, ["https://school.example/"], crm.clock())
    yield f"/r/{signer(crm).code(link, 0)}"
    yield f"/u/{signer(crm).opt_out_token(ann, 'email', 7)}"
    yield "/u/page.css"
    yield "/c/bounce"
    yield from (f"/c/bounce/{name}/{SECRET}" for name in PROVIDERS)
    yield from (f"/c/{name}/{'status' if name == 'twilio' else SECRET}" for name in NAMES)


class Stranger:
    """Sends requests with something random in one place."""

    def __init__(self, crm: Crm) -> None:
        self.run = os.environ.get("CRM_TEST_SEED") or str(random.randrange(10**6))
        print(f"CRM_TEST_SEED={self.run}")
        self._random = random.Random(self.run)
        self._app = PublicApp(crm, host_app)

    def junk(self) -> bytes:
        """Return random bytes: any, or such as look like something."""
        some = self._random.choice([None, b"0123456789", b"%&=;/?#\\\"'<>{}[]", b"az09-_.~", b"\x00\r\n\xff"])
        most = self._random.choice([1, 8, 64, LONGEST])
        count = self._random.randint(0, most)
        return self._random.randbytes(count) if some is None else bytes(self._random.choices(some, k=count))

    def send(self, path: str) -> tuple[str, int]:
        """Send one request; return where the bytes stood, and the answer."""
        place, junk = self._random.choice(PLACES), self.junk()
        text = junk.decode("latin-1")
        method = self._random.choice(["GET", "HEAD", "POST", "POST", "PUT", "OPTIONS"])
        environ: dict[str, Any] = {
            "REQUEST_METHOD": text if place == "method" else method,
            "PATH_INFO": path[: self._random.randint(3, len(path))] + text if place == "path" else path,
            "QUERY_STRING": text if place == "query" else "",
            "SCRIPT_NAME": "",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(junk if place in ("body", "form") else b""),
            "wsgi.url_scheme": "https",
            "CONTENT_LENGTH": text if place == "length" else str(len(junk)),
            "CONTENT_TYPE": "application/json",
        }
        if place in ("form", "type"):
            environ["CONTENT_TYPE"] = text if place == "type" else "application/x-www-form-urlencoded"
        if place in HEADERS:
            environ[f"HTTP_{place}"] = text
        return place, self._answered(environ)

    def _answered(self, environ: dict[str, Any]) -> int:
        found: list[str] = []
        for part in self._app(environ, lambda status, headers: found.extend([status, *map(str, headers)])):
            assert isinstance(part, bytes)
        assert not any("\n" in line or "\r" in line for line in found)
        return int(found[0][:3])

    def close(self) -> None:
        self._app.close()


def stand_up_to(crm: Crm, requests: int) -> None:
    """Send so many requests to each route; then count what was kept of them."""
    stranger, odd = Stranger(crm), {}
    for path in list(routes(crm)):
        for _ in range(requests):
            place, status = stranger.send(path)
            if status not in ANSWERS:
                odd[path, place] = status
    assert odd == {}
    stranger.close()
    while drain_clicks(crm) or classify_new(crm):
        pass


@SQLITE
def test_a_thousand_random_bytes_at_each_public_route(crm: Crm) -> None:
    stand_up_to(crm, 40)


@pytest.mark.long
def test_a_thousand_random_requests_at_each_public_route(crm: Crm) -> None:
    stand_up_to(crm, 1_000)
