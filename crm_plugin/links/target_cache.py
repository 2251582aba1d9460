"""What a redirect needs, in memory: keys and targets, with a copy on disk for a start without database.

A stored target never changes, so what is known stays true. New launches are read in the background
every few seconds while there are visitors, and at once for a link that is not known yet.
"""

import json
import logging
import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from crm_plugin.host.context import Crm
from crm_plugin.kernel.private_files import make_file
from crm_plugin.links.codes import Signer, key_of
from crm_plugin.links.models import Link
from crm_plugin.links.service import load_keys

log = logging.getLogger(__name__)

FRESH_SECONDS = 10.0
"""Age after which the next visitor starts a refresh in the background."""
PATIENCE = 0.5
"""Seconds that a visitor of an unknown link waits for the database."""
PAUSE = 5.0
"""Seconds without another try after a failure, or after a link that is not there either."""
SNAPSHOT = "links.json"


class Targets:
    """Keys and targets of this installation, for one process; safe between threads.

    :param crm: read in a thread of our own, so that a database that hangs holds nobody up.
    """

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self._targets: dict[int, str] = {}
        self._last = 0
        self._asked = float("-inf")
        self._running: threading.Thread | None = None
        self._guard = threading.Lock()
        self._read_before = False
        self.signer: Signer | None = None
        """None as long as no key is known."""

    def ready(self) -> Signer | None:
        """Return the signer; at the first call, read the database or else the copy on disk."""
        if not self._read_before:
            self._refresh(wait=PATIENCE * 4)
            if self.signer is None:
                self._load_snapshot()
            self._read_before = True
        elif self.signer is None:
            self._refresh(wait=PATIENCE, pause=PAUSE)
        elif time.monotonic() - self._asked > FRESH_SECONDS:
            self._refresh(wait=0)
        return self.signer

    def knows_key(self, key: int | None, *, ask: bool = True) -> bool:
        """Return whether a key is known, if need be after asking the database for one that is new."""
        if key is None or self.signer is None:
            return False
        if ask and key not in self.signer.keys:
            self._refresh(wait=PATIENCE, pause=PAUSE)
        return key in self.signer.keys

    def get(self, link_id: int) -> str | None:
        """Return the target of a link, or None when neither memory nor database has it in time."""
        # Ids grow: one above the last known is of a new launch, and asked for at once; twice, because
        # a reading that is under way may have begun before that launch was written.
        tries, pause = (2, 0.0) if link_id > self._last else (1, PAUSE)
        for _ in range(tries):
            if link_id in self._targets:
                break
            self._refresh(wait=PATIENCE, pause=pause)
        return self._targets.get(link_id)

    def holds(self, code: str) -> bool:
        """Return whether the database need not be asked for a code: it is none, or its target is known."""
        key = key_of(code)
        if self.signer is None or key is None:
            return self.signer is not None
        if key not in self.signer.keys:
            return False
        found = self.signer.read(code)
        return found is None or found[0] in self._targets

    def _refresh(self, wait: float, pause: float = 0.0) -> None:
        with self._guard:
            thread = self._running
            if thread is None or not thread.is_alive():
                if time.monotonic() - self._asked < pause:
                    return
                self._asked = time.monotonic()
                thread = self._running = threading.Thread(target=self._read, name="crm-links", daemon=True)
                thread.start()
            left = self._asked + wait - time.monotonic()
        # Measured from the start of the reading: only its first visitors wait for a database that hangs.
        if left > 0:
            thread.join(left)

    def _read(self) -> None:
        try:
            with self._crm.db.read() as session:
                keys = load_keys(session)
                rows = session.execute(sa.select(Link.id, Link.target).where(Link.id > self._overlap())).all()
        except (SQLAlchemyError, OSError) as error:
            log.warning("links could not be read: %s", type(error).__name__)
            return
        new = {row.id: row.target for row in rows if row.id not in self._targets}
        known = self.signer.keys if self.signer else {}
        self._take(keys, new)
        if new or keys != known:
            self._save_snapshot()

    def _overlap(self) -> int:
        # Ids are not handed out in the order of commits: the last thousand are looked at again.
        return max(0, self._last - 1000)

    def _take(self, keys: dict[int, bytes], targets: dict[int, str]) -> None:
        self._targets.update(targets)
        self._last = max(self._targets, default=0)
        if keys and (self.signer is None or self.signer.keys != keys):
            self.signer = Signer(keys)

    def _path(self) -> Path:
        return self._crm.instance / SNAPSHOT

    def _save_snapshot(self) -> None:
        if self.signer is None:
            return
        keys = {str(number): secret.hex() for number, secret in self.signer.keys.items()}
        targets = {str(number): target for number, target in list(self._targets.items())}
        try:
            _write_private(self._path(), {"keys": keys, "targets": targets})
        except OSError as error:
            log.warning("the copy of the links could not be written: %s", error)

    def _load_snapshot(self) -> None:
        try:
            found = json.loads(self._path().read_text(encoding="utf-8"))
            keys = {int(number): bytes.fromhex(secret) for number, secret in found["keys"].items()}
            targets = {int(number): str(target) for number, target in found["targets"].items()}
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return
        self._take(keys, targets)


def _write_private(path: Path, document: dict[str, Any]) -> None:
    hidden = path.with_suffix(f".{time.monotonic_ns()}.part")
    make_file(hidden).write_text(json.dumps(document), encoding="utf-8")
    hidden.replace(path)
