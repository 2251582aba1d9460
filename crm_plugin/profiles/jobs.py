"""What workers run for the profiles."""

from crm_plugin.host.context import Crm, current
from crm_plugin.kernel.errors import CrmError
from crm_plugin.profiles.consent.host_push import push_consents
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.sync import daily as days
from crm_plugin.profiles.sync.events import read_events
from crm_plugin.profiles.sync.host_checks import look
from crm_plugin.profiles.sync.service import sync

UPKEEP = (
    ("crm_plugin.profiles.jobs.sync_changes", 30),
    ("crm_plugin.profiles.jobs.catch_up", 1),
    ("crm_plugin.profiles.jobs.check_school", 60),
)
"""(job, seconds): the school's changes, what events and our own work made due, the school's own checks."""
DAILY = ("crm_plugin.profiles.jobs.daily",)

ROUND_SECONDS = 60.0
"""A round ends after this long and the next one goes on: other jobs want their turn."""


def sync_changes() -> None:
    """Do one round of the sync."""
    crm = current()
    if crm.host.plugin is not None:
        sync(crm, seconds=ROUND_SECONDS)


def check_school() -> None:
    """Ask the school for its checks, for the health page."""
    look(current())


def catch_up() -> None:
    """Read what events name, compute facts of touched people, report opt-outs to the school."""
    _catch_up(current())


def daily() -> None:
    """Do what is due once a business day."""
    crm = current()
    days.run(crm)
    crm.queue.wake("crm_plugin.profiles.jobs.sync_changes")


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    changed = 0
    if crm.host.plugin is not None:
        result = sync(crm)
        changed = result.changed + result.facts
    return _catch_up(crm) or changed > 0


def _catch_up(crm: Crm) -> bool:
    done = 0
    try:
        if crm.host.plugin is not None:
            done = read_events(crm) + push_consents(crm)
    except CrmError:
        # A school that does not even say who it is: the sync writes that down for the health page.
        done = 0
    return compute.recompute(crm) + done > 0
