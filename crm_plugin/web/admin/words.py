"""Words of what administrators look after: the school's streams, stopped addresses."""

from crm_plugin.kernel.i18n import Text
from crm_plugin.web.admin import audit_words
from crm_plugin.web.shell.i18n import Words
from crm_plugin.web.shell.vocabulary import inside

TABLES: dict[str, dict[str, Text]] = {
    "stopped": {
        "bounce": Text("Came back"),
        "complaint": Text("Marked as spam"),
        "manual": Text("Blocked by staff"),
        "opt_out": Text("Opted out"),
    },
    "bounce": {
        "hard": Text("Address does not exist"),
        "soft": Text("Not available now"),
        "refused": Text("Message refused"),
        "complaint": Text("Marked as spam"),
    },
    "failed_job": {
        "automations.drafts": Text("Deleted automations"),
        "automations.look": Text("People who enter automations"),
        "automations.recurring": Text("Recurring campaigns"),
        "automations.steps": Text("Steps of automations"),
        "boards.compare": Text("Comparison of courses' figures"),
        "boards.figures": Text("Figures of courses"),
        "campaigns.bounces": Text("E-mail that came back"),
        "campaigns.doubt": Text("Messages in doubt"),
        "campaigns.drafts": Text("Deleted drafts"),
        "campaigns.early_reports": Text("Reports of carriers"),
        "campaigns.finish": Text("Campaigns that end"),
        "campaigns.notices": Text("Notices to staff"),
        "campaigns.refusals": Text("Opt-outs from carriers"),
        "campaigns.reports": Text("Reports of carriers"),
        "campaigns.send": Text("Campaigns that are sent"),
        "campaigns.sent_days": Text("Messages by day"),
        "campaigns.start": Text("Campaigns that begin"),
        "channels.templates": Text("SMS templates being approved"),
        "dashboard.figures": Text("Figures for the school's home"),
        "dashboard.make_up": Text("Make-up of people"),
        "dashboard.reached": Text("People reached"),
        "links.check": Text("Links of drafts"),
        "links.clicks": Text("Clicks"),
        "links.judge": Text("Clicks"),
        "profiles.consents": Text("Opt-outs for the school"),
        "profiles.events": Text("Events of the school"),
        "profiles.facts": Text("Facts about people"),
        "profiles.streams": Text("The school's data"),
        "segments.counts": Text("Counts of quick queries"),
        "segments.exports": Text("Exports"),
        "segments.files": Text("Files of exports"),
        "segments.pins": Text("Pinned quick queries"),
        "segments.tags": Text("Tags on many people"),
    },
    "stream": {
        "courses": Text("Courses and classes"),
        "persons": Text("People"),
        "enrolments": Text("Enrolments"),
        "orders": Text("Orders"),
        "signals": Text("Signals"),
    },
    "stream_state": {
        "new": Text("Not read yet"),
        "scanning": Text("Reading everything"),
        "current": Text("Up to date"),
        "failing": Text("Failing, will try again"),
        "stopped": Text("Stopped: needs a decision"),
    },
}
_SPOKEN = {("sync.not_waiting", "stream"): inside("stream")}
"""(code of an error, its parameter) → the words for it."""

WORDS = Words(TABLES | audit_words.TABLES, spoken=_SPOKEN)
"""What this room says."""
