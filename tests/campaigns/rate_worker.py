"""A worker that writes down when it was granted messages and when they were at the carrier.

``python -m tests.campaigns.rate_worker DATABASE_URL FOLDER REDIS_URL CAMPAIGN`` drains one campaign until
it is killed. Each line of its two files is an instant (seconds) and how many messages.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from crm_plugin.campaigns.delivery.drain import drain
from crm_plugin.campaigns.rates import grants
from crm_plugin.channels.base import Message, Receipt
from crm_plugin.channels.rates.throttle import Answer, Throttle
from crm_plugin.channels.rates.window import Limit
from crm_plugin.host.context import install
from crm_plugin.kernel.clock import system_clock
from crm_plugin.kernel.db.engine import connect
from crm_plugin.kernel.queue.queue import Queue
from tests.campaigns.fixtures import BOOKS, keep_books
from tests.fakes.carrier import BookCarrier
from tests.fakes.crm import make_crm
from tests.fakes.host import FakeHost


class TimedCarrier(BookCarrier):
    """Keeps the instant of each call beside its books."""

    def submit(self, messages: Sequence[Message], may_call: Callable[[], bool]) -> list[Receipt]:
        """Take all messages in one call."""
        if messages and may_call():
            append(self.books.with_name("arrived.txt"), time.time(), len(messages))
            return super().submit(messages, lambda: True)
        return [Receipt(message.key, "not_called") for message in messages]


def append(file: Path, at: float, count: int) -> None:
    """Add a line by one write, so that several processes never mix."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, f"{at:.6f} {count}\n".encode())
    finally:
        os.close(handle)


def noted(file: Path) -> type[Throttle]:
    """Return a throttle that writes its grants down."""

    class Noting(Throttle):
        def reserve(self, limits: Sequence[Limit], count: int) -> Answer:
            answer = super().reserve(limits, count)
            if limits and count and answer.wait <= 0:
                append(file, answer.at - time.monotonic() + time.time(), count)
            return answer

    return Noting


def main() -> None:
    """Drain until killed."""
    url, folder, redis_url, campaign = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    values: dict[str, Any] = {"sms_carrier": BOOKS, "consent_unknown": "send"}
    crm = make_crm(connect(url), FakeHost(), instance=str(folder / "instance"), **values)
    crm.queue, crm.clock = Queue(redis_url), system_clock
    keep_books(crm, TimedCarrier(folder / "books.txt"))
    vars(grants)["Throttle"] = noted(folder / "granted.txt")
    install(crm)
    while True:
        drain(crm, campaign)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
