"""What workers run for links."""

from crm_plugin.host.context import Crm, current
from crm_plugin.links import draft_link_check
from crm_plugin.links.confirmed_visits import confirm as confirm_clicks
from crm_plugin.links.ingest import classify_new, drain_clicks

UPKEEP = (
    ("crm_plugin.links.jobs.collect", 2),
    ("crm_plugin.links.jobs.confirm", 60),
)
"""(job, seconds): clicks reach the report within a few seconds."""
PERIODIC = (("crm_plugin.links.jobs.look", 5),)
DAILY: tuple[str, ...] = ()


def collect() -> None:
    """Drain this machine's spools and judge what is new."""
    _collect(current())


def look() -> None:
    """Look whether the addresses that drafts lead to answer."""
    draft_link_check.look(current())


def confirm() -> None:
    """Confirm clicks by the visits that the school has reported since."""
    confirm_clicks(current())


def burst(crm: Crm) -> bool:
    """Do all that is due; return True when there was something."""
    return _collect(crm) + draft_link_check.look(crm) + confirm_clicks(crm) > 0


def _collect(crm: Crm) -> int:
    done = drain_clicks(crm)
    while judged := classify_new(crm):
        done += judged
    return done
