"""``crm serve`` and ``crm account``: the CRM beside a school on another platform."""

import secrets

import click
from sqlalchemy.orm import Session

from crm_plugin.cli.base import PORT, with_crm
from crm_plugin.cli.server import wsgi_server
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR
from crm_plugin.host.records import PERMISSIONS
from crm_plugin.kernel import audit
from crm_plugin.kernel.credentials import accounts, passwords, sessions, tokens
from crm_plugin.kernel.errors import BadInput, NotFound
from crm_plugin.plugin import load_host
from crm_plugin.serve.app import create_app


@click.command()
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=None, help="PORT or 5000 when left out.")
@with_crm
def serve(crm: Crm, bind: str, port: int | None) -> None:
    """Serve the CRM's pages beside a school on another platform (run crm worker too)."""
    adapter = load_host(crm.settings)
    if adapter is None:
        raise BadInput("host.none")
    chosen = wsgi_server.port_of(port)
    wsgi_server.need_free(bind, chosen)
    _first_account(crm)
    click.echo(f"The CRM: http://{f'[{bind}]' if ':' in bind else bind}:{chosen}/")
    wsgi_server.run(create_app(crm, adapter), bind, chosen)


@click.group()
def account() -> None:
    """Accounts that may sign in to crm serve."""


@account.command("add")
@click.argument("login")
@click.option("--permission", "permissions", multiple=True, type=click.Choice(PERMISSIONS), required=True)
@click.option("--course", "courses", multiple=True, help="Limit to this course of the school; may repeat.")
@with_crm
def add(crm: Crm, login: str, permissions: tuple[str, ...], courses: tuple[str, ...]) -> None:
    """Make an account, or give one a new password and new rights; prints the password once."""
    if not accounts.is_login(login):
        raise BadInput("input.bad", "LOGIN", reason=f"{login!r} is no name of 1 to 64 letters")
    grant = accounts.Grant(list(permissions), list(courses) or None)
    click.echo(f"{login} / {_save(crm, login, grant)}")


@account.command("remove")
@click.argument("login")
@with_crm
def remove(crm: Crm, login: str) -> None:
    """Delete an account; its sessions end at once. API tokens that it made stay, and are named."""

    def work(session: Session) -> list[str]:
        if not accounts.remove(session, login):
            raise NotFound("object.missing", kind="account", id=login)
        audit.record(session, crm.clock(), OPERATOR.id, "account.remove", ("account", login))
        return tokens.of_author(session, login, crm.clock())

    left = crm.db.run(work)
    click.echo(f"{login} cannot sign in any more")
    if left:
        click.echo(
            f"API tokens made by {login} are in force: {', '.join(left)}. Revoke them under API tokens."
        )


@account.command("sign-out")
@click.argument("login")
@with_crm
def sign_out(crm: Crm, login: str) -> None:
    """End all sessions of an account, on every device; its password stays."""

    def work(session: Session) -> int:
        if not accounts.is_login(login) or accounts.find(session, login) is None:
            raise NotFound("object.missing", kind="account", id=login)
        count = sessions.end_all(session, login)
        of = ("account", login)
        audit.record(session, crm.clock(), OPERATOR.id, "account.end_sessions", of, sessions=count)
        return count

    count = crm.db.run(work)
    click.echo(f"{login}: {count} sessions ended")


def _first_account(crm: Crm) -> None:
    with crm.db.read() as session:
        if accounts.has_any(session):
            return
    password = _save(crm, "admin", accounts.Grant(["crm.admin"]))
    click.echo(f"First account (shown once): admin / {password}")


def _save(crm: Crm, login: str, grant: accounts.Grant) -> str:
    password = secrets.token_urlsafe(12)
    hashed = passwords.hashed(password)
    rights, of = ", ".join(grant.permissions), ("account", login)

    def work(session: Session) -> None:
        accounts.save(session, login, hashed, grant)
        audit.record(session, crm.clock(), OPERATOR.id, "account.save", of, permissions=rights)

    crm.db.run(work)
    return password


COMMANDS = (serve, account)
