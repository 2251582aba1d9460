"""The shell's Flask application."""

from functools import partial
from urllib.parse import urlsplit

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from crm_plugin.host.context import Crm
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel import accounts, sign_in_log
from crm_plugin.kernel.i18n import choose, translate
from crm_plugin.kernel.resources import folder
from crm_plugin.plugin import mount
from crm_plugin.serve.host import OWN, ShellHost
from crm_plugin.serve.sessions import BrowserSession
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
    return response


def _login_page(trouble: str = "") -> str:
    locale = choose(None, request.headers.get("Accept-Language"))
    shown = {"trouble": trouble, "next": request.values.get("next", ""), "locale": locale}
    return render_template("login.html", **shown, _=partial(translate, locale=locale))


def _pages(crm: Crm, browser: BrowserSession) -> Blueprint:
    pages = Blueprint("shell", __name__)

    @pages.get("/")
    def home() -> Response:
        return redirect(url_for("crm.home"))

    @pages.get("/login")
    def login() -> str:
        return _login_page()

    @pages.post("/login")
    def sign_in() -> Response | tuple[str, int]:
        name = request.form.get("login", "").strip()
        with crm.db.begin() as database:
            account = accounts.sign_in(database, name, request.form.get("password", ""), crm.clock())
        client = request.remote_addr or ""
        if account is None:
            crm.db.run(lambda database: sign_in_log.refused(database, crm.clock(), name, client))
            return _login_page("refused"), 403
        crm.db.run(partial(_start, login=account.login, client=client))
        return redirect(_inside(request.form.get("next", "")))

    def _start(database: Session, login: str, client: str) -> None:
        browser.start(database, login)
        sign_in_log.passed(database, crm.clock(), login, client)

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
    # Browsers drop line breaks and tabs inside an address: "/<tab>/" would lead away.
    if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return url_for("crm.home")
