"""A CRM of the kernel, the host and the profiles alone, on each database."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crm_plugin.host.context import Crm
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.settings import Settings
from crm_plugin.profiles.capability import PROFILES
from crm_plugin.profiles.sync.health import StreamHealth, streams
from tests.fakes.clock import FixedClock
from tests.fakes.host import FakeHost

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)

MakeCrm = Callable[..., Crm]


def crm_on(database: Database, host: FakeHost, folder: Path, **settings: Any) -> Crm:
    """Return a CRM whose clock stands at NOW."""
    clock = FixedClock(NOW)
    values = {"instance": str(folder), "secret_key": "s" * 40} | settings
    gateway = Gateway(host, clock=clock, budget=10)
    return Crm(Settings(**values), database, gateway, Queue(), clock, (PROFILES,))


@pytest.fixture
def make_crm(database: Database, tmp_path: Path) -> MakeCrm:
    """Return a function that makes a CRM for a host."""

    def make(host: FakeHost, **settings: Any) -> Crm:
        return crm_on(database, host, tmp_path, **settings)

    return make


def clock_of(crm: Crm) -> FixedClock:
    """Return the CRM's clock, which a test may move."""
    assert isinstance(crm.clock, FixedClock)
    return crm.clock


def count(crm: Crm, model: Any, *where: Any) -> int:
    """Return how many rows of a table meet the conditions."""
    with crm.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0


def health(crm: Crm, stream: str) -> StreamHealth:
    """Return one stream as the health page shows it."""
    with crm.db.read() as session:
        return next(row for row in streams(session, crm.clock()) if row.stream == stream)
