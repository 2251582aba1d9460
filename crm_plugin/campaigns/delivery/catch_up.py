"""Facts first: before anybody is marked, what the school has reported until then is read.

A person may have paid a moment ago, and must not be chased. An event of the school may lie in a spool
of this machine or in the database. Where reading it takes longer than five seconds, nobody is called. The
campaign is held then, and a person may let it go on without. What is reported meanwhile is for the next
marking: at a busy school something always waits.
"""

import time
from dataclasses import dataclass, field

from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.policy import data_freshness
from crm_plugin.host.context import Crm
from crm_plugin.kernel.spool import is_handed_on
from crm_plugin.profiles.sync import events, stored_events

SECONDS = 5.0
"""How long a marking waits for what the school reported."""
RECENT = 3.5
"""Where reading takes longer than this, what was reported meanwhile is waited for too.

An event is up to a second old when it is stored: nobody is called more than five seconds after."""
_PAUSE = 0.05


@dataclass(slots=True)
class Facts:
    """What the school had reported when a marking began."""

    crm: Crm
    upto: int = stored_events.ANY
    """The last event that matters: any at first, as mostly none waits."""
    _until: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    _noted: float = 0.0

    def hand_over(self) -> None:
        """Put what lies in a spool of this machine into the database; another process may be at it."""
        spooled = events.spooled(self.crm)
        while not is_handed_on(spooled):
            if self.took_too_long():
                self.upto = stored_events.ELSEWHERE
                return
            if not events.hand_over(self.crm):
                time.sleep(_PAUSE)

    def read(self) -> None:
        """Read what waits in the database, until all that matters is read or it took too long."""
        if time.monotonic() - self._noted > RECENT:
            self.upto, self._noted = stored_events.newest(self.crm), time.monotonic()
        while stored_events.are_waiting(self.crm, self.upto):
            # Another process may be at it.
            if not stored_events.read(self.crm):
                time.sleep(_PAUSE)
            if self.took_too_long() or time.monotonic() - self._noted > RECENT:
                return

    def took_too_long(self) -> bool:
        """Return whether nobody may be called any more without it."""
        return time.monotonic() >= self._until


def hold(crm: Crm, campaign_id: int, is_over: bool) -> str:
    """Hold a campaign that waited in vain; return its state.

    :param is_over: the worker itself has to end now, which says nothing about the school.
    """
    if is_over:
        return "sending"
    crm.db.run(lambda session: lifecycle.hold(session, campaign_id, data_freshness.UNREAD, crm.clock()))
    return "held"
