"""What workers run for links."""

from crm_plugin.host.context import Crm, current
from crm_plugin.links import probe
from crm_plugin.links.hits import classify_new, drain_clicks

PERIODIC = (("crm_plugin.links.jobs.collect", 2), ("crm_plugin.links.jobs.look", 5))
"""(job, seconds): clicks reach the report within a few seconds."""
DAILY: tuple[str, ...] = ()


def collect() -> None:
    """Drain this machine's spools and judge what is new."""
    burst(current())


def look() -> None:
    """Look whether the addresses that drafts lead to answer."""
    probe.look(current())


def burst(crm: Crm) -> bool:
    """Do all that is due; return True when there was something."""
    done = drain_clicks(crm) + probe.look(crm)
    while judged := classify_new(crm):
        done += judged
    return done > 0
