"""``crm worker`` with a carrier that keeps books: ``python -m tests.campaigns.kill_tree BOOKS 20 worker``.

The real command with all its processes; only the carrier is ours, and what is due is looked for every
second: the time between two kills is mostly that wait.
"""

import sys
from pathlib import Path

from crm_plugin.channels.registry import CARRIERS
from crm_plugin.cli import main, worker
from crm_plugin.plugin import periodic_jobs, upkeep_jobs
from tests.fakes.carrier import BookCarrier

if __name__ == "__main__":
    books, at_once = Path(sys.argv[1]), int(sys.argv[2])
    CARRIERS.add("books", lambda crm: BookCarrier(books, delay=0.1, in_flight=at_once, batch=at_once))
    vars(worker)["periodic_jobs"] = lambda crm: tuple((job, 1) for job, _ in periodic_jobs(crm))
    vars(worker)["upkeep_jobs"] = lambda crm: tuple((job, 1) for job, _ in upkeep_jobs(crm))
    main(sys.argv[3:])
