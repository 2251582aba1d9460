"""Commands on the school's data: ``init``, ``sync``, ``bad-rows``, ``daily``."""

import sys
import time
from dataclasses import asdict

import click

from crm_plugin.cli.base import as_json, find_crm, show, with_crm
from crm_plugin.cli.progress import Bars
from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import BadInput, Unavailable
from crm_plugin.kernel.jobs.daily import failing as failing_jobs
from crm_plugin.plugin import prepare, run_daily
from crm_plugin.profiles.store.host_info_cache import school_today
from crm_plugin.profiles.sync import health
from crm_plugin.profiles.sync.service import SyncResult
from crm_plugin.profiles.sync.service import sync as run_sync
from crm_plugin.profiles.sync.streams import KINDS


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
    with crm.db.read() as session:
        failing = dict(failing_jobs(session, school_today(crm), crm.clock()))
    show({"done": done, "failing": failing}, as_json, f"done: {', '.join(done) or 'nothing was due'}")
    if failing:
        words = ", ".join(f"{job} ({error})" for job, error in failing.items())
        raise Unavailable("job.failed", jobs=words)


@click.command("bad-rows")
@click.option("--stream", type=click.Choice(list(KINDS)), default=None, help="Only those of this stream.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many."
)
@as_json
@with_crm
def bad_rows(crm: Crm, stream: str | None, limit: int, as_json: bool) -> None:
    """Show the school's rows that were set aside, with the reasons, the newest first."""
    with crm.db.read() as session:
        rows = health.bad_rows(session, stream, limit)
    lines = [f"{row.stream}\t{row.host_id}\t{row.reason}" for row in rows]
    show([asdict(row) for row in rows], as_json, "\n".join(lines) or "no row is set aside")


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


COMMANDS = (init, sync, daily, bad_rows)
