"""An order among the writers of a SQLite database: those that wait get its lock before those that come later.

SQLite looks at its lock every tenth of a second and knows no order. Beside a worker that begins its next
transaction a millisecond after the last one, others waited for seconds. Here a process holds the lock of a
file while it waits for the database's. All that come later wait at that file, the former writer too.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crm_plugin.kernel.private_files import opened
from crm_plugin.kernel.process import forget_after_fork

SUFFIX = "-turn"


class Turnstile:
    """The place of the next writer.

    :param database: the file of the database; None for one in memory, which has one writer.
    """

    def __init__(self, database: Path | None) -> None:
        self._database = database
        self._held: set[int] = set()
        forget_after_fork(self, "_forget")

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Hold the place, as soon as it is free; to be left when the database's lock is had.

        Where the file cannot be used, as on a disk without locks, there is no order.
        """
        descriptor = self._taken()
        try:
            yield
        finally:
            if descriptor is not None:
                self._held.discard(descriptor)
                os.close(descriptor)

    def _taken(self) -> int | None:
        if self._database is None:
            return None
        descriptor = None
        try:
            mode = self._database.stat().st_mode & 0o666
            place = self._database.with_name(self._database.name + SUFFIX)
            descriptor = opened(place, os.O_RDWR, mode)
            self._held.add(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            if descriptor is not None:
                self._held.discard(descriptor)
                os.close(descriptor)
            return None
        return descriptor

    def _forget(self) -> None:
        # A child must not keep the place of a thread that it does not have.
        for descriptor in self._held:
            with suppress(OSError):
                os.close(descriptor)
        self._held = set()
