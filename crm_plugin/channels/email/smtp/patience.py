"""Leaving a mail server alone that did not answer."""

import threading
import time

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before the next attempt to connect, after one failure, two, and so on."""


class Patience:
    """Leaves a server alone that did not answer, a little longer each time; shared by its connections."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def failed(self) -> None:
        """Note that no connection came about."""
        with self._lock:
            pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
            self._failures += 1
            self._closed_until = time.monotonic() + pause

    def worked(self) -> None:
        """Note that one did."""
        self._failures = 0

    def is_over(self) -> bool:
        """Return whether to call the server; waits for it, a second at most."""
        left = self._closed_until - time.monotonic()
        if left > 0:
            time.sleep(min(left, 1.0))
        return left <= 1.0
