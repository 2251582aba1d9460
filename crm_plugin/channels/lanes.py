"""Several connections to one carrier: as many as its slowness makes worthwhile, never more than allowed.

A server that takes 50 ms for each answer sends nine messages a second over one connection, and ten times as
many over ten. A server next door is fastest over one. So the number follows the time that a message takes.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Generic, TypeVar

Lane = TypeVar("Lane")
Item = TypeVar("Item")
Result = TypeVar("Result")

QUICK = 0.004
"""Seconds of a message that are worth a lane of their own: with less, threads cost more than they save."""
FIRST = 3
"""Messages over one lane before there are more."""
RECOVER = 60.0
"""Seconds after which one more connection is tried again where the carrier had wanted fewer."""


class Lanes(Generic[Lane]):
    """Connections that work side by side, each used by one thread at a time.

    :param make: makes what a lane needs, its connection for example.
    :param most: lanes at once.
    :param release: gives back what a lane holds that is not used for now.
    """

    def __init__(
        self, make: Callable[[], Lane], most: int, release: Callable[[Lane], None] = lambda _lane: None
    ) -> None:
        self._make = make
        self._release = release
        self.most = max(1, most)
        self.allowed = self.most
        self._fewer_at = 0.0
        self.wanted = 1
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self.lanes: list[Lane] = [make()]

    def run(self, items: Sequence[Item], work: Callable[[Lane, Item], Result]) -> list[Result]:
        """Do the work for each item; return the results in the order of the items."""
        self._let_go()
        walk = _Walk(iter(enumerate(items)), work)
        while self._now() == 1 and walk.step(self.lanes[0]):
            # These show how slow it is; one alone may have had bad luck.
            if walk.spent[-1] >= QUICK and len(walk.spent) >= FIRST:
                self._learn(walk)
        count = min(self._now(), len(items) - len(walk.results))
        if count > 0:
            self._side_by_side(walk, count)
            self._learn(walk)
        return [walk.results[index] for index in range(len(items))]

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

    def _let_go(self) -> None:
        """Release lanes that a crowded carrier allows no more: idle ones count there too."""
        if self.allowed < self.most:
            for lane in self.lanes[self._now() :]:
                self._release(lane)

    def _now(self) -> int:
        if self.allowed == self.most:
            return min(self.wanted, self.most)
        with self._lock:
            if time.monotonic() - self._fewer_at >= RECOVER:
                self.allowed, self._fewer_at = self.allowed + 1, time.monotonic()
            return min(self.allowed, self.wanted, self.most)

    def _learn(self, walk: "_Walk[Lane, Item, Result]") -> None:
        self.wanted = max(1, round(median(walk.spent) / QUICK))

    def _side_by_side(self, walk: "_Walk[Lane, Item, Result]", count: int) -> None:
        while len(self.lanes) < count:
            self.lanes.append(self._make())
        pool = self._pool = self._pool or ThreadPoolExecutor(self.most, thread_name_prefix="lane")
        for one in [pool.submit(walk.through, lane) for lane in self.lanes[:count]]:
            one.result()


class _Walk(Generic[Lane, Item, Result]):
    """The way through the items of one run, which several threads share."""

    def __init__(self, left: Iterator[tuple[int, Item]], work: Callable[[Lane, Item], Result]) -> None:
        self._left = left
        self._work = work
        self._lock = threading.Lock()
        self.results: dict[int, Result] = {}
        self.spent: list[float] = []
        """Seconds of each item."""

    def through(self, lane: Lane) -> None:
        """Take item after item until none is left."""
        while self.step(lane):
            pass

    def step(self, lane: Lane) -> bool:
        """Take one item; return whether there was one."""
        with self._lock:
            found = next(self._left, None)
        if found is None:
            return False
        index, item = found
        began = time.monotonic()
        self.results[index] = self._work(lane, item)
        self.spent.append(time.monotonic() - began)
        return True
