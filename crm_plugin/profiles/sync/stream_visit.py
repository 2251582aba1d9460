"""One visit to one stream under its lease: what the steps of scanning and following changes share."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from crm_plugin.host.context import Crm
from crm_plugin.kernel.errors import CODES, CrmError
from crm_plugin.profiles.models.streams import Stream
from crm_plugin.profiles.store import tombstones
from crm_plugin.profiles.store.batch import WriteBatch
from crm_plugin.profiles.sync import lease

T = TypeVar("T")
FIRST_RETRY, LAST_RETRY = 5, 600
"""Seconds to wait after the first and after many failures of a host."""


@dataclass(frozen=True)
class Progress:
    """How far a scan is."""

    stream: str
    done: int
    estimate: int | None
    """About how many rows there are; None = the school does not say."""
    state: str
    """``scanning``, ``current``, ``failing`` or ``stopped``."""


class Stopped(Exception):
    """The stream was stopped; a person must look."""


_UNKNOWN = "not known yet"


@dataclass
class StreamVisit:
    """A visit to a stream.

    :param token: of its lease.
    :param until: the monotonic time at which to end between two pages; None = never.
    """

    crm: Crm
    stream: str
    token: str
    until: float | None = None
    progress: Callable[[Progress], None] | None = None
    changed: int = 0
    _region: str | None = field(default=_UNKNOWN, init=False)

    def is_over(self) -> bool:
        """Return whether the time given is used up."""
        return self.until is not None and time.monotonic() >= self.until

    def state(self) -> Stream:
        """Return the stream's row as it is now."""
        with self.crm.db.read() as session:
            return session.get_one(Stream, self.stream)

    def write(self, change: Callable[[WriteBatch], T], **values: Any) -> T:
        """Run ``change`` in a transaction that holds the lease, and set columns of the stream's row.

        :raises LeaseLost: nothing was written.
        """
        region = self.region()

        def transaction(session: Session) -> tuple[T, int]:
            lease.renew(self.crm.db, session, self.stream, self.token)
            batch = WriteBatch(self.crm, session, region, tombstones.key(session))
            result = change(batch)
            self._set(session, values)
            return result, batch.changed

        result, changed = self.crm.db.run(transaction)
        self.changed += changed
        return result

    def note(self, **values: Any) -> None:
        """Set columns of the stream's row; asks the school for nothing.

        :raises LeaseLost: nothing was written.
        """

        def transaction(session: Session) -> None:
            lease.renew(self.crm.db, session, self.stream, self.token)
            self._set(session, values)

        self.crm.db.run(transaction)

    def fail(self, error: CrmError, failures: int, at: datetime) -> None:
        """Note that the school failed, and when to try again."""
        wait = min(FIRST_RETRY * 2**failures, LAST_RETRY)
        self.note(
            state="failing",
            error_code=error.code,
            error=str(error),
            failures=failures + 1,
            retry_at=at + timedelta(seconds=wait),
        )

    def stop(self, code: str, **params: Any) -> None:
        """Stop the stream until a person has looked.

        :raises Stopped: always.
        """
        text = CODES[code].format(stream=self.stream, **params)
        self.note(state="stopped", error_code=code, error=text)
        raise Stopped(self.stream)

    def tell(self, done: int, estimate: int | None, state: str) -> None:
        """Report progress to the listener."""
        if self.progress is not None:
            self.progress(Progress(self.stream, done, estimate, state))

    def _set(self, session: Session, values: dict[str, Any]) -> None:
        if values:
            row = sa.update(Stream).where(Stream.stream == self.stream).values(values)
            session.execute(row, execution_options={"synchronize_session": False})

    def region(self) -> str | None:
        """Return the country by which telephones are read."""
        if self._region is _UNKNOWN:
            self._region = region(self.crm)
        return self._region


HEALTHY: dict[str, Any] = {"error_code": None, "error": None, "failures": 0, "retry_at": None}
"""Columns of a stream whose last read went well."""


def region(crm: Crm) -> str | None:
    """Return the country by which telephones without a country code are read."""
    return crm.settings.host_region or crm.host.info.region or None
