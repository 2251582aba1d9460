"""Passwords and their hashes.

A hash costs a fifth of a second and 64 MB, so that guessing is slow. So at most two are made at once in a
process, in threads that give way to all others. Nobody asks for one inside a transaction: on SQLite that
transaction would hold up every writer.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHash

from crm_plugin.kernel.process import forget_after_fork

T = TypeVar("T")

AT_ONCE = 2
"""Hashes that one process makes at the same time."""
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$iMYis6OxPxZ3lAdwElP0iQ$QY3glwx7Ae7exznWxe4RYXrbvYhPeGFgnqVkt2q7Wwc"
"""Hash of a password that nobody has: a name without an account costs the same time as any other."""

_NICE = 5
_hasher = PasswordHasher()


def _give_way() -> None:
    """Have Linux prefer every other thread to this one."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


class _Threads:
    """The threads that hash; a forked child has its own."""

    def __init__(self) -> None:
        self._pool = self._new()
        forget_after_fork(self, "_forget")

    def do(self, work: Callable[..., T], *words: str) -> T:
        """Return what ``work`` returns, once one of the threads has done it."""
        return self._pool.submit(work, *words).result()

    def _forget(self) -> None:
        self._pool = self._new()

    @staticmethod
    def _new() -> ThreadPoolExecutor:
        return ThreadPoolExecutor(AT_ONCE, "hash", initializer=_give_way)


_threads = _Threads()


def hashed(password: str) -> str:
    """Return the hash to keep of a password."""
    return _threads.do(_hasher.hash, password)


def matches(stored: str, password: str) -> bool:
    """Return whether ``stored`` is the hash of a password."""
    return _threads.do(_matches, stored, password)


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (Argon2Error, InvalidHash):
        return False
