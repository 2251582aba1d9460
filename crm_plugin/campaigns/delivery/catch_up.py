"""Facts first: before anybody is marked, what the school has reported until then is read.

A person may have paid a moment ago, and must not be chased. An event of the school may lie in a spool
of this machine or in the database. Where reading it takes longer than five seconds, nobody is called. The
campaign is held then, and a person may let it go on without.
"""

import time

from crm_plugin.campaigns.launch import lifecycle
from crm_plugin.campaigns.policy import data_freshness
from crm_plugin.host.context import Crm
from crm_plugin.profiles.sync import events

SECONDS = 5.0
"""How long a marking waits for what the school reported."""
_PAUSE = 0.1


def read_here(crm: Crm, until: float) -> None:
    """Read what lies in a spool of this machine; another process may be at it."""
    while events.are_waiting(crm) and time.monotonic() < until:
        if not events.read_events(crm):
            time.sleep(_PAUSE)


def catch_up(crm: Crm) -> None:
    """Read what waits in the database; another process may be at it."""
    if not events.read_events(crm):
        time.sleep(_PAUSE)


def hold(crm: Crm, campaign_id: int, is_over: bool) -> str:
    """Hold a campaign that waited in vain; return its state.

    :param is_over: the worker itself has to end now, which says nothing about the school.
    """
    if is_over:
        return "sending"
    crm.db.run(lambda session: lifecycle.hold(session, campaign_id, data_freshness.UNREAD, crm.clock()))
    return "held"
