"""What workers run for the profiles."""

from collections.abc import Callable

from crm_plugin.host.context import Crm, current
from crm_plugin.kernel.errors import CrmError
from crm_plugin.profiles.consent import host_push
from crm_plugin.profiles.facts import compute
from crm_plugin.profiles.sync import daily as days
from crm_plugin.profiles.sync import events
from crm_plugin.profiles.sync.host_checks import look
from crm_plugin.profiles.sync.service import SyncResult, sync

UPKEEP = (
    ("crm_plugin.profiles.jobs.sync_changes", 30),
    ("crm_plugin.profiles.jobs.read_events", 1),
    ("crm_plugin.profiles.jobs.compute_facts", 1),
    ("crm_plugin.profiles.jobs.push_consents", 1),
    ("crm_plugin.profiles.jobs.check_school", 60),
)
"""(job, seconds). Events do not wait for the facts of others: a pass over a million takes minutes."""
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


def read_events() -> None:
    """Read what events name."""
    _hear(current())


def compute_facts() -> None:
    """Compute the facts of the people that something touched."""
    compute.recompute(current())


def push_consents() -> None:
    """Report opt-outs to the school."""
    _report(current())


def daily() -> None:
    """Do what is due once a business day."""
    crm = current()
    days.run(crm)
    crm.queue.wake("crm_plugin.profiles.jobs.sync_changes")


def burst(crm: Crm) -> bool:
    """Do one round of all that is due; True when something was done."""
    result = sync(crm) if crm.host.plugin is not None else SyncResult()
    return _hear(crm) + _report(crm) + compute.recompute(crm) + result.changed + result.facts > 0


def _hear(crm: Crm) -> int:
    return _ask(crm, events.read_events)


def _report(crm: Crm) -> int:
    return _ask(crm, host_push.push_consents)


def _ask(crm: Crm, about: Callable[[Crm], int]) -> int:
    """Do something with the school, if there is one; return how much."""
    try:
        return about(crm) if crm.host.plugin is not None else 0
    except CrmError:
        # A school that does not even say who it is: the sync writes that down for the health page.
        return 0
