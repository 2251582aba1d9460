"""``crm template …``: SMS templates and their approval, for scripts and for servers without pages."""

from typing import Any

import click

from crm_plugin.channels.base import SmsText
from crm_plugin.channels.sms.templates import listed
from crm_plugin.channels.sms_templates import approval
from crm_plugin.cli.base import as_json, show, with_crm
from crm_plugin.host.context import Crm
from crm_plugin.host.permissions import OPERATOR

"""People who may run commands here have the keys of the carrier already."""


@click.group()
def template() -> None:
    """List SMS templates, hand them in, approve them."""


@template.command("list")
@as_json
@with_crm
def list_(crm: Crm, as_json: bool) -> None:
    """Show the templates with their state at the carrier in use."""
    with crm.db.read() as session:
        found = listed(session, carrier=crm.settings.sms_carrier)
    lines = [f"{one.key}\t{one.state}\t{one.name}" for one in found]
    show([_document(one) for one in found], as_json, "\n".join(lines))


@template.command()
@click.argument("key")
@click.option("--remark", default="", help="What it is for; the carrier's people read it.")
@as_json
@with_crm
def submit(crm: Crm, key: str, remark: str, as_json: bool) -> None:
    """Hand the newest version in to the carrier."""
    refused = approval.submit(crm, OPERATOR, key, remark)
    _show(crm, key, as_json, f"the carrier has not taken it: {refused}" if refused else "handed in")


@template.command()
@click.argument("key")
@click.option("--code", default="", help="Of the carrier's approval, where it fills in texts itself.")
@as_json
@with_crm
def approve(crm: Crm, key: str, code: str, as_json: bool) -> None:
    """Approve the newest version by hand."""
    approval.sign_off(crm, OPERATOR, key, code)
    _show(crm, key, as_json, f"approved for {crm.settings.sms_carrier}")


def _show(crm: Crm, key: str, as_json: bool, words: str) -> None:
    with crm.db.read() as session:
        found = approval.newest(crm, session, key)
    show(_document(found), as_json, f"{key}: {words}")


def _document(one: SmsText) -> dict[str, Any]:
    names = ("key", "version", "locale", "name", "purpose", "state", "text")
    return {**{name: getattr(one, name) for name in names}, "reason": one.reason}


COMMANDS = (template,)
