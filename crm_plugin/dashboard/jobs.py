"""What workers run for the home page."""

from crm_plugin.campaigns.reporting import sent_days
from crm_plugin.dashboard import make_up, published_figures, reached
from crm_plugin.host.context import Crm, current

PERIODIC = (("crm_plugin.dashboard.jobs.refresh", 60),)
DAILY = ("crm_plugin.dashboard.jobs.recount",)


def refresh() -> None:
    """Count again what moved."""
    burst(current())


def recount() -> None:
    """Count everything whole; what differs from what was kept is corrected and logged."""
    crm = current()
    changed = sent_days.recount(crm)
    reached.refresh(crm, moved=bool(changed))
    make_up.refresh(crm, everything=True)


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    changed = sent_days.refresh(crm)
    counted = reached.refresh(crm, moved=bool(changed))
    counted = make_up.refresh(crm) or counted
    return published_figures.publish(crm) or counted or bool(changed)
