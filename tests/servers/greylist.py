"""A greylisting policy server for Postfix: who is new has to come again after a while, as postgrey asks."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_DEFER = "DEFER_IF_PERMIT Greylisted, please come again"


class Greylist(socketserver.ThreadingTCPServer):
    """Answers requests of ``check_policy_service`` (Postfix: SMTPD_POLICY_README).

    :param seconds: that a new triple of client, sender and recipient has to wait.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.seconds = seconds
        self._first: dict[tuple[str, ...], float] = {}

    @property
    def service(self) -> str:
        """How a restriction of Postfix names it."""
        return f"check_policy_service inet:127.0.0.1:{self.server_address[1]}"

    def action(self, asked: dict[str, str]) -> str:
        """Return what to do with a recipient."""
        triple = tuple(asked.get(name, "") for name in ("client_address", "sender", "recipient"))
        now = time.monotonic()
        return _DEFER if now - self._first.setdefault(triple, now) < self.seconds else "DUNNO"


class _Requests(socketserver.StreamRequestHandler):
    server: Greylist

    def handle(self) -> None:
        asked: dict[str, str] = {}
        for line in self.rfile:
            name, _, value = line.decode().rstrip("\n").partition("=")
            if name:
                asked[name] = value
                continue
            self.wfile.write(f"action={self.server.action(asked)}\n\n".encode())
            asked = {}


@contextmanager
def greylist(seconds: float) -> Iterator[Greylist]:
    """A greylist that answers."""
    server = Greylist(seconds)
    named: dict[str, Any] = {"poll_interval": 0.05}
    thread = threading.Thread(target=server.serve_forever, kwargs=named, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
