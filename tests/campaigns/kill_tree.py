"""``crm worker`` with a carrier that keeps books: ``python -m tests.campaigns.kill_tree BOOKS worker``.

The real command with all its processes; only the carrier is ours, and a school that has nothing to say.
"""

import sys
from pathlib import Path

from crm_plugin.channels.registry import CARRIERS
from crm_plugin.cli import main
from tests.fakes.carrier import BookCarrier

if __name__ == "__main__":
    books = Path(sys.argv[1])
    CARRIERS.add("books", lambda crm: BookCarrier(books, delay=0.1))
    main(sys.argv[2:])
