"""Composition root: one place where settings, database, school, queue and capabilities come together."""

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_plugin.host.context import Crm
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel import embedded
from crm_plugin.kernel.clock import Clock, system_clock
from crm_plugin.kernel.db import Database, connect
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.queue import Queue
from crm_plugin.kernel.secret import kept_secret
from crm_plugin.kernel.settings import Settings, load
from crm_plugin.web import menu, pages
from crm_plugin.web.public import PublicApp

if TYPE_CHECKING:
    from flask import Flask

HOSTS = "crm_plugin.hosts"
"""Entry-point group in which host adapters are found."""


def init_app(app: "Flask", host: object, settings: Settings | None = None) -> Crm:
    """Install the CRM in a Flask school: its pages, its public routes, its commands.

    Opens nothing yet: the database is first asked when a page or a command needs it.

    :param app: the school's application.
    :param host: the plug-in that answers the host hooks (:mod:`crm_plugin.host.hookspecs`).
    :param settings: read from ``crm.toml`` and ``CRM_*`` variables when left out.
    """
    crm = open_crm(settings or load(), host=host, app=app)
    mount(app, crm)
    return crm


def mount(app: "Flask", crm: Crm) -> None:
    """Put the pages and public routes of ``crm`` into a Flask application."""
    app.extensions["crm"] = crm
    blueprint = pages(crm)
    if not crm.host.mount(app, blueprint, menu(crm)):
        app.register_blueprint(blueprint, url_prefix="/admin/crm")
    app.wsgi_app = PublicApp(crm, app.wsgi_app)  # type: ignore[method-assign]


def open_crm(
    settings: Settings, *, host: object | None = None, app: "Flask | None" = None, clock: Clock = system_clock
) -> Crm:
    """Make a CRM of its parts.

    :param host: the host plug-in; by default the one that the setting ``host`` names, if any.
    :param app: a Flask host, whose database is used when the setting ``database_url`` is empty.
    :raises BadInput: ``host.unknown``.
    """
    plugin = host if host is not None else load_host(settings)
    settings.secret_key = settings.secret_key or kept_secret(Path(settings.instance) / "secret_key")
    crm = Crm(settings, _database(settings, app), Gateway(plugin, clock=clock), _queue(settings), clock)
    compose(crm)
    return crm


def load_host(settings: Settings) -> object | None:
    """Return the host that the setting ``host`` names; None when it names none."""
    if not settings.host:
        return None
    known = {point.name: point for point in entry_points(group=HOSTS)}
    if settings.host not in known:
        raise BadInput("host.unknown", name=settings.host, known=", ".join(sorted(known)) or "none")
    plugin: object = known[settings.host].load()(settings)
    return plugin


def compose(crm: Crm) -> None:
    """Let every capability register what it brings to the ones below it."""


def _database(settings: Settings, app: "Flask | None") -> Database:
    if settings.database_url:
        return connect(settings.database_url)
    if app is not None and "sqlalchemy" in app.extensions:
        return connect(_url_of(app))
    folder = Path(settings.instance)
    folder.mkdir(parents=True, exist_ok=True)
    return connect(f"sqlite:///{folder.resolve() / 'crm.db'}")


def _url_of(app: "Flask") -> Any:
    # An engine of our own on the host's database: its isolation level and SQLite's transactions are ours.
    with app.app_context():
        return app.extensions["sqlalchemy"].engine.url


def _queue(settings: Settings) -> Queue:
    return Queue(settings.redis_url or embedded.find(Path(settings.instance)) or "")

