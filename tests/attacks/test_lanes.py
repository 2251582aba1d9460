"""A server whose pages and sign-ins are all taken: what is public is answered all the same."""

import asyncio
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.cli.server.asgi_bridge import Bridge
from crm_plugin.cli.server.web_process import Lanes
from crm_plugin.host.context import Crm
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links.service import make_links, signer
from crm_plugin.web.public import PublicApp
from tests.cli.asgi_calls import Call, finished
from tests.fakes.crm import make_crm

pytestmark = pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)


class Application:
    """The CRM's public routes in front of pages that never come to an end."""

    def __init__(self, crm: Crm) -> None:
        self.free = threading.Event()
        self._database = crm.db
        self.wsgi_app = PublicApp(crm, self._page)

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        return self.wsgi_app(environ, start)

    def _page(self, _environ: dict[str, Any], start: Any) -> list[bytes]:
        with self._database.read() as one, self._database.read() as other:  # as some pages do
            one.execute(sa.text("SELECT 1"))
            other.execute(sa.text("SELECT 1"))
            self.free.wait(10)
        start("200 OK", [])
        return [b"a page"]


@pytest.fixture
def crm(database: Database, tmp_path: Path) -> Crm:
    return make_crm(database, instance=str(tmp_path), bounce_secret="a secret of the provider")


async def beside_a_full_server(app: Application, calls: list[Call]) -> float:
    """Answer the calls while pages and sign-ins are stuck; return the seconds of the slowest."""
    bridge, slowest = Bridge(app, Lanes(app).of), 0.0
    pages = [Call(path=b"/admin/crm/people") for _ in range(40)]
    sign_ins = [Call("POST", b"/login") for _ in range(40)]
    stuck = [asyncio.ensure_future(call.to(bridge)) for call in (*pages, *sign_ins)]
    await asyncio.sleep(0.1)
    for call in calls:
        began = time.perf_counter()
        await call.to(bridge)
        slowest = max(slowest, time.perf_counter() - began)
    assert not any(one.done() for one in stuck)
    app.free.set()
    assert {one.status for one in await asyncio.gather(*stuck)} == {200}
    app.wsgi_app.close()
    return slowest


def test_redirects_opt_outs_and_callbacks_wait_for_no_page(crm: Crm) -> None:
    with crm.db.begin() as session:
        link = make_links(session, 1, ["https://school.example/offer"], crm.clock())[0]
    code = signer(crm).code(link, 0)
    token = signer(crm).opt_out_token(1, "email", 0)
    calls = [
        *(Call(path=f"/r/{code}".encode()) for _ in range(20)),
        Call(path=b"/r/nosuch"),
        Call(path=f"/u/{token}".encode()),
        Call("POST", b"/c/bounce", [(b"content-length", b"2")], [b"{}"]),
        Call("POST", b"/c/twilio/nosuch"),
    ]
    slowest = finished(beside_a_full_server(Application(crm), calls))
    assert [call.status for call in calls] == [302] * 20 + [404, 200, 403, 403]
    assert slowest < 2


def test_a_known_link_needs_no_thread_and_an_unknown_one_asks_the_database(crm: Crm) -> None:
    with crm.db.begin() as session:
        known = make_links(session, 1, ["https://school.example/offer"], crm.clock())[0]
    keys, app = signer(crm), PublicApp(crm, lambda *_: [b""])
    good, unknown = keys.code(known, 0), keys.code(known + 1, 0)

    def in_memory(path: str) -> bool:
        return app.is_in_memory({"PATH_INFO": path, "REQUEST_METHOD": "GET"})

    assert not in_memory(f"/r/{good}"), "nothing is read yet"
    list(app({"PATH_INFO": f"/r/{good}", "REQUEST_METHOD": "GET"}, lambda *_: None))
    assert in_memory(f"/r/{good}")
    assert in_memory("/r/nosuch!")
    assert in_memory(f"/r/{good[:-1]}{'2' if good[-1] != '2' else '3'}")
    assert not in_memory(f"/r/{unknown}")
    assert not in_memory(f"/u/{good}")
    assert not in_memory("/admin/crm/")
    app.close()
