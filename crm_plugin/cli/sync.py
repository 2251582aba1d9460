"""Commands on the school's data: ``init``, ``sync``, ``daily``."""

import sys
import time

import click

from crm_plugin.cli.base import as_json, find_crm, show, with_crm
from crm_plugin.cli.progress import Bars
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput
from crm_plugin.plugin import prepare, run_daily
from crm_plugin.profiles.sync.service import SyncResult
from crm_plugin.profiles.sync.service import sync as run_sync


@click.command()
@click.option("--no-progress", is_flag=True, help="No progress bars.")
@as_json
def init(no_progress: bool, as_json: bool) -> None:
    """Make the CRM's tables and read the whole school; goes on where it was stopped."""
    crm = find_crm()
    prepare(crm)
    _need_host(crm)
    _sync(crm, True, as_json, quiet=no_progress)


@click.command()
@click.option("--full", is_flag=True, help="Read everything again, and find what is gone.")
@click.option("--no-progress", is_flag=True, help="No progress bars.")
@as_json
@with_crm
def sync(crm: Crm, full: bool, no_progress: bool, as_json: bool) -> None:
    """Take over what changed in the school."""
    _need_host(crm)
    _sync(crm, full, as_json, quiet=no_progress)


@click.command()
@as_json
@with_crm
def daily(crm: Crm, as_json: bool) -> None:
    """Do the work of the business day, once however often it is called."""
    done = run_daily(crm)
    show({"done": done}, as_json, f"done: {', '.join(done) or 'nothing was due'}")


def _need_host(crm: Crm) -> None:
    if crm.host.plugin is None:
        raise BadInput("host.none")


def _sync(crm: Crm, full: bool, as_json: bool, quiet: bool) -> None:
    with Bars(quiet or as_json) as bars:
        result = run_sync(crm, full=full, progress=bars.show)
        while "busy" in result.states.values():
            # Another process reads these streams; what it has read need not be read again.
            time.sleep(1)
            result = run_sync(crm, progress=bars.show)
    show(_document(result), as_json, _summary(result))
    if result.failed:
        sys.exit(1)


def _document(result: SyncResult) -> dict[str, object]:
    return {"streams": result.streams, "failed": result.failed}


def _summary(result: SyncResult) -> str:
    lines = [f"{name}: {rows:,} rows" for name, rows in result.streams.items()]
    lines += [f"{name}: {reason}" for name, reason in result.failed.items()]
    return "\n".join(lines)


COMMANDS = (init, sync, daily)
