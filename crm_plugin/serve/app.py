"""The shell's Flask application."""

from functools import partial
from urllib.parse import urlsplit

from flask import Blueprint, Flask, redirect, render_template, request, session, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.wrappers import Response

from crm_plugin.host.context import Crm
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel import accounts
from crm_plugin.kernel.i18n import choose, translate
from crm_plugin.kernel.resources import folder
from crm_plugin.plugin import mount
from crm_plugin.serve.host import SIGNED_IN, ShellHost
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
    crm.host = Gateway(ShellHost(adapter, crm.db), clock=crm.clock)
    crm.state(SignOut).address = lambda: url_for("shell.logout")
    mount(app, crm)
    app.register_blueprint(_pages(crm))
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


def _pages(crm: Crm) -> Blueprint:
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
        if account is None:
            return _login_page("refused"), 403
        session.clear()
        session[SIGNED_IN] = (account.login, accounts.stamp(account))
        return redirect(_inside(request.form.get("next", "")))

    @pages.post("/logout")
    def logout() -> Response:
        session.clear()
        return redirect(url_for("shell.login"))

    return pages


def _inside(target: str) -> str:
    """Return a path of this application, never another site."""
    # Browsers drop line breaks and tabs inside an address: "/<tab>/" would lead away.
    if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return url_for("crm.home")
