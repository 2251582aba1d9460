"""``crm demo``: the reference school with the CRM in it, filled, running, and unable to message anybody."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask import Flask
from sqlalchemy import create_engine, inspect, select

from crm_plugin.cli.base import PORT
from crm_plugin.cli.demo_contents import begin
from crm_plugin.cli.progress import Bars
from crm_plugin.cli.server import wsgi_server
from crm_plugin.demo.app import create_app
from crm_plugin.demo.generate import LEAST_PEOPLE, demo_accounts, fill
from crm_plugin.demo.i18n import LOCALES
from crm_plugin.demo.models import User, db
from crm_plugin.host.context import Crm
from crm_plugin.kernel.credentials.secret import kept_secret
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.private_files import make_file, make_folder
from crm_plugin.kernel.process import die_with_parent
from crm_plugin.kernel.queue import embedded_valkey
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.settings import Settings
from crm_plugin.plugin import init_app, load_host, prepare
from crm_plugin.profiles.sync.service import sync

LOCALHOST = "127.0.0.1"


def _own_language() -> str:
    """Return the language of the terminal, as its environment names it; English when it is none of ours."""
    told = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return told[:2] if told[:2] in LOCALES else "en"


@click.command()
@click.option("--people", type=int, default=2000, show_default=True, help="People of the generated school.")
@click.option("--port", type=PORT, default=None, help="Port on 127.0.0.1; PORT or 5000 when left out.")
@click.option("--instance", default="instance/demo", show_default=True, help="Folder of the demo's files.")
@click.option(
    "--language",
    type=click.Choice(list(LOCALES)),
    default=_own_language,
    show_default="that of this terminal",
    help="Of the generated school: its courses, its quick queries, its staff's pages.",
)
@click.option("--hostile", is_flag=True, help="Give some people names made to break pages.")
def demo(people: int, port: int | None, instance: str, language: str, hostile: bool) -> None:
    """Start the reference school with the CRM in it."""
    chosen = wsgi_server.port_of(port)
    wsgi_server.need_free(LOCALHOST, chosen)
    settings = _settings(Path(instance), chosen)
    with _alone_in(Path(instance)):
        _fill(settings.host_url, people, language, hostile)
        app, crm = _compose(settings)
        with Bars() as bars:
            sync(crm, full=not _is_read(crm), progress=bars.show)
        begin.seed(crm, language)
        _run(app, crm, chosen)


def _run(app: Flask, crm: Crm, port: int) -> None:
    queue = embedded_valkey.start(crm.instance)
    crm.queue = Queue(queue.url if queue else "")
    worker = _start_worker(crm.settings)
    try:
        _announce(port)
        _forget_connections(app, crm)
        wsgi_server.run(app, LOCALHOST, port)
    finally:
        worker.terminate()
        worker.wait(timeout=15)
        if queue is not None:
            queue.close()


def _forget_connections(app: Flask, crm: Crm) -> None:
    """Close what filling and reading the school opened: the web process must share no connection with us."""
    crm.close()
    with app.app_context():
        db.engine.dispose()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Refuse a folder in which another demo runs; the lock ends with the process, however it ends."""
    with make_file(folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reason = f"another demo runs in {folder}: stop it, or choose another folder by --instance"
            raise BadInput("input.bad", reason=reason) from None
        yield


def _settings(folder: Path, port: int) -> Settings:
    make_folder(folder)
    url = f"sqlite:///{folder.resolve() / 'school.db'}"
    return Settings(
        host="demo_school",
        host_url=url,
        database_url=url,
        host_region="CN",
        host_timezone="Asia/Shanghai",
        host_currency="CNY",
        public_url=f"http://{LOCALHOST}:{port}",
        host_base_url=f"http://{LOCALHOST}:{port}",
        instance=str(folder.resolve()),
        sms_price="0.045 CNY",
    )


def _fill(url: str, people: int, language: str, hostile: bool) -> None:
    if people < LEAST_PEOPLE:
        raise BadInput("input.bad", reason=f"--people: at least {LEAST_PEOPLE}, to have one of each kind")
    engine = create_engine(url)
    try:
        there = inspect(engine).has_table(User.__tablename__)
        with engine.connect() as connection:
            if there and connection.execute(select(User.id).limit(1)).first() is not None:
                return
        click.echo(f"Filling a school with {people:,} people …", err=True)
        fill(engine, people, language=language, hostile=hostile)
    finally:
        engine.dispose()


def _compose(settings: Settings) -> tuple[Flask, Crm]:
    app = create_app(settings.host_url, secret_key=kept_secret(Path(settings.instance) / "school_key"))
    crm = init_app(app, load_host(settings), settings)
    prepare(crm)
    return app, crm


def _is_read(crm: Crm) -> bool:
    from crm_plugin.profiles.sync.health import streams

    with crm.db.read() as session:
        return all(stream.ok_at is not None for stream in streams(session, crm.clock()))


def _start_worker(settings: Settings) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "crm_plugin.cli", "worker"],
        env=os.environ | as_variables(settings),
        preexec_fn=die_with_parent,
    )


def as_variables(settings: Settings) -> dict[str, str]:
    """Return settings as the variables of the environment that say the same."""
    return {f"CRM_{name.upper()}": _line(value) for name, value in vars(settings).items()}


def _line(value: Any) -> str:
    return " ".join(f"{key}={one}" for key, one in value.items()) if isinstance(value, dict) else str(value)


def _announce(port: int) -> None:
    admin, _, _, learner = demo_accounts()
    click.echo(
        f"\n  The school: http://{LOCALHOST}:{port}/        the CRM: http://{LOCALHOST}:{port}/admin/crm/"
    )
    click.echo(f"  administrator  {admin.username} / {admin.password}")
    click.echo(f"  learner        {learner.username} / {learner.password}")
    click.echo("  Nothing is sent: messages go to the outbox page. Stop with Ctrl-C.\n")


COMMANDS = (demo,)
