"""Tokens that are not good, in the audit log: one row in ten minutes, however many a flood brings."""

import threading
from contextlib import suppress
from datetime import datetime

from sqlalchemy.exc import DBAPIError

from crm_plugin.host.context import Crm
from crm_plugin.kernel import audit
from crm_plugin.kernel.credentials.sign_in_log import TOGETHER, VISITOR


class Refusals:
    """How many came since the last row that this process wrote."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._written: datetime | None = None

    def due(self, now: datetime) -> int:
        """Count one more; return how many a row is to name now, 0 while the last row is young."""
        with self._lock:
            self._count += 1
            if self._written is not None and now - self._written < TOGETHER:
                return 0
            self._written = now
            found, self._count = self._count, 0
            return found


def refused(crm: Crm, client: str) -> None:
    """Record that a program came with a token that is unknown, revoked or expired.

    :param client: the network's address that it came from.
    """
    now = crm.clock()
    count = crm.state(Refusals).due(now)
    if not count:
        return
    of = ("token", "")
    with suppress(DBAPIError):  # a busy database costs one row, and no program its answer
        crm.db.run(
            lambda session: audit.record(
                session, now, VISITOR, "token.refuse", of, count=count, client=client
            )
        )
