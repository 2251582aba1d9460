"""The school's own signals: ids are spooled in no time, and their rows are read again later.

An event is a hint. It may be lost, repeated or early without harm, because the changes and scans of its
stream bring the same later.
"""

import json
import logging
from collections import defaultdict
from dataclasses import dataclass

from crm_plugin.host.context import Crm
from crm_plugin.host.records import STREAMS, HostEvent
from crm_plugin.kernel.errors import Unavailable
from crm_plugin.kernel.spool import Records, Spool, drain
from crm_plugin.profiles.sync.service import read_again

log = logging.getLogger(__name__)

FOLDER = "events"
IDS = 500
"""Ids in one spooled record."""


@dataclass
class KeptSpool:
    """The spool that this process appends the school's events to."""

    spool: Spool | None = None


class _Busy(Exception):
    """Another process reads the stream: the events wait."""


class Sink:
    """What ``host_subscribe`` gets: its :meth:`emit` may be called inside any request."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    def emit(self, event: HostEvent) -> None:
        """Take an event; never raises, never waits for a database."""
        emit(self._crm, event)


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


def read_events(crm: Crm) -> int:
    """Read the rows again that spooled events name; return how many events there were.

    While the school fails, or another process reads the stream, the events wait.
    """
    try:
        return drain(crm.instance / FOLDER, lambda _spool, records: _handle(crm, records))
    except _Busy:
        return 0
    except Unavailable as error:
        log.warning("events wait: %s", error)
        return 0


def _handle(crm: Crm, records: Records) -> None:
    wanted: dict[str, dict[str, None]] = defaultdict(dict)
    for _, record in records:
        stream, ids = _parsed(record)
        wanted[stream].update(dict.fromkeys(ids))
    for stream in STREAMS:
        if wanted[stream] and not read_again(crm, stream, list(wanted[stream])):
            raise _Busy(stream)


def _parsed(record: bytes) -> tuple[str, list[str]]:
    try:
        event = json.loads(record)
        return str(event["stream"]), [str(id) for id in event["ids"]]
    except (ValueError, KeyError, TypeError):
        log.warning("a torn event was left out")
        return "", []
