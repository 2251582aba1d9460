"""How a hook is called in a page: in the request's own thread, where nothing can cut it.

A slow answer is an answer. Only calls that hang right now count, and for their own caller first: one
person's stall is not everybody's.
"""

import itertools
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from crm_plugin.host.bounded_calls import STUCK_LIMIT, words_of
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.rare_warnings import RareWarnings

log = logging.getLogger(__name__)


@dataclass
class _Hook:
    running: dict[int, tuple[Hashable, float]] = field(default_factory=dict)
    begun: float = float("-inf")
    answered: float = float("-inf")


class PageCalls:
    """Calls hooks for pages.

    Whose call hangs does not start another. While :data:`~crm_plugin.host.bounded_calls.STUCK_LIMIT` people's
    hang and nobody is answered, others are let through now and then, to see whether it goes again.

    :param seconds: after them a call counts as hanging.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._hooks: dict[str, _Hook] = defaultdict(_Hook)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._slow = RareWarnings(log)

    def call(self, key: str, who: Hashable, work: Callable[[], Any]) -> Any:
        """Return ``work()``, called in this thread.

        :param key: the hook.
        :param who: the person that it is asked for; None where nobody is known.
        :raises Unavailable: ``host.failed``; ``host.slow`` without a call.
        """
        number = self._begin(key, who)
        try:
            return work()
        except Exception as error:
            reason = words_of(error)
            log.exception("%s failed in a page", key)
            raise Unavailable("host.failed", hook=key, reason=reason) from error
        finally:
            self._end(key, number)

    def _begin(self, key: str, who: Hashable) -> int:
        with self._lock:
            hook, number, now = self._hooks[key], next(self._numbers), time.monotonic()
            if self._hangs(hook, who, now):
                raise Unavailable("host.slow", hook=key, seconds=f"{self._seconds:g}")
            hook.running[number] = number if who is None else who, now
            hook.begun = now
        return number

    def _hangs(self, hook: _Hook, who: Hashable, now: float) -> bool:
        hanging = [person for person, begun in hook.running.values() if now - begun > self._seconds]
        if who is not None and who in hanging:
            return True
        if len(hanging) < STUCK_LIMIT or now - hook.answered <= self._seconds:
            return False
        # Each that is let through may hang as long as the others: the pauses between them double.
        pause: float = self._seconds * 2 ** (len(hanging) - STUCK_LIMIT)
        return now - hook.begun < pause

    def _end(self, key: str, number: int) -> None:
        with self._lock:
            hook, now = self._hooks[key], time.monotonic()
            _, begun = hook.running.pop(number)
            hook.answered = now
        if now - begun > self._seconds:
            self._slow.warn(key, f"{key} took {now - begun:.1f} s in a page")
