"""The shell's Flask application."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from crm_plugin.host.context import Crm
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.credentials import accounts, sign_in_log
from crm_plugin.kernel.credentials.accounts import Account
from crm_plugin.kernel.i18n import choose, translate
from crm_plugin.kernel.network.web_address import is_path
from crm_plugin.kernel.resources import folder
from crm_plugin.plugin import mount
from crm_plugin.serve.host import OWN, ShellHost
from crm_plugin.serve.known_browser import KnownBrowsers
from crm_plugin.serve.sessions import BrowserSession
from crm_plugin.serve.sign_in import Outcome, SignIns
from crm_plugin.serve.sign_in_limits import Caller
from crm_plugin.web.public.http import address_of
from crm_plugin.web.shell.rendering import SignOut

_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def create_app(crm: Crm, adapter: object) -> Flask:
    """Return the shell around ``crm``, whose data comes from ``adapter``."""
    app = Flask("crm_plugin.serve", template_folder=str(folder("templates") / "serve"))
    secure = urlsplit(crm.settings.public_url).scheme == "https"
    app.config.update(
        SECRET_KEY=crm.settings.secret_key,
        SESSION_COOKIE_NAME="crm_session",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        MAX_CONTENT_LENGTH=64_000,  # of the shell's own forms; pages have a limit of their own
        WTF_CSRF_TIME_LIMIT=None,  # a token lives as long as its session: a long day's page still works
    )
    CSRFProtect(app)
    app.register_error_handler(CSRFError, _stale)
    app.after_request(_protect)
    browser = BrowserSession(crm)
    app.after_request(browser.note_use)
    crm.host = Gateway(ShellHost(adapter, browser), clock=crm.clock, own=OWN)
    crm.state(SignOut).address = lambda: url_for("shell.logout")
    mount(app, crm)
    app.register_blueprint(_pages(crm, browser))
    return app


def _stale(_error: CSRFError) -> tuple[str, int]:
    return _login_page("stale"), 400


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _login_page(trouble: str = "", wait: int = 0) -> str:
    locale = choose(None, request.headers.get("Accept-Language"))
    shown = {"trouble": trouble, "wait": wait, "next": request.values.get("next", ""), "locale": locale}
    return render_template("login.html", **shown, _=partial(translate, locale=locale))


_STATUS = {"refused": 403, "held": 429, "busy": 503}


def _refusal(outcome: Outcome) -> Response:
    page = _login_page(outcome.trouble, outcome.wait)
    headers = {"Retry-After": str(outcome.wait)} if outcome.wait else {}
    return Response(page, _STATUS[outcome.trouble], headers, mimetype="text/html")


def _sign_in(crm: Crm, browser: BrowserSession) -> Callable[[], Response]:
    tries = SignIns(crm)
    secure = urlsplit(crm.settings.public_url).scheme == "https"
    browsers = KnownBrowsers(crm.settings.secret_key, secure=secure)

    def sign_in() -> Response:
        name = request.form.get("login", "").strip()
        client = address_of(request.environ, crm.settings)
        caller = Caller(client, browsers.shown(request, name))
        outcome = tries.attempt(name, request.form.get("password", ""), caller)
        if outcome.account is None:
            return _refusal(outcome)
        if not crm.db.run(partial(start, account=outcome.account, client=client)):
            return _refusal(Outcome(trouble="refused"))
        answer = redirect(_inside(request.form.get("next", "")))
        browsers.remember(request, answer, name)
        return answer

    def start(database: Session, account: Account, client: str) -> bool:
        now = accounts.find(database, account.login)
        if now is None or now.password_hash != account.password_hash:
            return False  # another password was given while this one was compared
        browser.start(database, account.login)
        sign_in_log.passed(database, crm.clock(), account.login, client)
        return True

    return sign_in


def _pages(crm: Crm, browser: BrowserSession) -> Blueprint:
    pages = Blueprint("shell", __name__)

    @pages.get("/")
    def home() -> Response:
        return redirect(url_for("crm.home"))

    @pages.get("/login")
    def login() -> str:
        return _login_page()

    pages.add_url_rule("/login", "sign_in", _sign_in(crm, browser), methods=["POST"])

    @pages.post("/logout")
    def logout() -> Response:
        crm.db.run(_end)
        return redirect(url_for("shell.login"))

    def _end(database: Session) -> None:
        login = browser.end(database)
        if login is not None:
            sign_in_log.left(database, crm.clock(), login)

    return pages


def _inside(target: str) -> str:
    """Return a path of this application, never another site."""
    return target if is_path(target) else url_for("crm.home")
