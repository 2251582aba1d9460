"""Warnings that one cause would write a thousand times: each kind stands in the log once an hour.

A worker does each wake-up in a new process, so what was written is remembered in files of the installation:
an empty file for each kind, by its time.
"""

import hashlib
import logging
import threading
import time
from pathlib import Path

from crm_plugin.kernel.private_files import make_file, make_folder

QUIET = 3600.0
"""Seconds in which the same kind is not written again."""


class RareWarnings:
    """Writes the first warning of each kind, and after an hour the next.

    :param log: where they go.
    :param folder: where processes remember what was written; None: each for itself.
    """

    def __init__(self, log: logging.Logger, folder: Path | None = None) -> None:
        self._log = log
        self._folder = folder
        self._written: dict[str, float] = {}
        self._lock = threading.Lock()

    def warn(self, kind: str, words: str) -> None:
        """Write a warning, unless one of its kind was written in the last hour."""
        with self._lock:
            now = time.time()
            if now - self._written.get(kind, 0.0) < QUIET:
                return
            self._written[kind] = now
            if self._is_first(kind, now):
                self._log.warning("%s", words)

    def _is_first(self, kind: str, now: float) -> bool:
        """Return whether no other process wrote this kind lately, and note that we do."""
        if self._folder is None:
            return True
        place = self._folder / hashlib.sha256(kind.encode()).hexdigest()[:16]
        try:
            make_folder(self._folder)
            if place.exists() and now - place.stat().st_mtime < QUIET:
                return False
            make_file(place).touch()
        except OSError:
            pass  # a full disk is a reason to say more, not less
        return True
