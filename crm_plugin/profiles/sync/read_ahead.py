"""Read the next page of a scan at the school while this one is being written: both wait for others mostly."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

P = TypeVar("P")


class Ahead(Generic[P]):
    """Pages in order, at most one of them read in advance; the school never reads two at once.

    :param read: reads the page behind a position; what it raises is raised by :meth:`page`.
    """

    def __init__(self, read: Callable[[str | None], P]) -> None:
        self._read = read
        self._threads = ThreadPoolExecutor(1, "scan-ahead")
        self._next: tuple[str, Future[P]] | None = None

    def __enter__(self) -> "Ahead[P]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    def page(self, after: str | None) -> P:
        """Return the page behind a position: the one that was read in advance, or one read now."""
        if self._next is None or self._next[0] != after:
            self.drop()
            return self._read(after)
        (_, ready), self._next = self._next, None
        return ready.result()

    def start(self, after: str) -> None:
        """Begin to read the page behind a position."""
        self._next = after, self._threads.submit(self._read, after)

    def drop(self) -> None:
        """Wait until the school is not being asked, and forget what it said: newer rows are about to come."""
        if self._next is not None:
            self._next[1].exception()
            self._next = None
