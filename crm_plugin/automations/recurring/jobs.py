"""What workers run for campaigns that repeat."""

from crm_plugin.automations.recurring import runs
from crm_plugin.host.context import Crm, current

UPKEEP = (("crm_plugin.automations.recurring.jobs.look", 5),)


def look() -> None:
    """Make the children of the periods that have begun."""
    runs.run_due(current())


def burst(crm: Crm) -> bool:
    """Do the same; True when there was something."""
    return bool(runs.run_due(crm))
