"""A person's page of choices: GET shows it, POST acts (RFC 8058: also without cookies, login or page)."""

import logging
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import CrmError
from crm_plugin.kernel.i18n import choose, locales, own_name
from crm_plugin.kernel.resources import folder
from crm_plugin.links import optout
from crm_plugin.links.optout import Answer, Asked, Standing
from crm_plugin.links.redirect import Redirector
from crm_plugin.links.topic_optout import Standing as Topics
from crm_plugin.profiles.consent.channels import channels
from crm_plugin.profiles.consent.ledger import ONE_CLICK
from crm_plugin.profiles.consent.topics import TopicRow
from crm_plugin.profiles.store.host_info_cache import stored
from crm_plugin.web.public import topic_choices
from crm_plugin.web.public.http import Environ, Response, form_of, headers_of, query_of
from crm_plugin.web.public.words import VERSION, joined, labels, words_of

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
    page = _Page(locale, redirector.school(), _name(crm))
    signer = redirector.opt_out_signer(token)
    if signer is None:
        return page.show("plain.html", 503, kind="later")
    asked = optout.read(signer, token)
    if asked is None:
        return page.show("bad.html", 404)
    method = environ["REQUEST_METHOD"]
    if method in ("GET", "HEAD"):
        chosen = page.topics(topic_choices.standing(crm, asked))
        return page.show("ask.html", 200, channel=asked.channel, standing=_standing(crm, asked), **chosen)
    if method != "POST":
        return Response(405, headers={"Allow": "GET, HEAD, POST"})
    try:
        return _act(crm, page, asked, form_of(environ))
    except Exception:
        log.exception("an opt-out could not be kept")
        return page.show("plain.html", 503, kind="later")


def _name(crm: Crm) -> str:
    """Return the school's name as a worker last read it; empty while nobody has."""
    crm.host.remember(partial(stored, crm))
    try:
        return crm.host.info.site_name
    except CrmError:
        return ""


def _standing(crm: Crm, asked: Asked) -> list[Standing]:
    try:
        return optout.standing(crm, asked)
    except Exception:
        # The page must come up without a database too: then it shows the one button alone.
        log.exception("what somebody chose so far cannot be read")
        return []


def _act(crm: Crm, page: "_Page", asked: Asked, form: Mapping[str, str]) -> Response:
    # A body that cannot be read still says that somebody wants out: the channel's own opt-out.
    scope = form.get("scope", "")
    if scope == "choices":
        return _choose(crm, page, asked, form)
    if scope == "undo":
        return _undo(crm, page, asked, form)
    about = topic_choices.stop(crm, asked, page.answer("page")) if scope == "topic" else None
    if about is not None:
        return page.show("done.html", 200, done=scope, stopped=[], dropped=[about], about=page.names([about]))
    covered = channels() if scope in ("all", "everything") else (asked.channel,)
    answer = page.answer("page") if scope else Answer(ONE_CLICK)
    stopped = optout.stop(crm, asked, covered, answer, everything=scope == "everything")
    done = scope if scope in ("all", "everything") else asked.channel
    return page.show("done.html", 200, done=done, stopped=stopped, dropped=[], about="")


def _choose(crm: Crm, page: "_Page", asked: Asked, form: Mapping[str, str]) -> Response:
    """Stop and resume what the form changed.

    A tick that was there before is no act of consent and is not written down as one; a channel or topic
    that the page did not show stays as it is.
    """
    shown = [one for one in optout.standing(crm, asked) if f"shown:{one.channel}" in form and not one.blocked]
    chosen = {one.channel for one in shown if f"on:{one.channel}" in form}
    resumed = [one.channel for one in shown if one.channel in chosen and not one.on]
    dropped = [one.channel for one in shown if one.channel not in chosen and one.on]
    optout.resume(crm, asked, resumed, page.answer("choices"))
    optout.stop(crm, asked, dropped, page.answer("choices"))
    on = [one.channel for one in shown if one.channel in chosen]
    gone, refused = topic_choices.choose(crm, asked, form, page.answer("choices"))
    shown_words = {"on": page.labels(on), "refused": page.names(refused)}
    return page.show("saved.html", 200, stopped=dropped, dropped=gone, **shown_words)


def _undo(crm: Crm, page: "_Page", asked: Asked, form: Mapping[str, str]) -> Response:
    again = [name for name in channels() if f"on:{name}" in form]
    optout.resume(crm, asked, again, page.answer("undo"))
    topics = topic_choices.resume(crm, asked, form, page.answer("undo"))
    return page.show("undone.html", 200, on=page.labels(again), about=page.names(topics))


class _Page:
    """Renders the public pages in one language."""

    def __init__(self, locale: str, school: str, name: str) -> None:
        self._locale = locale
        self._school = school
        self._name = name

    def answer(self, source: str) -> Answer:
        """Return how an answer on this page reached us."""
        return Answer(source, f"{VERSION}-{self._locale}")

    def labels(self, names: list[str]) -> str:
        """Return channels as one text; empty for none."""
        return labels(names, self._locale)

    def names(self, found: Sequence[TopicRow]) -> str:
        """Return topics as one text; empty for none."""
        return joined([one.label(self._locale) for one in found], self._locale)

    def topics(self, found: Topics) -> dict[str, Any]:
        """Return what the page shows of topics: each with its name, and that of the message."""
        shown = [(one.topic.id, one.topic.label(self._locale), one.on) for one in found.topics]
        about = found.message
        name = about.topic.label(self._locale) if about is not None and about.on else ""
        return {"topics": shown, "about": name}

    def show(self, name: str, status: int, **values: Any) -> Response:
        html = (
            _templates()
            .get_template(name)
            .render(
                words=words_of(self._locale),
                locale=self._locale,
                locales={name: own_name(name) for name in locales()},
                school=self._school,
                name=self._name,
                style=STYLE,
                **values,
            )
        )
        headers = _HEADERS | ({"Retry-After": "30"} if status == 503 else {})
        return Response(status, html.encode("utf-8"), headers)
