"""The opt-out page: GET shows it, POST acts (RFC 8058: also without cookies, login or page)."""

import logging
from functools import cache
from typing import Any

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader

from crm_plugin.host.context import Crm
from crm_plugin.kernel.resources import folder
from crm_plugin.links import optout
from crm_plugin.links.optout import Asked
from crm_plugin.links.redirect import Redirector
from crm_plugin.web.public.http import Environ, Response, form_of, headers_of, query_of
from crm_plugin.web.public.words import LOCALES, choose, words_of

log = logging.getLogger(__name__)

STYLE = "page.css"
"""Name of the style sheet below the opt-out path; no token has a dot."""

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    # Nothing is loaded but our style sheet, and the address (it acts for a person) goes nowhere else.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@cache
def _templates() -> Templates:
    path = folder("templates") / "crm" / "public"
    return Templates(loader=FileSystemLoader(path), autoescape=True, trim_blocks=True, lstrip_blocks=True)


@cache
def _style() -> bytes:
    return (folder("web.public") / STYLE).read_bytes()


def answer(crm: Crm, redirector: Redirector, token: str, environ: Environ) -> Response:
    """Answer a request for ``/u/<token>``; only a POST changes anything."""
    if token == STYLE:
        return Response(200, _style(), {"Content-Type": "text/css", "Cache-Control": "public, max-age=3600"})
    locale = choose(query_of(environ).get("lang", ""), headers_of(environ).get("accept-language", ""))
    page = _Page(locale, redirector.school())
    signer = redirector.opt_out_signer(token)
    if signer is None:
        return page.show("plain.html", 503, kind="later")
    asked = optout.read(signer, token)
    if asked is None:
        return page.show("plain.html", 404, kind="bad")
    method = environ["REQUEST_METHOD"]
    if method in ("GET", "HEAD"):
        return page.show("ask.html", 200, channel=asked.channel)
    if method != "POST":
        return Response(405, headers={"Allow": "GET, HEAD, POST"})
    return _act(crm, page, asked, environ)


def _act(crm: Crm, page: "_Page", asked: Asked, environ: Environ) -> Response:
    # A body that cannot be read still says that somebody wants out: the channel's own opt-out.
    form = form_of(environ)
    everywhere = form.get("scope") == "all"
    try:
        optout.opt_out(crm, asked, "page" if "scope" in form else "one-click", everywhere=everywhere)
    except Exception:
        log.exception("an opt-out could not be kept")
        return page.show("plain.html", 503, kind="later")
    return page.show("done.html", 200, done="all" if everywhere else asked.channel)


class _Page:
    """Renders the public pages in one language."""

    def __init__(self, locale: str, school: str) -> None:
        self._locale = locale
        self._school = school

    def show(self, name: str, status: int, **values: Any) -> Response:
        html = (
            _templates()
            .get_template(name)
            .render(
                words=words_of(self._locale),
                locale=self._locale,
                locales=LOCALES,
                school=self._school,
                style=STYLE,
                **values,
            )
        )
        headers = _HEADERS | ({"Retry-After": "30"} if status == 503 else {})
        return Response(status, html.encode("utf-8"), headers)
