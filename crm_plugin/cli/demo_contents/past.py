"""A CRM whose present is past: what its services do, they do then."""

import os
from dataclasses import replace
from datetime import datetime, timedelta

from crm_plugin.channels.outbox import OutboxCarrier
from crm_plugin.channels.registry import KeptCarriers
from crm_plugin.host.context import Crm

_STEP = timedelta(milliseconds=100)


class _FastOutbox(OutboxCarrier):
    """Takes many messages at once: nobody else waits, and no worker is killed between."""

    in_flight = batch = 200


class Past:
    """The same installation at other times; only the outbox takes messages there.

    :param crm: the installation, whose worker must not run yet.
    """

    def __init__(self, crm: Crm) -> None:
        self.present = crm.clock()
        self._at = self.present
        self._crm = replace(crm, clock=self._look)
        carriers = self._crm.state(KeptCarriers).carriers
        carriers["outbox", os.getpid()] = _FastOutbox(self._crm)

    def _look(self) -> datetime:
        self._at += _STEP
        return self._at

    def at(self, instant: datetime) -> Crm:
        """Return the installation at an instant, until another is asked for; each look takes a moment."""
        self._at = instant.astimezone(self.present.tzinfo)
        return self._crm
