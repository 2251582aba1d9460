"""``crm worker``."""

import click

from crm_plugin.cli.base import with_crm
from crm_plugin.host.context import Crm, install
from crm_plugin.kernel import embedded
from crm_plugin.kernel.queue import Queue
from crm_plugin.kernel.worker import Supervisor
from crm_plugin.kernel.worker import burst as run_burst
from crm_plugin.plugin import PERIODIC, burst_rounds


@click.command()
@click.option("--burst", is_flag=True, help="Do all that is due, then end.")
@with_crm
def worker(crm: Crm, burst: bool) -> None:
    """Send, sync and count in the background until stopped."""
    install(crm)
    if burst:
        run_burst(burst_rounds(crm))
        return
    server = None if crm.queue.url else embedded.start(crm.instance)
    if server is not None:
        crm.queue = Queue(server.url)
    Supervisor(crm.queue, PERIODIC, crm.settings.worker_processes).run()
    if server is not None:
        server.close()


COMMANDS = (worker,)
