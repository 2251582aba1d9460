"""The shell's Flask application."""

from urllib.parse import urlsplit

from flask import Blueprint, Flask, redirect, render_template, request, session, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from crm_plugin.host.context import Crm
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel import accounts
from crm_plugin.kernel.resources import folder
from crm_plugin.plugin import mount
from crm_plugin.serve.host import SIGNED_IN, ShellHost

PREFIX = "/admin/crm"


def create_app(crm: Crm, adapter: object) -> Flask:
    """Return the shell around ``crm``, whose data comes from ``adapter``."""
    app = Flask("crm_plugin.serve", template_folder=str(folder("templates") / "serve"))
    secure = urlsplit(crm.settings.public_url).scheme == "https"
    app.config.update(
        SECRET_KEY=crm.settings.secret_key,
        SESSION_COOKIE_NAME="crm_session",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
    )
    CSRFProtect(app)
    crm.host = Gateway(ShellHost(adapter, crm.db), clock=crm.clock)
    mount(app, crm)
    app.register_blueprint(_pages(crm))
    return app


def _pages(crm: Crm) -> Blueprint:
    pages = Blueprint("shell", __name__)

    @pages.get("/")
    def home() -> Response:
        return redirect(url_for("crm.home"))

    @pages.route("/login", methods=["GET", "POST"])
    def login() -> Response | tuple[str, int]:
        if request.method == "GET":
            return render_template("login.html", failed=False, next=request.args.get("next", "")), 200
        name = request.form.get("login", "").strip()
        with crm.db.begin() as database:
            known = accounts.sign_in(database, name, request.form.get("password", ""), crm.clock())
        if not known:
            return render_template("login.html", failed=True, next=request.form.get("next", "")), 403
        session.clear()
        session[SIGNED_IN] = name
        return redirect(_inside(request.form.get("next", "")))

    @pages.post("/logout")
    def logout() -> Response:
        session.clear()
        return redirect(url_for("shell.login"))

    return pages


def _inside(target: str) -> str:
    """Return a path of this application, never another site."""
    if target.startswith("/") and not target.startswith(("//", "/\\")):
        return target
    return url_for("crm.home")
