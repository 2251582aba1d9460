"""One deadline for all that is said on a line: a server that drips is cut off from another thread.

A socket's time-out begins again with each byte, so that a server may take hours for one answer.
"""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from crm_plugin.kernel.process import forget_after_fork

BEAT = 0.2
"""Seconds between two looks at the deadlines."""
_IDLE = 25
"""Beats without a line after which the thread ends; the next one starts it again."""


class CutOff:
    """Cuts lines at their deadlines, by one thread of this process."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[float, Any]] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        forget_after_fork(self, "_forget")

    def _forget(self) -> None:
        # A child has copies of its parent's sockets, and must not cut what its parent says on them.
        self._lines, self._thread, self._lock = {}, None, threading.Lock()

    @contextmanager
    def at(self, deadline: float, line: Any) -> Iterator[None]:
        """Let a block last until a monotonic time: after it whatever reads or writes the line gets an error.

        :param line: has a socket as its ``sock`` then, or None.
        """
        number = next(self._numbers)
        self._lines[number] = deadline, line
        if self._thread is None or not self._thread.is_alive():
            self._start()
        try:
            yield
        finally:
            self._lines.pop(number, None)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="cut off", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        quiet = 0
        while quiet < _IDLE:
            time.sleep(BEAT)
            lines = list(self._lines.values())
            quiet = 0 if lines else quiet + 1
            now = time.monotonic()
            for deadline, line in lines:
                if now >= deadline:
                    _cut(line.sock)


CUT_OFF = CutOff()


def _cut(sock: Any) -> None:
    with suppress(OSError, TypeError):  # it may be closed by now, or not open yet
        # Not the method of a TLS socket, which would take its state away under the thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
