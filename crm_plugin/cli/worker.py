"""``crm worker``."""

import time

import click

from crm_plugin.campaigns import jobs as campaigns
from crm_plugin.cli.base import with_crm
from crm_plugin.host.context import Crm, install
from crm_plugin.kernel.jobs.worker import Supervisor
from crm_plugin.kernel.jobs.worker import burst as run_burst
from crm_plugin.kernel.process import stopping
from crm_plugin.kernel.queue import embedded_valkey
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.plugin import burst_rounds, periodic_jobs, upkeep_jobs

_LOOK = 0.5
_LONGEST_CALL = 60
"""Seconds that a call at a carrier adds to a lease at most."""


@click.command()
@click.option("--burst", is_flag=True, help="Do all that is due, then end.")
@with_crm
def worker(crm: Crm, burst: bool) -> None:
    """Send, sync and count in the background until stopped."""
    install(crm)
    if burst:
        _burst(crm)
        return
    # Also where another worker runs one: whichever ends first, the other keeps it.
    server = None if crm.settings.redis_url else embedded_valkey.start(crm.instance)
    if server is not None:
        crm.queue = Queue(server.url, crm.instance / "warned")
    keep = None if server is None else server.keep
    processes = crm.settings.worker_processes
    Supervisor(crm.queue, periodic_jobs(crm), processes, keep, upkeep_jobs(crm)).run()
    if server is not None:
        server.close()


def _burst(crm: Crm) -> None:
    """Do all that is due; rows that a dead worker still holds are waited for, at most a lease long."""
    run_burst(burst_rounds(crm))
    until = time.monotonic() + crm.settings.lease_seconds + _LONGEST_CALL
    told = False
    while not stopping() and campaigns.is_held(crm) and time.monotonic() < until:
        if not told:
            click.echo("Another worker holds messages: waiting until they are settled or free.", err=True)
            told = True
        time.sleep(_LOOK)
        run_burst(burst_rounds(crm))


COMMANDS = (worker,)
