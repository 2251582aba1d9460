"""The web process: granian in front, and lanes behind it.

What people reach without signing in has threads of its own, and what stands in memory is answered at once: no
page and no sign-in holds it up. Sign-ins wait for their hash in threads that no page needs.
"""

import asyncio
import signal
import sys
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from crm_plugin.cli.server.asgi_bridge import Bridge, Environ
from crm_plugin.cli.server.lanes import Lane

CONNECTIONS = 2048
"""Connections that are taken at the same time; those that ask nothing for half a minute are closed."""
GRACE = 5.0
"""Seconds that requests under way have when the process is to end."""
_HASHING = ("/login", "/register")
"""Where `crm serve`, and the school of `crm demo`, hash a password before they know somebody."""
_PAUSE = 1.0
"""Seconds before a refused sign-in is answered: a flood costs no more than its connections."""
_SWITCH = 0.0002
"""Seconds that a thread computes before another has its turn. Beside eight pages that compute without a
pause, 99 of 100 redirects took 35 ms; with Python's 5 ms they took 232. The pages lost nothing."""


class Lanes:
    """Which lane a request takes."""

    def __init__(self, app: Any) -> None:
        self._front = app.wsgi_app
        self._public = Lane("public", 8, 200)
        self._sign_in = Lane("sign-in", 12, 200, pause=_PAUSE)
        self._pages = Lane("page", 8, 200)

    def of(self, environ: Environ) -> Lane | None:
        """Return the lane of a request; None for one that is answered from memory."""
        if self._front.is_public(environ):
            return None if self._front.is_in_memory(environ) else self._public
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] in _HASHING:
            return self._sign_in
        return self._pages


def serve(app: Any, host: str, port: int) -> int:
    """Serve until a signal to end; return the exit code, with which the process ends at once.

    Granian's own threads live until then. Nobody waits for a connection that asks nothing.
    """
    sys.setswitchinterval(_SWITCH)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_serve(app, host, port))
    finally:
        app.wsgi_app.close()


async def _serve(app: Any, host: str, port: int) -> int:
    bridge = Bridge(app, Lanes(app).of)
    server = Server(
        bridge,
        host,
        port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        log_level=LogLevels.error,
    )
    ending, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    serving, asked = asyncio.ensure_future(server.serve()), asyncio.ensure_future(ending.wait())
    await asyncio.wait((serving, asked), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
        return 1
    server.stop()  # type: ignore[no-untyped-call]
    await bridge.idle(GRACE)
    return 0
