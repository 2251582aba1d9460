"""Words of recurring campaigns: their states, why a period has no campaign, when they repeat."""

from babel.lists import format_list

from crm_plugin.automations.recurring.rhythm import Rhythm
from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.i18n import Words, say
from crm_plugin.web.shell.vocabulary import inside

TABLES: dict[str, dict[str, Text]] = {
    "recurring": {
        "on": Text("Repeating"),
        "paused": Text("Paused"),
        "off": Text("Being changed"),
        "ended": Text("Ended"),
    },
    "automation": {
        "draft": Text("Off"),
        "on": Text("On"),
        "paused": Text("Paused"),
        "ended": Text("Ended"),
    },
    "stopped": {
        "goal": Text("Goal reached"),
        "paid": Text("Paid"),
        "closed": Text("The order was closed"),
        "left": Text("The seat was given back"),
        "refunded": Text("Refunded"),
        "moved": Text("The date has changed"),
        "over": Text("The cause is over"),
        "course": Text("The course is full, over or not published"),
        "condition": Text("Did not match the condition"),
        "opted_out": Text("Opted out"),
        "status": Text("Account not active"),
        "staff": Text("Staff of the school"),
        "merged": Text("Merged with another account"),
        "ended": Text("The automation was ended"),
    },
    "reason": {
        "missed": Text("Skipped: nobody was there to send it in time"),
        "campaign.empty_audience": Text("Nobody was in the audience"),
    },
}
WORDS = Words(
    TABLES,
    spoken={
        ("recurring.bad_state", "state"): inside("recurring"),
        ("automation.bad_state", "state"): inside("automation"),
    },
)
"""What this room says."""


def rhythm_words(rhythm: Rhythm) -> str:
    """Return when the periods are, in words."""
    if rhythm.every == "day":
        return say("Every day at %(time)s", time=rhythm.at)
    if rhythm.every == "month":
        return say("Every month on day %(day)s at %(time)s", day=rhythm.days[0], time=rhythm.at)
    names = formatting.weekdays()
    days = format_list([names[day] for day in rhythm.days], locale=formatting.babel_locale())
    return say("Every week on %(days)s at %(time)s", days=days, time=rhythm.at)
