"""Serving a WSGI application on this machine: granian where it is installed, else Werkzeug's own."""

import errno
import importlib.util
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.process import fork

log = logging.getLogger(__name__)

_PATIENCE = 8.0
"""Seconds that the web process has to end; longer than requests under way have."""
_SOON = 2.0
"""Seconds: a web process that lived no longer cannot be served by starting it again."""


def port_of(given: int | None) -> int:
    """Return the port that was asked for: the option, else ``PORT``, else 5000.

    :raises BadInput: when ``PORT`` is no port number.
    """
    if given is not None:
        return given
    text = os.environ.get("PORT", "5000")
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65536):
        raise BadInput("settings.bad_value", name="PORT", value=text, expected="a port number")
    return int(text)


def need_free(host: str, port: int) -> None:
    """Refuse a port that somebody listens on, before any work is done.

    :raises BadInput: ``input.bad``.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "is taken: choose another by PORT=…" if taken else f"cannot be used: {error.strerror}"
            raise BadInput("input.bad", reason=f"port {port} {reason}") from error


def run(app: Any, host: str, port: int) -> None:
    """Serve until interrupted.

    The application is served by a process of its own, which is started again when it dies.
    """
    if importlib.util.find_spec("granian"):
        from crm_plugin.cli.server import web_process

        _keep(partial(web_process.serve, app, host, port))
        return
    from werkzeug.serving import run_simple

    try:
        run_simple(host, port, app, threaded=True)
    finally:
        app.wsgi_app.close()


def _keep(serve: Callable[[], int]) -> None:
    while True:
        began = time.monotonic()
        child = fork(serve)
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        except BaseException:  # a signal to end
            _end(child)
            raise
        if code == 0:
            return  # it was stopped on its own
        if time.monotonic() - began < _SOON:
            raise ChildProcessError("the web process ended as soon as it had begun: what it said is above")
        log.error("the web process ended (%d) and is started again", code)


def _end(child: int) -> None:
    """Let the web process finish what it is at, for a while."""
    os.kill(child, signal.SIGTERM)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
