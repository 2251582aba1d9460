"""What runs by itself in a new demo: two chases, one that is off, and a campaign that repeats each week.

The chases were switched on before the first start. The worker's first look takes in the people of the days
since.
"""

from datetime import timedelta

from crm_plugin.automations import service
from crm_plugin.automations.recurring import queries, runs
from crm_plugin.automations.recurring import service as recurring
from crm_plugin.campaigns import jobs
from crm_plugin.campaigns.composing import drafts
from crm_plugin.cli.demo_contents import reactions
from crm_plugin.cli.demo_contents.campaigns import file_of
from crm_plugin.cli.demo_contents.past import Past
from crm_plugin.cli.demo_contents.staff import administrator
from crm_plugin.cli.demo_contents.stories import TIPS
from crm_plugin.host.context import Crm
from crm_plugin.host.records import Actor

CHASES = (("unpaid_order", "sms", 0.8), ("membership_ends", "email", 12.0), ("win_back", "email", None))
"""(one that is shipped, channel, days since it was switched on; None = it is off)."""
_WEEKS = 3
_TIME = "10:00"


def seed(crm: Crm, language: str) -> None:
    """Make them as the administrator, with the weeks of the recurring campaign that are over."""
    past, admin = Past(crm), administrator(crm)
    for key, channel, days in CHASES:
        then = past.at(past.present - timedelta(days=days or 0))
        ident = service.create_from_ready_made(then, admin, key, channel, language)
        if days:
            service.switch_on(then, admin, ident)
    _repeat(past, admin, language)


def _repeat(past: Past, actor: Actor, language: str) -> None:
    """Start the weekly letter some weeks ago and let its periods come; people react to each child."""
    begun = past.at(past.present - timedelta(weeks=_WEEKS))
    day = begun.clock().weekday()
    ident = drafts.create(begun, actor, file_of(begun, TIPS, language))
    due = recurring.start(begun, actor, ident, {"every": "week", "days": [day], "at": _TIME})
    while due < past.present:
        then = past.at(due + timedelta(minutes=1))
        runs.run_due(then)
        while jobs.burst(then):
            pass
        (period,) = queries.history(then, actor, ident, limit=1)
        if period.child_id is not None:
            reactions.seed(past, period.child_id, TIPS, language)
        due += timedelta(weeks=1)
