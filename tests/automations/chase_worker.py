"""Worker processes for the kill test of automations: ``python -m tests.automations.chase_worker URL FOLDER``.

As :mod:`tests.campaigns.kill_worker`; each line names the present too: ``step:n 2026-11-15T12:00:00+00:00``,
where the step may be ``-``.
"""

import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

from crm_plugin.automations import jobs as automation_jobs
from crm_plugin.campaigns import jobs
from crm_plugin.kernel import kill_points
from crm_plugin.kernel.process import die_with_parent
from tests.campaigns.fixtures import move_to
from tests.campaigns.kill_worker import open_crm


def work(url: str, folder: Path, kill_at: str, now: str) -> None:
    """Work for ever at one present."""
    die_with_parent(signal.SIGKILL)
    kill_points.kill_at("" if kill_at == "-" else kill_at)
    jobs.DRAIN_SECONDS = 0.05
    crm = open_crm(url, folder)
    move_to(crm, datetime.fromisoformat(now))
    while True:
        if not (automation_jobs.burst(crm) | jobs.burst(crm)):
            time.sleep(0.1)


def main() -> None:
    """Fork a worker for each line."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                work(url, folder, *line.split())
            finally:
                os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    main()
