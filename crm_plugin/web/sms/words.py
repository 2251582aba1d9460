"""Words of SMS templates: their states, and why a carrier took none."""

from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.i18n import Words

TABLES: dict[str, dict[str, Text]] = {
    "template": {
        "draft": Text("Draft"),
        "submitted": Text("Submitted"),
        "approved": Text("Approved"),
        "rejected": Text("Rejected"),
    },
    "sms_trouble": {
        "carrier_unreachable": Text("there was no connection to the carrier"),
        "carrier_timeout": Text("no answer in time: check the carrier's console whether it arrived"),
        "carrier_lost": Text("the connection was lost: check the carrier's console whether it arrived"),
        "carrier_failed": Text("an error at the carrier: check its console whether it arrived"),
        "carrier_garbage": Text("the answer was not understood: check the carrier's console"),
        "carrier_throttled": Text("too many requests: try again in half a minute"),
        "carrier_limit": Text("a limit of the account was reached"),
        "carrier_balance": Text("the account has no balance"),
        "carrier_login": Text("the carrier does not accept our keys"),
        "carrier_template": Text("the carrier refused the text"),
        "carrier_signature": Text("the carrier does not know this signature"),
        "carrier_refused": Text("the carrier refused it"),
    },
}

WORDS = Words(TABLES)
"""What this room says."""
