"""Several connections to one carrier: as many as its slowness makes worthwhile, never more than allowed.

A server that takes 50 ms for each answer sends nine messages a second over one connection, and ten times as
many over ten. A server next door is fastest over one. So the number follows the time that a message takes.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Lane = TypeVar("Lane")
Item = TypeVar("Item")
Result = TypeVar("Result")

QUICK = 0.004
"""Seconds of a message that are worth a lane of their own: with less, threads cost more than they save."""
RECOVER = 60.0
"""Seconds after which one more connection is tried again where the carrier had wanted fewer."""


class Lanes(Generic[Lane]):
    """Connections that work side by side, each used by one thread at a time.

    :param make: makes what a lane needs, its connection for example.
    :param most: lanes at once.
    """

    def __init__(self, make: Callable[[], Lane], most: int) -> None:
        self._make = make
        self.most = max(1, most)
        self.allowed = self.most
        self._fewer_at = 0.0
        self.wanted = 1
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self.lanes: list[Lane] = [make()]

    def run(self, items: Sequence[Item], work: Callable[[Lane, Item], Result]) -> list[Result]:
        """Do the work for each item; return the results in the order of the items."""
        count = min(self._now(), len(items))
        while len(self.lanes) < count:
            self.lanes.append(self._make())
        results: dict[int, Result] = {}
        spent: list[float] = []
        left = iter(enumerate(items))
        if count <= 1:
            self._walk(self.lanes[0], left, work, results, spent)
        else:
            self._side_by_side(count, left, work, results, spent)
        if spent:
            self.wanted = max(1, round(sum(spent) / len(spent) / QUICK))
        return [results[index] for index in range(len(items))]

    def fewer(self) -> None:
        """Use fewer lanes for a while: the carrier said that there are too many."""
        with self._lock:
            self.allowed = max(1, min(self.allowed, self.wanted) - 1)
            self._fewer_at = time.monotonic()

    def close(self) -> None:
        """End the threads; they are started again when they are needed."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()

    def _now(self) -> int:
        with self._lock:
            if self.allowed < self.most and time.monotonic() - self._fewer_at >= RECOVER:
                self.allowed, self._fewer_at = self.allowed + 1, time.monotonic()
            return min(self.allowed, self.wanted, self.most)

    def _side_by_side(
        self,
        count: int,
        left: Iterator[tuple[int, Item]],
        work: Callable[[Lane, Item], Result],
        results: dict[int, Result],
        spent: list[float],
    ) -> None:
        pool = self._pool = self._pool or ThreadPoolExecutor(self.most, thread_name_prefix="lane")
        going: list[Future[None]] = [
            pool.submit(self._walk, lane, left, work, results, spent) for lane in self.lanes[:count]
        ]
        for one in going:
            one.result()

    def _walk(
        self,
        lane: Lane,
        left: Iterator[tuple[int, Item]],
        work: Callable[[Lane, Item], Result],
        results: dict[int, Result],
        spent: list[float],
    ) -> None:
        """Take item after item until none is left."""
        while True:
            with self._lock:
                found = next(left, None)
            if found is None:
                return
            index, item = found
            began = time.monotonic()
            results[index] = work(lane, item)
            spent.append(time.monotonic() - began)
