"""The school's own signals: ids are spooled in no time, and their rows are read again later.

An event is a hint. It may be lost, repeated or early without harm, because the changes and scans of its
stream bring the same later. It goes from the spool of the process that heard it into the database, within a
second. From there the upkeep of a worker reads it, or a worker that is about to send.
"""

import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from crm_plugin.host.context import Crm
from crm_plugin.host.records import STREAMS, HostEvent
from crm_plugin.kernel.db.bulk import insert_many
from crm_plugin.kernel.jobs.failed_items import Round
from crm_plugin.kernel.spool import Ends, Records, Spool, drain, unread
from crm_plugin.kernel.storable import cleaned
from crm_plugin.profiles.models.streams import HostEventRow
from crm_plugin.profiles.sync import stored_events

log = logging.getLogger(__name__)

FOLDER = "events"
TAKEN = "profiles.events"
"""Name of the job that takes events up."""
IDS = 500
"""Ids in one spooled record."""
BEAT = 0.5
"""Seconds between two looks at the spool of a process that has heard an event."""


@dataclass
class KeptSpool:
    """The spool that this process appends the school's events to, and the thread that hands it over."""

    spool: Spool | None = None
    thread: threading.Thread | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sink:
    """What ``host_subscribe`` gets: its :meth:`emit` may be called inside any request.

    :param hands_over: let a thread of this process put what it hears into the database, within a second:
        there may be no worker on its machine.
    """

    def __init__(self, crm: Crm, *, hands_over: bool = False) -> None:
        self._crm = crm
        self._hands_over = hands_over

    def emit(self, event: HostEvent) -> None:
        """Take an event; never raises, never waits for a database."""
        emit(self._crm, event)
        if self._hands_over:
            _start_handing_over(self._crm)


def emit(crm: Crm, event: HostEvent) -> None:
    """Spool an event of the school; never raises, and takes well under 5 ms."""
    try:
        kept = crm.state(KeptSpool)
        spool = kept.spool = kept.spool or Spool(crm.instance / FOLDER, "events")
        ids = [str(id) for id in event.ids]
        for start in range(0, len(ids), IDS):
            record = {"stream": str(event.stream), "ids": ids[start : start + IDS]}
            spool.append(json.dumps(record).encode())
    except Exception:
        # Whatever a school hands us: its own request must go on.
        log.exception("an event of the school could not be spooled")


def _start_handing_over(crm: Crm) -> None:
    """Let a thread of this process hand its events over, unless one does."""
    kept = crm.state(KeptSpool)
    with kept.lock:
        if kept.thread is None or not kept.thread.is_alive():
            kept.thread = threading.Thread(
                target=_hand_over_again, args=(crm,), daemon=True, name="crm events"
            )
            kept.thread.start()


def _hand_over_again(crm: Crm) -> None:
    """Hand over until nothing comes any more; the next event starts a thread again."""
    quiet = 0
    while quiet < 20:
        time.sleep(BEAT)
        quiet = 0 if hand_over(crm) or spooled(crm) else quiet + 1


def hand_over(crm: Crm) -> int:
    """Put spooled events into the database, for any worker to read; return how many.

    While the database is away, they stay in the spool.
    """
    try:
        round_ = crm.round(TAKEN)
        return drain(crm.instance / FOLDER, lambda spool, records: _take(crm, round_, spool, records), round_)
    except (SQLAlchemyError, OSError) as error:
        log.warning("events wait in their spool: %s", type(error).__name__)
        return 0


def _take(crm: Crm, round_: Round, spool: str, records: Records) -> None:
    round_.together(records, lambda some: _store(crm, some), lambda one: f"{spool} {one[0]}")


def _store(crm: Crm, records: Sequence[tuple[int, bytes]]) -> None:
    at = crm.clock()
    parsed = [_parsed(record) for _, record in records]
    rows = [{"stream": stream, "ids": ids, "at": at} for stream, ids in parsed if stream in STREAMS]
    crm.db.run(lambda session: insert_many(session, HostEventRow, rows))


def _parsed(record: bytes) -> tuple[str, list[str]]:
    try:
        event = json.loads(record)
        return str(event["stream"]), [cleaned(str(id)) for id in event["ids"]]
    except (ValueError, KeyError, TypeError):
        log.warning("a torn event was left out")
        return "", []


def read_events(crm: Crm) -> int:
    """Read the rows again that events name, those in a spool of this machine too; return how many events."""
    hand_over(crm)
    return stored_events.read(crm)


def spooled(crm: Crm) -> Ends:
    """Return how far the spools of this machine go that are not handed over yet."""
    return unread(crm.instance / FOLDER)
