"""What workers run for boards."""

from crm_plugin.boards import service
from crm_plugin.boards.figures import comparison
from crm_plugin.host.context import Crm, current

UPKEEP = (("crm_plugin.boards.jobs.refresh_figures", 1),)
"""(job, seconds). The school's events are in the figures within seconds, also while a campaign is sent."""
DAILY = ("crm_plugin.boards.jobs.compare_figures",)

ROUND_SECONDS = 5.0
"""A round ends after this long, and the next one goes on."""


def refresh_figures() -> None:
    """Compute the figures of the courses that something touched, or that time has changed."""
    service.refresh(current(), ROUND_SECONDS)


def compare_figures() -> None:
    """Compute all figures, compare them with those that are kept, and repair what differs."""
    comparison.compare(current())


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    return service.refresh(crm) > 0
