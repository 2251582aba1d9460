"""How a worker calls a hook: with a time budget, with back-off after failures."""

import queue
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from crm_plugin.host.records import MarkExpired
from crm_plugin.kernel.clock import Clock
from crm_plugin.kernel.db.faults import soften
from crm_plugin.kernel.errors import Unavailable

FIRST_PAUSE, LONGEST_PAUSE = 5, 600
"""Seconds without calls after the first failure in a row; they double with each up to the longest."""
STUCK_LIMIT = 3
"""Calls of one hook that may hang at once; a hung thread cannot be ended, only left behind."""


class Resting(Unavailable):
    """The host failed a moment ago and is not called yet: that says nothing of what it was to be asked."""


class BackOff:
    """Remembers failures by key (a hook, or a hook and its stream) and until when to leave it alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, datetime, str]] = {}
        self._lock = threading.Lock()

    def check(self, key: str) -> None:
        """Raise ``host.backing_off`` while the key is to be left alone."""
        failure = self._failures.get(key)
        if failure is not None and self._clock() < failure[1]:
            raise Resting("host.backing_off", hook=key, until=failure[1].isoformat(timespec="seconds"))

    def failed(self, key: str, reason: str) -> None:
        """Note a failure: the pause doubles with each in a row."""
        with self._lock:
            count = self._failures[key][0] + 1 if key in self._failures else 1
            pause = min(FIRST_PAUSE * 2 ** (count - 1), LONGEST_PAUSE)
            self._failures[key] = count, self._clock() + timedelta(seconds=pause), reason

    def worked(self, key: str) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def lines(self) -> list[str]:
        """Return one sentence for each key that failed last time."""
        return [
            f"{key} failed {count} times in a row, next try at {until:%H:%M:%S} UTC: {reason}"
            for key, (count, until, reason) in sorted(self._failures.items())
        ]


class Caller:
    """Calls hooks and turns every failure into :class:`Unavailable` with a ``host.*`` code.

    :param budget: seconds for a call from a worker; a call that takes longer is left behind in its thread.
    """

    def __init__(self, clock: Clock, budget: float) -> None:
        self.budget = budget
        self.back_off = BackOff(clock)
        self._stuck: Counter[str] = Counter()
        self._lock = threading.Lock()

    def worker(self, key: str, work: Callable[[], Any]) -> Any:
        """Return ``work()``, done in a thread of its own within the budget.

        :raises Unavailable: ``host.failed``, ``host.slow``, ``host.backing_off``.
        :raises MarkExpired: as the host raised it; that is an answer, not a failure.
        """
        self.back_off.check(key)
        if self._stuck[key] >= STUCK_LIMIT:
            raise Unavailable("host.slow", hook=key, seconds=self.budget)
        outcome: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(target=self._work, args=(key, work, outcome), name=key, daemon=True).start()
        try:
            value, error = outcome.get(timeout=self.budget)
        except queue.Empty:
            self.back_off.failed(key, f"no answer within {self.budget:g} s")
            raise Unavailable("host.slow", hook=key, seconds=f"{self.budget:g}") from None
        if isinstance(error, MarkExpired):
            raise error
        if error is not None:
            raise self.failure(key, error) from error
        return value

    def _work(self, key: str, work: Callable[[], Any], outcome: Any) -> None:
        with self._lock:
            self._stuck[key] += 1
        try:
            outcome.put((work(), None))
        except BaseException as error:  # whatever a host raises, SystemExit too, must not end a worker
            outcome.put((None, error))
        finally:
            with self._lock:
                self._stuck[key] -= 1

    def failure(self, key: str, error: BaseException) -> Unavailable:
        """Note that a hook raised, and return the error to raise."""
        self.back_off.failed(key, words_of(error))
        return Unavailable("host.failed", hook=key, reason=words_of(error))

    def garbage(self, key: str, reason: str) -> Unavailable:
        """Note that a hook returned nonsense, and return the error to raise."""
        self.back_off.failed(key, reason)
        return Unavailable("host.garbage", hook=key, reason=reason)


def words_of(error: BaseException) -> str:
    """Return one line about what a host raised, without the words of its database."""
    soften(error)
    first = str(getattr(error, "orig", None) or error).strip().splitlines()[:1]
    return f"{type(error).__name__}: {first[0][:300]}" if first else type(error).__name__
