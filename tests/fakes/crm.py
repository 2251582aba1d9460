"""A CRM on a test's database, with a school and a clock that the test owns."""

from datetime import UTC, datetime
from typing import Any

from crm_plugin.host.context import Crm
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.settings import Settings
from crm_plugin.plugin import CAPABILITIES
from tests.fakes.clock import FixedClock

NOW = datetime(2026, 11, 15, 12, 0, tzinfo=UTC)
"""The present of most tests."""


def make_crm(database: Database, host: object | None = None, now: datetime = NOW, **settings: Any) -> Crm:
    """Compose a CRM without a queue; its clock is a :class:`FixedClock` at ``now``."""
    clock = FixedClock(now)
    values = {"secret_key": "a secret of at least thirty-two letters", **settings}
    gateway = Gateway(host, clock=clock)
    return Crm(Settings(**values), database, gateway, Queue(), clock, CAPABILITIES)
