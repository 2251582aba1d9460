"""Words of campaigns and of their messages: states, reasons, what a carrier refused."""

from crm_plugin.campaigns.policy.rules import REASONS
from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.i18n import Words, plain
from crm_plugin.web.shell.vocabulary import inside

TABLES: dict[str, dict[str, Text]] = {
    "campaign": {
        "draft": Text("Draft"),
        "scheduled": Text("Scheduled"),
        "freezing": Text("Preparing"),
        "sending": Text("Sending"),
        "paused": Text("Paused"),
        "finished": Text("Finished"),
        "cancelled": Text("Cancelled"),
        "held": Text("Held"),
        "repeating": Text("Repeating"),
    },
    "delivery": {
        "considered": Text("Audience size"),
        "excluded": Text("Left out"),
        "pending": Text("To be sent"),
        "waiting": Text("Waiting"),
        "leased": Text("Being prepared"),
        "sending": Text("Being sent"),
        "sent": Text("Sent"),
        "delivered": Text("Delivered"),
        "failed_transient": Text("Failed for now"),
        "failed_permanent": Text("Failed"),
        "unknown": Text("Unknown"),
        "cancelled": Text("Cancelled"),
    },
    "reason": {
        **{one.key: one.label for one in REASONS},
        "quiet_hours": Text("The recipient's quiet hours"),
        "late": Text("Planned time has passed"),
        "copied": Text("Copied or moved installation"),
        "stale_data": Text("The school's data are too old"),
        "events_waiting": Text("What the school reported could not be read"),
        "carrier_failing": Text("Too many failures of the carrier"),
        "refused_alike": Text("Many messages in a row were refused for the same reason"),
        "bounced_alike": Text("Many messages came back for the same reason"),
        "reported_alike": Text("Many messages were not delivered, all for the same reason"),
        "settle_failed": Text("The carrier's answers could not be saved"),
        "campaign.unknown_template": Text("Its SMS template is gone"),
        "campaign.template_not_approved": Text("Its SMS template is not approved any more"),
        "content.no_value": Text("A blank of the text is empty"),
        "content.render_failed": Text("The text could not be filled in"),
        "channel.bad_address": Text("The address is not valid"),
        "by_hand": Text("Paused by hand"),
        "parent": Text("What made it is paused"),
        "lapsed": Text("Sending stopped before the result was known"),
        "bad_number": Text("Not a valid number"),
        "opted_out": Text("Opted out at the carrier"),
        "blocked_number": Text("The carrier blocks this number"),
        "bad_value": Text("The carrier refused a value of the text"),
        "number_limit": Text("Too many messages to this number"),
        "no_route": Text("The carrier's account may not send to this country"),
        "carrier_hours": Text("The carrier takes no marketing at this hour"),
        "carrier_throttled": Text("Too many requests at the carrier"),
        "carrier_limit": Text("A limit of the carrier's account was reached"),
        "carrier_balance": Text("The carrier's account has no balance"),
        "carrier_login": Text("The carrier does not accept our keys"),
        "carrier_template": Text("The carrier does not know the template"),
        "carrier_signature": Text("The carrier does not know the signature"),
        "carrier_refused": Text("The carrier refused"),
        "carrier_unreachable": Text("No connection to the carrier"),
        "carrier_timeout": Text("The carrier did not answer in time"),
        "carrier_lost": Text("The connection to the carrier was lost"),
        "carrier_failed": Text("An error at the carrier"),
        "carrier_garbage": Text("The carrier's answer was not understood"),
        "smtp_unreachable": Text("No connection to the mail server"),
        "smtp_login": Text("The mail server does not accept our login"),
        "smtp_connection_lost": Text("The connection to the mail server was lost"),
        "no_email": Text("No e-mail address"),
        "bad_address": Text("The address is not valid"),
        "host_failed": Text("The school did not accept the message"),
        "rejected": Text("Refused"),
        "bounce": Text("Came back"),
        "complaint": Text("Marked as spam"),
    },
}


FAMILIES = {
    "segment": Text("Its audience or goal uses a quick query, field or course that is gone or was changed"),
    "content": Text("Its text cannot be sent as it is"),
    "sms": Text("The carrier does not accept its SMS template"),
    "link": Text("An address in its text cannot be a link"),
    "channel": Text("The carrier no longer exists"),
    "settings": Text("A setting of the carrier is wrong or missing"),
}
"""How the code of an error begins that stopped a campaign → why, in words."""


def refusal(name: str) -> str:
    """Return a refusal in words with what the carrier itself said: ``bounce_5.1.1``, ``code:own``.

    The code of an error becomes the words of its family.
    """
    family, dot, _ = name.partition(".")
    if dot and family in FAMILIES:
        return plain(FAMILIES[family])
    for joint in (":", "_"):
        known, between, own = name.partition(joint)
        if between and known in TABLES["reason"]:
            return f"{plain(TABLES['reason'][known])} ({own})"
    return name


_SPOKEN = {
    ("campaign.bad_state", "state"): inside("campaign"),
    ("campaign.single_excluded", "reason"): inside("reason"),
    ("campaign.data_unread", "streams"): inside("stream"),
    ("campaign.template_not_approved", "state"): inside("template"),
}
"""(code of an error, its parameter) → the words for it."""

WORDS = Words(TABLES, others={"reason": refusal}, spoken=_SPOKEN)
"""What this room says."""
