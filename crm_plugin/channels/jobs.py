"""What workers run for channels: nothing in, nothing out."""

from crm_plugin.channels.sms_templates import approval
from crm_plugin.host.context import Crm, current

PERIODIC = (("crm_plugin.channels.jobs.ask_templates", 300),)
DAILY: tuple[str, ...] = ()


def ask_templates() -> None:
    """Ask the SMS carrier about templates that it is looking at."""
    approval.ask(current())


def burst(_crm: Crm) -> bool:
    """Nothing here is due by itself: carriers take hours, and are polled by the clock."""
    return False
