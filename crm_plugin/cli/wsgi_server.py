"""Serving a WSGI application on this machine: waitress where it is installed, else Werkzeug's own."""

import errno
import importlib.util
import os
import socket
from typing import Any

from crm_plugin.kernel.errors import BadInput

_THREADS = 8


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
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "is taken: choose another by PORT=…" if taken else f"cannot be used: {error.strerror}"
            raise BadInput("input.bad", reason=f"port {port} {reason}") from error


def run(app: Any, host: str, port: int) -> None:
    """Serve until interrupted; then give the public routes' spool up, so that no click waits in it."""
    try:
        _serve(app, host, port)
    finally:
        close = getattr(app.wsgi_app, "close", None)
        if close is not None:
            close()


def _serve(app: Any, host: str, port: int) -> None:
    if importlib.util.find_spec("waitress"):
        import waitress

        waitress.serve(app, host=host, port=port, threads=_THREADS, ident=None)
    else:
        from werkzeug.serving import run_simple

        run_simple(host, port, app, threaded=True)
