"""A WSGI application behind ASGI: what it is asked, what it answers, and who waits for whom."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from crm_plugin.cli.server import asgi_bridge
from crm_plugin.cli.server.asgi_bridge import IN_MEMORY, LONGEST_BODY, PIECE, Bridge
from crm_plugin.cli.server.lanes import Lane
from tests.cli.asgi_calls import Call, finished

WIDE = Lane("test", 8, 100)


def echo(environ: dict[str, Any], start: Any) -> list[bytes]:
    """Answer with what was asked."""
    body = environ["wsgi.input"].read()
    shown = {name: value for name, value in environ.items() if isinstance(value, str)}
    start("200 OK", [("Content-Type", "text/plain"), ("X-Read", str(len(body)))])
    return [repr(shown).encode(), b"|", body[:20]]


def through(app: Any, *calls: Call, lane: Lane | None = WIDE) -> list[Call]:
    async def all_of_them() -> list[Call]:
        bridge = Bridge(app, lambda _: lane)
        return list(await asyncio.gather(*(call.to(bridge) for call in calls)))

    return finished(all_of_them())


@pytest.mark.parametrize("lane", [WIDE, None])
def test_an_application_sees_what_was_asked(lane: Lane | None) -> None:
    headers = [(b"cookie", b"a=1"), (b"cookie", b"b=\xc3\xa9"), (b"x-two", b"1"), (b"x-two", b"2")]
    (call,) = through(echo, Call("GET", b"/r/%E4%B8%AD%2Fx?q=%E4", headers), lane=lane)
    asked = eval(call.body.rpartition(b"|")[0])
    assert asked["PATH_INFO"] == "/r/中/x".encode().decode("latin-1")
    assert asked["QUERY_STRING"] == "q=%E4"
    assert (asked["REMOTE_ADDR"], asked["HTTP_HOST"]) == ("192.0.2.7", "crm.example")
    assert asked["HTTP_COOKIE"] == "a=1; b=é".encode().decode("latin-1")
    assert asked["HTTP_X_TWO"] == "1, 2"
    assert (call.status, call.is_whole) == (200, True)
    assert call.answered["server"] == "crm", "no program is named"


def test_a_header_with_an_underscore_cannot_pass_for_another() -> None:
    (call,) = through(echo, Call(headers=[(b"x_forwarded_for", b"203.0.113.5"), (b"content_length", b"9")]))
    assert b"FORWARDED" not in call.body
    assert b"CONTENT_LENGTH" not in call.body


def test_bodies_come_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_bridge, "BODY_SECONDS", 0.1)
    chunked, huge = [(b"transfer-encoding", b"chunked")], str(LONGEST_BODY + 1).encode()
    calls = through(
        echo,
        Call("POST", headers=[(b"content-length", b"4")], pieces=[b"ab", b"cd"]),
        Call("POST", headers=chunked, pieces=[b"abc"]),
        Call("POST", headers=[(b"content-length", huge)], pieces=[...]),
        Call("POST", headers=chunked, pieces=[b"x" * 1_000_000] * 3),
        Call("POST", headers=chunked, pieces=[b"x", ...]),
        Call("POST", headers=chunked, pieces=[b"x", None]),
    )
    assert [call.status for call in calls] == [200, 200, 413, 413, 408, 400]
    assert [call.answered["x-read"] for call in calls[:2]] == ["4", "3"]
    assert b"TRANSFER_ENCODING" not in calls[1].body


def test_bodies_of_all_requests_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_bridge, "MOST_BODIES", 3_000)
    monkeypatch.setattr(asgi_bridge, "BODY_SECONDS", 0.2)
    headers = [(b"content-length", b"2000")]
    held, refused = through(
        echo,
        Call("POST", headers=headers, pieces=[b"x" * 1999, ...]),
        Call("POST", headers=headers, pieces=[b"x" * 2000]),
    )
    assert (held.status, refused.status) == (408, 503)


def test_a_long_answer_waits_for_a_slow_client_without_a_thread() -> None:
    ended = threading.Event()
    pieces = [bytes([65 + number]) * PIECE for number in range(3 * IN_MEMORY // PIECE)]

    def app(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", "text/csv")])
        yield from pieces
        ended.set()

    async def slowly() -> None:
        await asyncio.to_thread(ended.wait, 5)

    (call,) = through(app, Call(reads=slowly))
    assert call.body == b"".join(pieces)
    assert (call.is_whole, call.answered["content-length"]) == (True, str(len(call.body)))


def test_an_answer_that_breaks_off_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", "text/csv")])
        yield b"x" * (2 * IN_MEMORY if environ["PATH_INFO"] == "/long" else 5)
        raise ValueError("broken")

    for call in through(app, Call(), Call(path=b"/long")):
        assert (call.status, call.body, call.answered["content-length"]) == (500, b"", "0")
    assert caplog.text.count("ValueError: broken") == 2


def test_answers_without_a_body() -> None:
    def app(_environ: Any, start: Any) -> list[bytes]:
        start("302 Found", [("Location", "/é")])
        return []

    (call,) = through(app, Call("HEAD"))
    assert (call.status, call.answered["location"], call.body, call.is_whole) == (302, "/é", b"", True)


def test_a_full_lane_sends_away_and_holds_no_other_up() -> None:
    free, narrow, other = threading.Event(), Lane("narrow", 1, 2), Lane("other", 1, 1)

    def app(environ: Any, start: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/slow":
            free.wait(5)
        start("200 OK", [])
        return [b"done"]

    async def run() -> tuple[list[Call], list[Call], float]:
        bridge = Bridge(app, lambda environ: {"/slow": narrow, "/other": other}.get(environ["PATH_INFO"]))
        slow = [asyncio.ensure_future(Call(path=b"/slow").to(bridge)) for _ in range(3)]
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        quick = [await Call(path=path).to(bridge) for path in (b"/other", b"/now", b"/slow")]
        took = time.perf_counter() - began
        free.set()
        return list(await asyncio.gather(*slow)), quick, took

    slow, quick, took = finished(run())
    assert [call.status for call in quick] == [200, 200, 503]
    assert quick[2].answered["retry-after"] == "1"
    assert [call.status for call in slow] == [200, 200, 200]
    assert took < 1


@pytest.mark.parametrize(("status", "held"), [("200 OK", False), ("302 Found", False), ("403 No", True)])
def test_only_refusals_are_held_back(status: str, held: bool) -> None:
    def app(_environ: Any, start: Any) -> list[bytes]:
        start(status, [])
        return [b""]

    began = time.perf_counter()
    through(app, *(Call() for _ in range(20)), lane=Lane("guarded", 1, 100, pause=0.2))
    took = time.perf_counter() - began
    assert (took >= 0.2) == held
    assert took < 2, "nobody's thread is held meanwhile"
