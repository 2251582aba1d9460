"""Commands about the installation: ``check-host``, ``doctor``."""

import sys

import click

from crm_plugin.cli.base import as_json, find_crm, show
from crm_plugin.cli.doctor.checks import examine
from crm_plugin.hostkit import run
from crm_plugin.hostkit.target import load_host
from crm_plugin.kernel.errors import BadInput


@click.command("check-host")
@click.argument("target", metavar="MODULE:FACTORY")
def check_host(target: str) -> None:
    """Run the conformance kit on a host adapter (levels 0 and 1: reads only)."""
    try:
        load_host(target)
    except LookupError as error:
        raise BadInput("input.bad", reason=str(error)) from error
    sys.exit(run(target))


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Examine settings, database, queue, school and data; exit 1 when something is wrong."""
    lines = examine(find_crm())
    text = "\n".join(f"{'ok  ' if line.ok else 'FAIL'} {line.name}: {line.detail}" for line in lines)
    rows = [{"name": line.name, "ok": line.ok, "detail": line.detail} for line in lines]
    show(rows, as_json, text)
    if not all(line.ok for line in lines):
        sys.exit(1)


COMMANDS = (check_host, doctor)
