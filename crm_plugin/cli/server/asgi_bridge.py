"""Serves a WSGI application by ASGI: each request is read whole, done in a lane, and its answer sent.

So nobody's slow line holds a thread: bodies are awaited before, and an answer that the client takes slowly
lies in a file meanwhile. What the application can answer from memory is done at once.
"""

import asyncio
import io
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote_to_bytes

from crm_plugin.cli.server.lanes import Lane

log = logging.getLogger(__name__)

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LONGEST_BODY = 2_000_000
"""Bytes of a request's body that are read; each route refuses less."""
MOST_BODIES = 64_000_000
"""Bytes of bodies that are held in memory at the same time."""
BODY_SECONDS = 30.0
"""How long a body may take to come."""
REFUSALS = (401, 403, 429)
"""Statuses that lanes hold back."""
PIECE = 65_536
"""Bytes of an answer that are sent at once."""
IN_MEMORY = 1_000_000
"""Bytes of an answer that wait for the client in memory; the rest waits in a file."""


class Bridge:
    """An ASGI application around a WSGI one.

    :param app: the WSGI application.
    :param lane_of: where a request is done; None for one that can be answered at once.
    """

    def __init__(self, app: Wsgi, lane_of: Callable[[Environ], Lane | None]) -> None:
        self._app = app
        self._lane_of = lane_of
        self._held = 0
        self._open = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request."""
        with self._counted():
            environ = environ_of(scope)
            with self._holding() as held:
                status = await self._read(environ, receive, held)
                if status:
                    await _refuse(send, status)
                else:
                    await self._answer(environ, send)

    async def idle(self, seconds: float) -> None:
        """Return when no request is under way, or after so many seconds."""
        until = asyncio.get_running_loop().time() + seconds
        while self._open and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.02)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    @contextmanager
    def _holding(self) -> Iterator[list[bytes]]:
        held: list[bytes] = []
        try:
            yield held
        finally:
            self._held -= sum(map(len, held))

    async def _read(self, environ: Environ, receive: Receive, held: list[bytes]) -> int:
        """Read the body; return the status of a refusal, 0 when all is well."""
        length = environ.get("CONTENT_LENGTH", "")
        if "HTTP_TRANSFER_ENCODING" not in environ and length in ("", "0"):
            return 0
        if length.isdigit() and int(length) > LONGEST_BODY:
            return 413
        try:
            async with asyncio.timeout(BODY_SECONDS):
                status = await self._take(receive, held)
        except TimeoutError:
            return 408
        environ["wsgi.input"] = io.BytesIO(b"".join(held))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(sum(map(len, held)))
        return status

    async def _take(self, receive: Receive, held: list[bytes]) -> int:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return 400  # the client has gone
            piece = message.get("body", b"")
            size += len(piece)
            if size > LONGEST_BODY:
                return 413
            if self._held + len(piece) > MOST_BODIES:
                return 503
            held.append(piece)
            self._held += len(piece)
            more = message.get("more_body", False)
        return 0

    async def _answer(self, environ: Environ, send: Send) -> None:
        lane = self._lane_of(environ)
        if lane is not None and lane.is_full():
            await _refuse(send, 503)
            return
        answer = Answer(self._app, environ)
        if lane is None:
            answer.make()
        else:
            await lane.do(answer.make)
            if answer.status in REFUSALS:
                await asyncio.sleep(lane.pause)
        await answer.send(send)


_SERVER = (b"server", b"crm")
"""Instead of the name of a program, which says to attackers what to try."""


async def _refuse(send: Send, status: int) -> None:
    headers = [_SERVER, (b"content-length", b"0"), *([(b"retry-after", b"1")] if status == 503 else [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


class Answer:
    """What an application answers: kept as a whole, then sent as fast as the client takes it.

    An answer that breaks off is never sent: the client would take the part for the whole.
    """

    def __init__(self, app: Wsgi, environ: Environ) -> None:
        self._app, self._environ = app, environ
        self._kept = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self.status, self._headers = 500, [("Content-Type", "text/plain")]

    def make(self) -> None:
        """Let the application answer; called in a thread of its lane."""
        try:
            pieces = self._app(self._environ, self._start)
            try:
                for piece in pieces:
                    self._kept.write(piece)
            finally:
                getattr(pieces, "close", lambda: None)()
        except Exception:
            log.exception("a request failed")
            self.status, self._headers = 500, [("Content-Length", "0")]
            self._kept.seek(0)
            self._kept.truncate()

    async def send(self, send: Send) -> None:
        """Send it, and let it go."""
        with self._kept:
            left = self._kept.tell()
            self._kept.seek(0)
            await send({"type": "http.response.start", "status": self.status, "headers": self._lines(left)})
            while left > PIECE:
                await send({"type": "http.response.body", "body": self._kept.read(PIECE), "more_body": True})
                left -= PIECE
            await send({"type": "http.response.body", "body": self._kept.read()})

    def _start(self, status: str, headers: list[tuple[str, str]], _error: object = None) -> object:
        self.status, self._headers = int(status[:3]), headers
        return self._kept.write

    def _lines(self, length: int) -> list[tuple[bytes, bytes]]:
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._headers]
        if length and not any(name.lower() == b"content-length" for name, _ in lines):
            lines.append((b"content-length", str(length).encode()))
        return [*lines, _SERVER]


def environ_of(scope: dict[str, Any]) -> Environ:
    """Return the WSGI environment of a request, without its body."""
    server, client = scope.get("server") or ("", ""), scope.get("client") or ("", "")
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        _add_header(environ, name, value.decode("latin-1"))
    return environ


def _add_header(environ: Environ, name: bytes, value: str) -> None:
    if b"_" in name:
        return  # X_Forwarded_For would read like the header that a proxy wrote
    key = name.decode("latin-1").upper().replace("-", "_")
    key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
    if key == "HTTP_HOST" and not value:
        return
    between = "; " if key == "HTTP_COOKIE" else ", "
    environ[key] = f"{environ[key]}{between}{value}" if key in environ else value
