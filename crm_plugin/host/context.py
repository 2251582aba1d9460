"""What one installation of the CRM is made of; handed to every service and job."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.clock import Clock, system_clock
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.queue import Queue
from crm_plugin.kernel.settings import Settings


@dataclass
class Crm:
    """One CRM: its settings, database, school, queue and clock; composed in :mod:`crm_plugin.plugin`."""

    settings: Settings
    db: Database
    host: Gateway
    queue: Queue
    clock: Clock = system_clock
    extras: dict[str, Any] = field(default_factory=dict)
    """State that a capability keeps for this installation (carriers, compiled contents); by its name."""

    @property
    def instance(self) -> Path:
        """The folder of this installation's files, made when it is first asked for."""
        path = Path(self.settings.instance)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def close(self) -> None:
        """Close the connections to the database, the queue and the school."""
        close_host = getattr(self.host.plugin, "close", None)
        if close_host is not None:
            close_host()
        self.queue.close()
        self.db.close()


_current: list[Crm] = []


def install(crm: Crm) -> None:
    """Make ``crm`` the one that jobs of this process use (a worker has exactly one)."""
    _current[:] = [crm]


def current() -> Crm:
    """Return the CRM of this worker process.

    :raises RuntimeError: outside a worker.
    """
    if not _current:
        raise RuntimeError("no CRM is installed in this process: start jobs with crm worker")
    return _current[0]
