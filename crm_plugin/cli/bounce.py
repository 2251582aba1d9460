"""``crm bounce``: what a mail server pipes a returned message into."""

import sys
from dataclasses import asdict

import click

from crm_plugin.campaigns.feedback import bounces
from crm_plugin.campaigns.feedback.bounce_effects import Taken
from crm_plugin.channels.email.feedback.dsn import LONGEST, read
from crm_plugin.cli.base import as_json, show, with_crm
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput


@click.command()
@click.option("--to", default="", metavar="ADDRESS", help="The recipient, where the mail server says it.")
@as_json
@with_crm
def bounce(crm: Crm, to: str, as_json: bool) -> None:
    """Take a returned e-mail or a complaint from standard input."""
    data = sys.stdin.buffer.read(LONGEST)
    if not data.strip():
        raise BadInput("input.bad", reason="no message on standard input")
    # What says nothing is no failure: a mail server would send a report about the report.
    taken = bounces.take(crm, read(data, to))
    show(asdict(taken), as_json, _line(taken))


def _line(taken: Taken) -> str:
    if taken.kind is None:
        return f"nothing to do: {taken.detail}"
    if not taken.matched:
        return f"{taken.kind}, of no message of ours: {taken.detail}"
    after = "the address is not written to any more" if taken.stopped else taken.detail or "written down"
    return f"{taken.kind}: {after}"


COMMANDS = (bounce,)
