"""Composition root: one place where settings, database, school, queue and capabilities come together."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from crm_plugin.automations.capability import AUTOMATIONS
from crm_plugin.automations.recurring.capability import RECURRING
from crm_plugin.boards.capability import BOARDS
from crm_plugin.campaigns.capability import CAMPAIGNS
from crm_plugin.channels import installation
from crm_plugin.channels.capability import CHANNELS
from crm_plugin.channels.sms.templates import load_stock
from crm_plugin.dashboard.capability import DASHBOARD
from crm_plugin.host.context import Crm, current, installed
from crm_plugin.host.contributions import Capability
from crm_plugin.host.gateway import Gateway
from crm_plugin.host.jobs import Jobs
from crm_plugin.kernel.clock import Clock, system_clock
from crm_plugin.kernel.credentials.secret import kept_secret
from crm_plugin.kernel.db.engine import Database, connect
from crm_plugin.kernel.errors import BadInput, Unavailable
from crm_plugin.kernel.jobs import daily, failed_items
from crm_plugin.kernel.migrate import upgrade
from crm_plugin.kernel.private_files import make_folder
from crm_plugin.kernel.queue import embedded_valkey
from crm_plugin.kernel.queue.queue import Queue, resolve
from crm_plugin.kernel.settings import Settings, load
from crm_plugin.links.capability import LINKS
from crm_plugin.profiles.capability import PROFILES
from crm_plugin.profiles.store.host_info_cache import school_today
from crm_plugin.profiles.sync.events import Sink
from crm_plugin.segments.capability import SEGMENTS
from crm_plugin.web.blueprint import menu, pages
from crm_plugin.web.pages import WEB
from crm_plugin.web.public import PublicApp

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

HOSTS = "crm_plugin.hosts"
"""Entry-point group in which host adapters are found."""

CAPABILITIES: tuple[Capability, ...] = (
    PROFILES,
    SEGMENTS,
    BOARDS,
    CAMPAIGNS,
    AUTOMATIONS,
    RECURRING,
    CHANNELS,
    LINKS,
    DASHBOARD,
    WEB,
)
"""What an application consists of, in the order in which the data flow."""


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
    crm.host.subscribe(Sink(crm, hands_over=True))


def open_crm(
    settings: Settings,
    *,
    host: object | None = None,
    app: "Flask | None" = None,
    clock: Clock = system_clock,
    capabilities: tuple[Capability, ...] = CAPABILITIES,
) -> Crm:
    """Make a CRM of its parts.

    :param host: the host plug-in; by default the one that the setting ``host`` names, if any.
    :param app: a Flask host, whose database is used when the setting ``database_url`` is empty.
    :param capabilities: what it consists of.
    :raises BadInput: ``host.unknown``.
    """
    plugin = host if host is not None else load_host(settings)
    settings.secret_key = settings.secret_key or kept_secret(_folder(settings) / "secret_key")
    gateway = Gateway(plugin, clock=clock)
    return Crm(settings, _database(settings, app), gateway, _queue(settings), clock, capabilities)


def load_host(settings: Settings) -> object | None:
    """Return the host that the setting ``host`` names; None when it names none."""
    if not settings.host:
        return None
    known = {point.name: point for point in entry_points(group=HOSTS)}
    if settings.host not in known:
        raise BadInput("host.unknown", name=settings.host, known=", ".join(sorted(known)) or "none")
    with _at("host_url"):
        plugin: object = known[settings.host].load()(settings)
    return plugin


def prepare(crm: Crm) -> None:
    """Make or upgrade the tables and put the shipped SMS templates in; sends nothing; safe to repeat."""
    upgrade(crm.db)
    crm.db.run(lambda session: load_stock(session, crm.clock()))
    crm.db.run(installation.prepare)


def periodic_jobs(crm: Crm) -> tuple[tuple[str, int], ...]:
    """Return what a worker ticks: (job, every how many seconds)."""
    every = (job for jobs in crm.contributed(Jobs) for job in jobs.periodic)
    return (*every, ("crm_plugin.plugin.daily_tick", 300))


def upkeep_jobs(crm: Crm) -> tuple[tuple[str, int], ...]:
    """Return what the upkeep of a worker does by itself: (job, every how many seconds)."""
    return tuple(job for jobs in crm.contributed(Jobs) for job in jobs.upkeep)


def burst_rounds(crm: Crm) -> list[Callable[[], bool]]:
    """Return one round of each capability's due work, in the order in which the data flows."""
    return [partial(jobs.burst, crm) for jobs in crm.contributed(Jobs)]


def run_daily(crm: Crm) -> list[str]:
    """Do the work of the business day that nobody has done yet; return the names of its jobs.

    One that fails stops no other: it is logged, shown on the health page, and tried again the same day.
    """
    day = school_today(crm)
    crm.db.run(lambda session: failed_items.forget_old(session, crm.clock()))
    return [job for jobs in crm.contributed(Jobs) for job in jobs.daily if _once(crm, job, day)]


def daily_tick() -> None:
    """Periodic job: the daily work, when its day has come."""
    run_daily(current())


def _once(crm: Crm, job: str, day: date) -> bool:
    token = str(uuid4())
    if not crm.db.run(lambda session: daily.claim(session, job, day, crm.clock(), token)):
        return False
    try:
        with installed(crm):
            resolve(job)()
    except Exception as error:
        log.exception("%s failed", job)
        # The kind of failure only: its words may hold somebody's data.
        kind = type(error).__name__
        crm.db.run(lambda session: daily.fail(session, job, day, token, kind))
        return False
    crm.db.run(lambda session: daily.finish(session, job, day, crm.clock()))
    return True


def _database(settings: Settings, app: "Flask | None") -> Database:
    if settings.database_url:
        with _at("database_url"):
            return connect(settings.database_url)
    if app is not None and "sqlalchemy" in app.extensions:
        return connect(_url_of(app))
    return connect(f"sqlite:///{_folder(settings).resolve() / 'crm.db'}")


def _folder(settings: Settings) -> Path:
    return make_folder(Path(settings.instance), settings.file_group)


@contextmanager
def _at(setting: str) -> Iterator[None]:
    """Name the setting that an address which cannot be used came from."""
    try:
        yield
    except Unavailable as error:
        error.place = error.place or setting
        raise


def _url_of(app: "Flask") -> Any:
    # An engine of our own on the host's database: its isolation level and SQLite's transactions are ours.
    with app.app_context():
        return app.extensions["sqlalchemy"].engine.url


def _queue(settings: Settings) -> Queue:
    folder = Path(settings.instance)
    return Queue(settings.redis_url or embedded_valkey.find(folder) or "", folder / "warned")
