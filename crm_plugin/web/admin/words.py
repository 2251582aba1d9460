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
