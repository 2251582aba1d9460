"""What workers run for saved searches."""

from crm_plugin.host.context import Crm, current
from crm_plugin.segments import exports, pins, quick

PERIODIC = (
    ("crm_plugin.segments.jobs.refresh_counts", 60),
    ("crm_plugin.segments.jobs.make_exports", 60),
)
"""(job, seconds)."""
DAILY: tuple[str, ...] = ("crm_plugin.segments.jobs.remove_exports",)


def refresh_counts() -> None:
    """Count the saved searches whose count is too old, and show pinned ones to the school."""
    crm = current()
    quick.refresh_counts(crm)
    pins.publish(crm)


def make_exports() -> None:
    """Write the files of exports that wait."""
    exports.make_due(current())


def remove_exports() -> None:
    """Remove the files of exports that are old enough."""
    exports.remove_old(current())


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    counted = quick.refresh_counts(crm)
    return pins.publish(crm) + exports.make_due(crm) + counted > 0
