"""What workers run for quick queries."""

from crm_plugin.host.context import Crm, current
from crm_plugin.segments.bulk import bulk_tagging, exports
from crm_plugin.segments.saved import home_pins, quick_queries

PERIODIC = (
    ("crm_plugin.segments.jobs.refresh_counts", 60),
    ("crm_plugin.segments.jobs.make_exports", 60),
    ("crm_plugin.segments.jobs.tag_people", 60),
)
"""(job, seconds)."""
DAILY: tuple[str, ...] = (
    "crm_plugin.segments.jobs.remove_exports",
    "crm_plugin.segments.jobs.forget_taggings",
)


def refresh_counts() -> None:
    """Count the quick queries whose count is too old, and show pinned ones to the school."""
    crm = current()
    quick_queries.refresh_counts(crm)
    home_pins.publish(crm)


def make_exports() -> None:
    """Write the files of exports that wait."""
    exports.make_due(current())


def remove_exports() -> None:
    """Remove the files of exports that are old enough."""
    exports.remove_old(current())


def tag_people() -> None:
    """Put tags on many people, or take them off, where that waits."""
    bulk_tagging.tag_due(current())


def forget_taggings() -> None:
    """Forget the taggings that are old enough."""
    bulk_tagging.remove_old(current())


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    counted = quick_queries.refresh_counts(crm)
    return home_pins.publish(crm) + exports.make_due(crm) + bulk_tagging.tag_due(crm) + counted > 0
