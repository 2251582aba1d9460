"""Upkeep: short jobs that must never wait behind long ones, in threads of one long-lived process.

What the school says of somebody, clicks and reports of carriers have to arrive within seconds, also while a
campaign of a million is sent. So these jobs neither stand in the queue nor are forked: each has a thread of
its own, and one that hangs holds up no other.
"""

import contextvars
import logging
import signal
import threading
import time
from collections.abc import Sequence

from crm_plugin.kernel.process import stopping
from crm_plugin.kernel.queue.queue import resolve

log = logging.getLogger(__name__)

Periodic = tuple[str, int]
"""Dotted path of a job without ids, and every how many seconds it is due."""
_BEAT = 0.1
_GRACE = 8.0
"""Seconds in which jobs have to end when the process is asked to stop."""


_ended = threading.Event()
"""Set when this process alone is to end: nobody is left above it."""


def run(jobs: Sequence[Periodic]) -> None:
    """Do each job whenever it is due, until this process is asked to stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _ended.set())
    threads = [_started(job, every) for job, every in jobs]
    while not _is_over():
        time.sleep(_BEAT)
    until = time.monotonic() + _GRACE
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def do(job: str) -> None:
    """Do a job; a failure is logged, and it is tried again when it is next due."""
    try:
        resolve(job)()
    except Exception:
        # One failing job must not stop the others.
        log.exception("%s failed", job)


def _started(job: str, every: int) -> threading.Thread:
    # A thread begins without the CRM that is installed here: it gets a copy of what is known.
    known = contextvars.copy_context()
    thread = threading.Thread(target=known.run, args=(_repeat, job, every), name=job, daemon=True)
    thread.start()
    return thread


def _repeat(job: str, every: int) -> None:
    while not _is_over():
        due = time.monotonic() + every
        do(job)
        while not _is_over() and (left := due - time.monotonic()) > 0:
            time.sleep(min(left, _BEAT))


def _is_over() -> bool:
    return stopping() or _ended.is_set()
