"""From a template to a page: our own Jinja environment, inside the school's layout or our own.

The environment is ours and not the Flask application's, so that neither side can shadow the names,
filters or translations of the other. Every value is escaped; an undefined name is an error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Response, g, make_response, request, url_for
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crm_plugin.host.context import Crm
from crm_plugin.host.records import LayoutPage
from crm_plugin.kernel.resources import folder
from crm_plugin.web.shell import formatting, i18n, vocabulary
from crm_plugin.web.shell.bundle import path_of
from crm_plugin.web.shell.extension import WebExtension
from crm_plugin.web.shell.flash import take
from crm_plugin.web.shell.guard import actor, crm, csrf_field
from crm_plugin.web.shell.menu_entry import Entry

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy of our own layout: nothing inline, nothing from outside."""


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the Jinja environment of the pages."""
    made = Environment(
        loader=FileSystemLoader(folder("templates") / "crm"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.install_gettext_callables(i18n.plain, i18n.plural, newstyle=True, pgettext=i18n.in_context)  # type: ignore[attr-defined]
    made.filters.update(formatting.FILTERS)
    made.globals.update(
        url=lambda name, **values: url_for(f"crm.{name}", **values),
        csrf_field=csrf_field,
        may=lambda permission: actor().may(permission),
        sees_all=lambda: actor().scope is None,
        money=formatting.money,
        percent=formatting.percent,
        zone_name=formatting.zone_name,
        word=vocabulary.word,
        locale=i18n.locale,
        request_path=lambda: request.path,
        here=_here,
    )
    return made


def _here() -> str:
    """Return the address to come back to: this page's, or the one whose button led here."""
    if request.method != "GET":
        return url_for("crm.home")
    return request.script_root + request.full_path.removesuffix("?")


def fragment(template: str, **context: Any) -> str:
    """Return a piece of a page as HTML."""
    return environment().get_template(template).render(**context)


def render(template: str, *, title: str, active: str = "", status: int = 200, **context: Any) -> Response:
    """Return a whole page.

    :param template: below ``templates/crm``; what stands inside the frame.
    :param active: key of the menu entry to highlight.
    """
    content = fragment(template, title=title, status=status, **context)
    notes = take()
    body = fragment(
        "shell/frame.html",
        title=title,
        content=Markup(content),
        notes=notes,
        active=active,
        entries=shown_entries(),
    )
    return framed(title, body, active, status)


def entries_of(crm: Crm) -> list[Entry]:
    """Return the whole menu of an application."""
    return [entry for room in crm.contributed(WebExtension) for entry in room.menu]


def shown_entries() -> list[Any]:
    """Return the entries of the CRM's menu that the actor may open."""
    person = g.get("crm_actor")
    if person is None:
        return []
    seen = [entry for entry in entries_of(crm()) if not entry.whole or person.scope is None]
    return [entry for entry in seen if person.may(entry.permission)]


@dataclass
class SignOut:
    """Where people sign out of our own shell; None = the school has a way of its own."""

    address: Callable[[], str] | None = None


def _sign_out() -> str | None:
    """Return where our own shell signs people out, by POST; a school has its own way."""
    address = crm().state(SignOut).address
    return address() if address else None


def framed(title: str, body: str, active: str = "", status: int = 200) -> Response:
    """Put a body into the school's layout, or into ours where the school has none or fails."""
    head = fragment("shell/head.html", css=path_of("crm.css"), js=path_of("crm.js"))
    page = LayoutPage(title=title, body=body, head=head, active=active, locale=i18n.locale())
    person = g.get("crm_actor")
    html = crm().host.layout(person, page) if person is not None else None
    own = html is None
    if html is None:
        facts = {"page": page, "person": person, "sign_out": _sign_out()}
        html = fragment("shell/layout.html", **facts, body=Markup(body), head=Markup(head))
    response = make_response(html, status)
    if own:
        response.headers.setdefault("Content-Security-Policy", POLICY)
    return response


HTML_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""Content security policy of a shown e-mail."""


def framed_mail(html: str) -> Response:
    """Return an e-mail's HTML under a policy that lets it neither run nor fetch anything."""
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = HTML_POLICY
    return response
