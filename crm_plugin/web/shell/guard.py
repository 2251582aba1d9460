"""The guard of rights: every page names its permission, every change comes by POST with a CSRF token."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial, wraps
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Response, current_app, g, redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect, ValidationError, generate_csrf, validate_csrf
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, NotFound

from crm_plugin.host import permissions, token_actors, token_refusals
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor, RequestFacts
from crm_plugin.kernel import storable
from crm_plugin.kernel.db.statement_limit import statements_within
from crm_plugin.kernel.errors import BadInput, SignedOut
from crm_plugin.kernel.network import client_address
from crm_plugin.profiles.store import host_info_cache

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
SAFE = ("GET", "HEAD", "OPTIONS")
LARGEST_BODY = 1_000_000
"""Bytes that a form or a document may have; the longest HTML of an e-mail has 300,000 in a form."""


@dataclass(frozen=True)
class Route:
    """One address of the CRM's pages and the permission that it needs."""

    rule: str
    name: str
    permission: str
    methods: tuple[str, ...]
    view: Callable[..., ResponseReturnValue]


class Routes:
    """The routes of one module of pages; :mod:`crm_plugin.web.pages` lists the modules."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def add(self, route: Route) -> None:
        """Take a route in."""
        self._routes.append(route)

    def page(self, rule: str, permission: str = "crm.view", *, post: bool = False) -> Callable[[View], View]:
        """Make a function the page at ``rule``.

        :param permission: without it the answer is 403; signed out, it is the way to the login.
        :param post: it changes something, or takes a form: POST only.
        """

        def taken(view: View) -> View:
            methods = ("POST",) if post else ("GET",)
            self.add(Route(rule, view.__name__, permission, methods, view))
            return view

        return taken


def guarded(crm: Crm, route: Route) -> Callable[..., ResponseReturnValue]:
    """Return the view of a route behind its guard, for the pages of one CRM."""
    stored = partial(host_info_cache.stored, crm)

    @wraps(route.view)
    def view(**values: Any) -> ResponseReturnValue:
        with statements_within(crm.settings.page_statement_seconds):
            return answered(values)

    def answered(values: dict[str, Any]) -> ResponseReturnValue:
        g.crm = crm
        # Not when the pages are mounted: a worker may mount them too, and must ask the school.
        crm.host.remember(stored)
        person = find_actor()
        if person is None:
            return _to_login()
        permissions.need(person, route.permission)
        # A browser sends a session by itself, whichever page makes it; it never sends a token by itself.
        if request.method not in SAFE and bearer() is None:
            _check_token()
        _check_values(values)
        return route.view(**values)

    return view


def crm() -> Crm:
    """Return the CRM behind this request."""
    found: Crm = g.crm
    return found


def actor() -> Actor:
    """Return who is at the screen; only behind a guard, where there is somebody."""
    found: Actor = g.crm_actor
    return found


def need(permission: str) -> None:
    """Refuse the request when the actor lacks one more permission.

    :raises Refused: ``access.refused``.
    """
    permissions.need(actor(), permission)


def find_actor() -> Actor | None:
    """Ask the school who is at the screen, once a request."""
    if "crm_actor" not in g:
        text = bearer()
        if text is None:
            facts = RequestFacts(dict(request.headers), dict(request.cookies), request.remote_addr)
            g.crm_actor = crm().host.current_actor(facts)
        else:
            g.crm_actor = token_actors.actor_of(crm(), text)
            if g.crm_actor is None:
                token_refusals.refused(crm(), _client())
    found: Actor | None = g.crm_actor
    return found


def _client() -> str:
    forwarded = request.headers.get("X-Forwarded-For", "")
    return client_address.seen(request.remote_addr or "", forwarded, crm().settings.trusted_proxies)[:64]


def bearer() -> str | None:
    """Return the token that a program sends with a request to the API; pages take none."""
    sent = request.authorization
    if not is_api() or sent is None or sent.type != "bearer":
        return None
    return sent.token or ""


def is_api() -> bool:
    """Return whether the request is for the JSON API."""
    return request.endpoint is not None and request.endpoint.rpartition(".")[2].startswith("api_")


def wants_json() -> bool:
    """Return whether the caller is a program."""
    accepts = request.accept_mimetypes
    return "/api/" in f"{request.path}/" or (accepts.best == "application/json")


def unrouted(
    below: str, answer: Callable[[HTTPException], ResponseReturnValue]
) -> ResponseReturnValue | None:
    """Answer a request at or below a path that no route takes; None lets any other one go on."""
    fault = request.routing_exception
    return answer(fault) if fault is not None and f"{request.path}/".startswith(f"{below}/") else None


def is_htmx() -> bool:
    """Return whether htmx asks for a piece of a page."""
    return request.headers.get("HX-Request") == "true"


def _to_login() -> ResponseReturnValue:
    if bearer() is not None:
        raise SignedOut("access.bad_token")
    login = crm().host.url("login", "")
    if wants_json() or not login:
        raise SignedOut("access.signed_out")
    back = (
        request.full_path.rstrip("?")
        if request.method == "GET" and not is_htmx()
        else request.script_root + "/"
    )
    address = _leading_back(login, back)
    if is_htmx():
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address)


def _leading_back(login: str, back: str) -> str:
    """Return the login's address with the wanted page as ``next``, in place of one that it may carry."""
    parts = urlsplit(login)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "next"]
    return urlunsplit(parts._replace(query=urlencode([*kept, ("next", back)], safe="/")))


def _check_values(values: dict[str, Any]) -> None:
    """Refuse what no database keeps: in the path it names nothing, in a parameter or a form it is a mistake.

    Documents are read by :mod:`~crm_plugin.segments.language.json_input`, by the same rule.
    """
    for value in values.values():
        if not (storable.is_number(value) if isinstance(value, int) else storable.is_text(value)):
            raise NotFound
    posted = () if is_api() else request.form.items(multi=True)
    for name, value in chain(request.args.items(multi=True), posted):
        storable.check({name: value})


def csrf_field() -> Markup:
    """Return the hidden field of a form: Flask-WTF's token, under the name that the school's guard reads."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(_token_name(), generate_csrf())


def _check_token() -> None:
    # Whatever guard the school has: it may be off, look at other methods or leave our pages out.
    headers = ["X-CSRFToken", *current_app.config.get("WTF_CSRF_HEADERS", ())]
    sent = [request.form.get(_token_name()), *(request.headers.get(name) for name in headers)]
    try:
        validate_csrf(next(filter(None, sent), None))
    except ValidationError:
        raise BadInput("access.stale_form") from None


def _token_name() -> str:
    return str(current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"))


def prepare(_endpoint: str | None, _values: object) -> None:
    """Settle what the school's own guards, which come first, must know of a request to us.

    How much of its body anybody may read; and that the API is left out of the guard of forms, as programs
    have none. Requests with a session are still asked for the token, by our own guard. To be done at each
    request: the school may set its guard up after it has mounted us.
    """
    request.max_content_length = request.max_form_memory_size = LARGEST_BODY
    guard = current_app.extensions.get("csrf")
    if is_api() and isinstance(guard, CSRFProtect):
        guard.exempt(current_app.view_functions[str(request.endpoint)])


def kept_nowhere(response: Response) -> Response:
    """Let nobody on the way, and no browser of a shared machine, keep an answer."""
    response.headers["Cache-Control"] = "no-store"
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def not_kept(response: Response) -> Response:
    """Let nobody keep a page, a document or a file of people; built files alone are kept."""
    built = request.endpoint == f"{request.blueprint}.static" and response.status_code < 400
    return response if built else kept_nowhere(response)
