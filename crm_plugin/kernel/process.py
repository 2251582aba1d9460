"""Processes of ours: children that end with their parent, and the word to stop that all of them hear."""

import ctypes
import mmap
import os
import signal
import sys
import weakref
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


def forget_after_fork(thing: Any, method: str) -> None:
    """Call ``thing.method()`` in every child that is forked while ``thing`` lives."""
    reference = weakref.ref(thing)

    def child() -> None:
        alive = reference()
        if alive is not None:
            getattr(alive, method)()

    os.register_at_fork(after_in_child=child)
