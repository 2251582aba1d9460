"""What one installation of the CRM is made of; handed to every service and job."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from crm_plugin.host.contributions import Capability
from crm_plugin.host.gateway import Gateway
from crm_plugin.kernel.clock import Clock, system_clock
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.jobs.failed_items import Round
from crm_plugin.kernel.private_files import make_folder
from crm_plugin.kernel.queue.queue import Queue
from crm_plugin.kernel.settings import Settings

T = TypeVar("T")


@dataclass
class Crm:
    """One CRM: its settings, database, school, queue and clock; composed in :mod:`crm_plugin.plugin`.

    :param capabilities: what it consists of, the lower rows first.
    """

    settings: Settings
    db: Database
    host: Gateway
    queue: Queue
    clock: Clock = system_clock
    capabilities: tuple[Capability, ...] = ()
    _parts: dict[type[Any], tuple[Any, Any]] = field(default_factory=dict, init=False, repr=False)
    _states: dict[type[Any], Any] = field(default_factory=dict, init=False, repr=False)

    def contributed(self, kind: type[T]) -> tuple[T, ...]:
        """Return what the capabilities bring of a type, the lower rows first."""
        listed, found = self._parts.get(kind, ((), ()))
        if listed is not self.capabilities:
            every = (part for one in self.capabilities for part in one.parts)
            found = tuple(part for part in every if isinstance(part, kind))
            self._parts[kind] = self.capabilities, found
        parts: tuple[T, ...] = found
        return parts

    def state(self, kind: type[T]) -> T:
        """Return what this installation keeps in this process of a type; made empty at the first call.

        :param kind: a class of the capability that keeps it, made without arguments.
        """
        if kind not in self._states:
            self._states.setdefault(kind, kind())
        found: T = self._states[kind]
        return found

    def round(self, job: str, *passing: type[Exception]) -> Round:
        """Begin a round of a job: the fault of one item is that item's.

        :param job: its name on the health page.
        :param passing: errors that say nothing of an item, and end the round.
        """
        return Round(self.db, self.clock, job, passing)

    @property
    def instance(self) -> Path:
        """The folder of this installation's files, made at the first use."""
        return make_folder(Path(self.settings.instance), self.settings.file_group)

    def close(self) -> None:
        """Close the connections to the database, the queue and the school."""
        close_host = getattr(self.host.plugin, "close", None)
        if close_host is not None:
            close_host()
        self.queue.close()
        self.db.close()


_current: ContextVar[Crm] = ContextVar("crm")


def install(crm: Crm) -> None:
    """Make ``crm`` the one that jobs of this process use (a worker has exactly one)."""
    _current.set(crm)


@contextmanager
def installed(crm: Crm) -> Iterator[None]:
    """Make ``crm`` the one that jobs use, as long as the block lasts."""
    before = _current.set(crm)
    try:
        yield
    finally:
        _current.reset(before)


def current() -> Crm:
    """Return the CRM that jobs work for.

    :raises RuntimeError: outside a worker.
    """
    crm = _current.get(None)
    if crm is None:
        raise RuntimeError("no CRM is installed in this process: start jobs with crm worker")
    return crm
