"""Processes of ours: children that end with their parent, and the word to stop that all of them hear."""

import ctypes
import mmap
import os
import signal
import sys
import traceback
import weakref
from collections.abc import Callable
from typing import Any

_PR_SET_PDEATHSIG = 1
# Anonymous shared memory: what the supervisor writes is seen by every process forked after it, at once.
_stop = mmap.mmap(-1, 1)


def request_stop() -> None:
    """Ask this process and all that were forked from it to end after the message they are at."""
    _stop[0] = 1


def stopping() -> bool:
    """Return whether a stop was requested; drain loops look before each micro-batch."""
    return _stop[0] != 0


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Have Linux send this process a signal when its parent ends, even by SIGKILL; elsewhere nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)


def fork(work: Callable[[], int | None]) -> int:
    """Start a process that does this work and ends with its parent; return its id.

    Its exit code is what the work returns.
    """
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        # The parent's handlers would swallow a signal that comes before the child has set its own.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent()
        if os.getppid() == parent:  # else it ended before it could be watched
            code = work() or 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


def forget_after_fork(thing: Any, method: str) -> None:
    """Call ``thing.method()`` in every child that is forked while ``thing`` lives."""
    reference = weakref.ref(thing)

    def child() -> None:
        alive = reference()
        if alive is not None:
            getattr(alive, method)()

    os.register_at_fork(after_in_child=child)
