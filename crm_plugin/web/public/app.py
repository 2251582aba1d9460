"""The WSGI application in front of the host's: short links, opt-out pages, and everything else passed on."""

import logging
import threading
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from crm_plugin.host.context import Crm
from crm_plugin.links.codes import leading
from crm_plugin.links.redirect import Redirector
from crm_plugin.web.public import bounces, optout, own_address, provider_events, receipts
from crm_plugin.web.public.http import Environ, Response, StartResponse, address_of, headers_of

log = logging.getLogger(__name__)

Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

_SLASHES = {"/r/": 0, "/u/": 0, "/c/": 1}
"""Route → how many slashes there are behind it."""
_PROVIDER = 2
"""Slashes behind ``/c/`` in the address of a mail provider."""
_WHOLE = (f"/c/{bounces.NAME}", f"/c/{own_address.NAME}")
"""Routes without anything behind them."""
_NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_TEXT = {"Content-Type": "text/plain; charset=utf-8", **_NO_STORE}


class PublicApp:
    """Answers the routes below the public address; all else is the inner application's.

    ``/r/<code>`` are short links, ``/u/<token>`` opt-out pages, ``/c/<carrier>/<secret>`` takes reports
    on SMS, ``/c/bounce`` and ``/c/bounce/<provider>/<secret>`` events of e-mail. ``/c/address`` answers with
    the client's address.

    :param crm: opens nothing before the first request to one of these.
    :param inner: the host's WSGI application.
    """

    def __init__(self, crm: Crm, inner: Wsgi) -> None:
        self._crm = crm
        self._inner = inner
        self._root = urlsplit(crm.settings.public_url).path.rstrip("/")
        self._guard = threading.Lock()
        self._redirector: Redirector | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        route, last = self._route(environ)
        if route == "r":
            return self._redirect(last, environ).send(environ, start_response)
        if route == "u":
            return optout.answer(self._crm, self._links(), last, environ).send(environ, start_response)
        if route == "c" and last == own_address.NAME:
            return own_address.answer(self._crm, environ).send(environ, start_response)
        if route == "c" and last == bounces.NAME:
            return bounces.answer(self._crm, environ).send(environ, start_response)
        if route == "c" and last.count("/") == _PROVIDER:
            _, provider, secret = last.split("/")
            return provider_events.answer(self._crm, provider, secret, environ).send(environ, start_response)
        if route == "c":
            carrier, secret = last.split("/")
            return receipts.answer(self._crm, carrier, secret, environ).send(environ, start_response)
        return self._inner(environ, start_response)

    def is_public(self, environ: Environ) -> bool:
        """Return whether a request is for one of our routes, and not for the inner application."""
        return bool(self._route(environ)[0])

    def is_in_memory(self, environ: Environ) -> bool:
        """Return whether a public request needs no database: nobody has to wait for it."""
        route, last = self._route(environ)
        return route == "r" and self._redirector is not None and self._redirector.is_in_memory(last)

    def close(self) -> None:
        """Give up what requests have opened."""
        if self._redirector is not None:
            self._redirector.close()

    def _route(self, environ: Environ) -> tuple[str, str]:
        """Return (letter of the route, the rest of the path), or empty text for what is not ours.

        A proxy may or may not strip the public address's folder, so both spellings are ours.
        """
        path = str(environ.get("PATH_INFO", ""))
        whole = str(environ.get("SCRIPT_NAME", "")) + path
        for given in (path, whole.removeprefix(self._root) if self._root else whole):
            kind, last = given[:3], _without_marks(given)
            if given in _WHOLE or _is_ours(kind, last):
                return kind[1], last
        return "", ""

    def _redirect(self, code: str, environ: Environ) -> Response:
        links = self._links()
        try:
            address = address_of(environ, self._crm.settings)
            found = links.answer(code, environ["REQUEST_METHOD"], headers_of(environ), address)
        except Exception:
            # Whatever is wrong with us, the visitor came for the school.
            log.exception("a short link could not be looked up")
            return Response(302, headers={**_NO_STORE, "Location": links.school()})
        if found.location is None:
            return Response(found.status, b"There is no such link.\n", _TEXT)
        return Response(found.status, headers={**_NO_STORE, "Location": found.location})

    def _links(self) -> Redirector:
        with self._guard:
            if self._redirector is None:
                self._redirector = Redirector(self._crm)
            return self._redirector


def _without_marks(path: str) -> str:
    """Return what stands behind the letter of a route, without the marks that got stuck to a link."""
    kind, last = path[:3], path[3:]
    if kind not in ("/r/", "/u/") or last == optout.STYLE:
        return last
    code = leading(last, token=kind == "/u/")
    # With a slash right behind it, it is a page of the school's.
    return code if code and not last.removeprefix(code).startswith("/") else last


def _is_ours(kind: str, last: str) -> bool:
    if kind == "/c/" and last.startswith(f"{bounces.NAME}/"):
        return all(last.split("/")) and last.count("/") in (_PROVIDER, _SLASHES[kind])
    return all(last.split("/")) and last.count("/") == _SLASHES.get(kind)
