"""Lanes: threads for one kind of request each, so that a full lane holds no other up."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Lane:
    """Threads for one kind of request.

    :param name: of its threads.
    :param threads: how many requests are worked on at the same time.
    :param waiting: how many more may wait; they hold no thread.
    :param pause: seconds that a refusal is held back, so that a flood of tries is as slow as its answers.
    """

    def __init__(self, name: str, threads: int, waiting: int, pause: float = 0.0) -> None:
        self.pause = pause
        self._pool = ThreadPoolExecutor(threads, name)
        self._most = threads + waiting
        self._inside = 0

    def is_full(self) -> bool:
        """Return whether nothing more may wait here."""
        return self._inside >= self._most

    async def do(self, work: Callable[[], T]) -> T:
        """Do the work in a thread, when one is free."""
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._inside -= 1
