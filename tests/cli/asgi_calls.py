"""Requests to an ASGI application without a server, as granian hands them over."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
Asgi = Callable[..., Awaitable[None]]


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Return what some work returns, from a loop of its own: Playwright may keep one in the test's thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class Call:
    """One request and its answer.

    :param pieces: of the body; None: the client has gone, ``...``: nothing comes any more.
    """

    method: str = "GET"
    path: bytes = b"/"
    headers: Sequence[tuple[bytes, bytes]] = ()
    pieces: Sequence[Any] = ()
    status: int = 0
    answered: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False
    reads: Callable[[], Awaitable[None]] | None = None

    async def to(self, app: Asgi) -> "Call":
        """Send it; return itself with the answer."""
        left = list(self.pieces)

        async def receive() -> dict[str, Any]:
            piece = left.pop(0) if left else b""
            if piece is ...:
                await asyncio.sleep(60)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": bool(left)}

        await app(self._scope(), receive, self._take)
        return self

    async def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            pairs = message["headers"]
            self.answered = {name.decode().lower(): value.decode("latin-1") for name, value in pairs}
            return
        if self.reads is not None:
            await self.reads()
        self.body += message["body"]
        self.is_whole = not message.get("more_body")

    def _scope(self) -> dict[str, Any]:
        path, _, query = self.path.partition(b"?")
        return {
            "type": "http",
            "method": self.method,
            "raw_path": path,
            "query_string": query,
            "headers": [(b"host", b"crm.example"), *self.headers],
            "http_version": "1.1",
            "scheme": "http",
            "root_path": "",
            "server": ("127.0.0.1", "5000"),
            "client": ("192.0.2.7", "41000"),
        }
