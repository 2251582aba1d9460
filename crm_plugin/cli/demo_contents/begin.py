"""Fills the CRM of a new demo, each step once."""

from collections.abc import Callable

from crm_plugin.boards import jobs as boards
from crm_plugin.cli.demo_contents import automations, campaigns, notes, searches, topics
from crm_plugin.cli.demo_contents.staff import done, note_done
from crm_plugin.dashboard import jobs as dashboard
from crm_plugin.host.context import Crm
from crm_plugin.segments.saved import home_pins

STEPS: tuple[tuple[str, Callable[[Crm, str], None]], ...] = (
    ("topics", topics.seed),
    ("campaigns", campaigns.seed),
    ("automations", automations.seed),
    ("notes", notes.seed),
    ("searches", searches.seed),
)
"""(name, what is made in the language of the school), in their order."""


def seed(crm: Crm, language: str) -> None:
    """Make what was not made before; what somebody deleted does not come back.

    :param language: of the school, ``en`` or ``zh``: what staff have written is in it.
    """
    missing = [(name, step) for name, step in STEPS if not done(crm, name)]
    for name, step in missing:
        step(crm, language)
        note_done(crm, name)
    if missing:
        # Workers count and publish these within a minute: the first visitor comes sooner.
        boards.burst(crm)
        dashboard.burst(crm)
        home_pins.publish(crm)
