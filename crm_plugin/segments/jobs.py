"""What workers run for saved searches."""

from crm_plugin.host.context import Crm, current
from crm_plugin.segments import pins, quick

PERIODIC = (("crm_plugin.segments.jobs.refresh_counts", 60),)
"""(job, seconds)."""
DAILY: tuple[str, ...] = ()


def refresh_counts() -> None:
    """Count the saved searches whose count is too old, and show pinned ones to the school."""
    burst(current())


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    counted = quick.refresh_counts(crm)
    return pins.publish(crm) + counted > 0
