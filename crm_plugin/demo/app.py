"""Makes the school's Flask application."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from flask import Flask, Response, render_template
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import event
from sqlalchemy.engine import make_url

from crm_plugin.demo import accounts, admin, i18n, learning, order_flow, shop
from crm_plugin.demo.change_events import now
from crm_plugin.demo.models import db, split
from crm_plugin.demo.plugins import plugin_manager

# No inline script or style and nothing from outside: a name such as "<script>" stays a name.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def create_app(database_url: str, *, secret_key: str, plugins: Sequence[object] = ()) -> Flask:
    """Return the school over ``database_url``, its tables made where they are missing.

    :param database_url: SQLAlchemy URL of SQLite, PostgreSQL or MariaDB
    :param secret_key: signs the session cookie
    :param plugins: objects that answer the hooks of ``plugins.py``
    """
    app = Flask("crm_plugin.demo", template_folder=str(files("crm_plugin.templates") / "demo"))
    app.config.update(
        SECRET_KEY=secret_key,
        SQLALCHEMY_DATABASE_URI=database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(database_url),
        SESSION_COOKIE_SAMESITE="Lax",
    )
    db.init_app(app)
    CSRFProtect(app)
    manager = app.extensions["school_plugins"] = plugin_manager(plugins)
    for blueprint in (accounts.pages, shop.pages, learning.pages, admin.pages):
        app.register_blueprint(blueprint)
    for blueprints in manager.hook.school_blueprints():
        for blueprint in blueprints:
            app.register_blueprint(blueprint)
    _furnish(app)
    with app.app_context():
        if make_url(database_url).get_backend_name() == "sqlite":
            event.listen(db.engine, "connect", _share_file)
        db.create_all()
    return app


def _engine_options(database_url: str) -> dict[str, object]:
    if make_url(database_url).get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 30}}
    return {"pool_pre_ping": True}


def _share_file(connection: object, _record: object) -> None:
    """Let readers and one writer use the SQLite file at the same time."""
    connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]


def _furnish(app: Flask) -> None:
    app.before_request(accounts.load_user)
    app.after_request(_secure)
    for status in (403, 404, 500):
        app.register_error_handler(status, _failed)
    app.jinja_env.globals.update(
        _=i18n.say, name_of=i18n.name_of, money=i18n.money, day=i18n.day, moment=i18n.moment,
        locale=i18n.locale, LOCALES=i18n.LOCALES, split=split, now=now, unread=learning.unread,
        admin_menu=admin.menu, is_member=order_flow.is_member,
    )  # fmt: skip


def _secure(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response


def _failed(error: Exception) -> tuple[str, int]:
    status = getattr(error, "code", None) or 500
    # The error page asks for the person's unread messages: not in a transaction that has failed.
    db.session.rollback()
    return render_template("school/error.html", status=status), status
