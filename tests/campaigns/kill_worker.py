"""Worker processes for the kill test: ``python -m tests.campaigns.kill_worker DATABASE_URL FOLDER``.

One process imports everything, then forks a real worker for each line on its standard input: the line
is ``step:n`` to be killed at, or empty. It answers with the worker's process id. The file
``carrier.json`` in the folder says to which carrier it sends.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from crm_plugin.campaigns import jobs
from crm_plugin.channels.email.smtp.carrier import SmtpCarrier
from crm_plugin.channels.outbox import OutboxCarrier
from crm_plugin.channels.private_message import HostCarrier
from crm_plugin.channels.registry import CARRIERS
from crm_plugin.channels.sms.carriers.generic_http import HttpCarrier
from crm_plugin.host.context import Crm, install
from crm_plugin.kernel import kill_points
from crm_plugin.kernel.db.engine import connect
from crm_plugin.kernel.process import die_with_parent
from tests.campaigns.carriers_killed import PostHost
from tests.campaigns.fixtures import BOOKS, keep_books
from tests.fakes.carrier import BookCarrier
from tests.fakes.crm import make_crm

LEASE_SECONDS = 2


def settings(folder: Path) -> dict[str, Any]:
    """The settings that the test and its workers share."""
    file = folder / "carrier.json"
    own: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"sms_carrier": BOOKS}
    shared = {"consent_unknown": "send", "lease_seconds": LEASE_SECONDS}
    return {**shared, **own, "instance": str(folder / "instance")}


def open_crm(url: str, folder: Path) -> Crm:
    """A CRM of this process's own on the shared database and the shared carrier's books."""
    crm = make_crm(connect(url), PostHost(folder / "books.txt"), **settings(folder))
    keep_books(crm, BookCarrier(folder / "books.txt", delay=0.01))
    install(crm)
    return crm


def work(url: str, folder: Path, kill_at: str) -> None:
    """Work for ever: short drains, so that every step of the protocol comes by often."""
    die_with_parent(signal.SIGKILL)
    kill_points.kill_at(kill_at)
    jobs.DRAIN_SECONDS = 0.05
    for carrier in (OutboxCarrier, SmtpCarrier, HttpCarrier, HostCarrier):
        carrier.call_seconds = 1.0  # or the dead one's rows would be in doubt half a minute later
    crm = open_crm(url, folder)
    while True:
        if not jobs.burst(crm):
            time.sleep(0.1)


def main() -> None:
    """Fork a worker for each line."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    assert BOOKS in CARRIERS
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    for line in sys.stdin:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                work(url, folder, line.strip())
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    main()
