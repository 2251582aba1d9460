"""What runs beside the facts of `make bench-freshness`: a send, a freeze of everybody, an export and, where
wanted, a tagging; each again as soon as it has ended.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from crm_plugin.campaigns import service
from crm_plugin.campaigns.composing import drafts
from crm_plugin.campaigns.models import Campaign
from crm_plugin.host.context import Crm
from crm_plugin.segments.bulk import bulk_tagging, exports
from crm_plugin.segments.listing.subsets import Part
from crm_plugin.segments.models import Export, Tagging
from tests.bench.fresh_school import COURSE
from tests.bench.rig import say
from tests.bench.sending_school import EMAIL, EVERYBODY
from tests.bench.trees import group, related, rule
from tests.fakes.host import staff

PAID = group(related("orders", "some", rule("course_id", "=", COURSE), rule("state", "=", "paid")))
TAKEN = "taken away"
"""The tag of those who are exported."""
BULK = ("freeze", "export", "send")
MORE = (*BULK, "tagging")
_LOOK = 0.2


@dataclass
class Load:
    """Bulk work without a pause, from :meth:`start` to :meth:`end`.

    :param groups: tags of people, each so many as a send has; they are sent to in turn.
    """

    crm: Crm
    groups: list[str]
    kinds: tuple[str, ...] = BULK
    current: dict[str, int] = field(default_factory=dict)
    """Kind of work → the campaign or export that is under way."""
    done: Counter[str] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)
    """Why a campaign stopped by itself → how often."""
    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in MORE})
    _at_work: set[str] = field(default_factory=set)
    _began: dict[str, float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with one of each, and go on beside the caller."""
        for kind in self.kinds:
            self._begin(kind)
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Begin nothing more, and stop what is under way."""
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def group(self) -> str:
        """Return the tag of those who are written to just now."""
        return self.groups[self.done["send"] % len(self.groups)]

    def running(self) -> tuple[str, ...]:
        """Return what a worker is at; the rest waits for one."""
        return tuple(kind for kind in self.kinds if kind in self._at_work)

    def _go_on(self) -> None:
        while not self._over.wait(_LOOK):
            for kind, ident in list(self.current.items()):
                if self._is_done(kind, ident):
                    del self.current[kind]
                    self.done[kind] += 1
                    self.seconds[kind].append(time.monotonic() - self._began[kind])
                    self._begin(kind)

    def _begin(self, kind: str) -> None:
        self._began[kind] = time.monotonic()
        self.current[kind] = _BEGIN[kind](self)

    def send(self) -> int:
        """Ask the next group to pay."""
        return self._launched(group(rule("tags", "contains", self.group())))

    def freeze(self) -> int:
        """Freeze a campaign to everybody."""
        return self._launched(EVERYBODY)

    def _launched(self, audience: dict[str, Any]) -> int:
        content = {**EMAIL, "policy": {"goal": PAID}}
        campaign = drafts.create(self.crm, staff("bench"), {"name": "Bench", "audience": audience, **content})
        service.launch(self.crm, staff("bench"), campaign)
        return campaign

    def export(self) -> int:
        """Take people away."""
        part = Part(group(rule("tags", "contains", TAKEN)))
        columns = ["display_name", "email", "city", "registered_at", "paid_count", "paid_total"]
        return exports.queue(self.crm, staff("bench"), exports.Wanted(part, columns, "csv"))

    def tag(self) -> int:
        """Put a new tag on those who are exported."""
        part = Part(group(rule("tags", "contains", TAKEN)))
        done = bulk_tagging.request(self.crm, staff("bench"), part, f"tag {self.done['tagging']}", put=True)
        assert isinstance(done, int), "too few for a worker"
        return done

    def _is_done(self, kind: str, ident: int) -> bool:
        if kind in ("export", "tagging"):
            table = Export if kind == "export" else Tagging
            state = self._row(sa.select(table.state).where(table.id == ident))[0]
            self._note(kind, state == "running")
            assert state != "failed"
            return bool(state == "done")
        columns = sa.select(Campaign.state, Campaign.reason, Campaign.freeze_token)
        state, reason, token = self._row(columns.where(Campaign.id == ident))
        self._note(kind, state == "sending" if kind == "send" else token is not None)
        if state == "held":
            say(f"a {kind} is held: {reason}")
            self.stopped[str(reason)] += 1
            service.resume(self.crm, staff("bench"), ident)
        if kind == "freeze" and state == "sending":
            service.pause(self.crm, staff("bench"), ident)
            return True
        return state not in ("freezing", "sending", "held")

    def _row(self, query: Any) -> Any:
        with self.crm.db.read() as session:
            return session.execute(query).one()

    def _note(self, kind: str, is_at_work: bool) -> None:
        (self._at_work.add if is_at_work else self._at_work.discard)(kind)


_BEGIN = {"send": Load.send, "freeze": Load.freeze, "export": Load.export, "tagging": Load.tag}
