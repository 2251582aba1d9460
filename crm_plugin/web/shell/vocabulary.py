"""Words for the names that capabilities use: states, reasons, kinds, channels."""

from collections.abc import Callable

from crm_plugin.campaigns.policy.rules import REASONS
from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.i18n import Text
from crm_plugin.segments.language.fields import FIELDS, RELATIONS, Field, Relation
from crm_plugin.web.shell.i18n import SPOKEN, locale, plain

TABLES: dict[str, dict[str, str]] = {
    "channel": {"sms": Text("SMS"), "email": Text("E-mail"), "message": Text("Private message")},
    "purpose": {"marketing": Text("Marketing"), "service": Text("Service")},
    "campaign": {
        "draft": Text("Draft"),
        "scheduled": Text("Scheduled"),
        "freezing": Text("Preparing"),
        "sending": Text("Sending"),
        "paused": Text("Paused"),
        "finished": Text("Finished"),
        "cancelled": Text("Cancelled"),
        "held": Text("Held"),
    },
    "delivery": {
        "considered": Text("Considered"),
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
        "quiet_hours": Text("Quiet hours of the recipient"),
        "late": Text("Planned time has passed"),
        "copied": Text("Copied or moved installation"),
        "stale_data": Text("The school's data are too old"),
        "carrier_failing": Text("Too many failures of the carrier"),
        "settle_failed": Text("The carrier's answers could not be written down"),
        "campaign.unknown_template": Text("Its SMS template is gone"),
        "campaign.template_not_approved": Text("Its SMS template is not approved any more"),
        "content.no_value": Text("Lacks a word of the text"),
        "content.render_failed": Text("The text could not be filled in"),
        "channel.bad_address": Text("The address cannot be written to"),
        "by_hand": Text("Paused by hand"),
        "lapsed": Text("The worker died before it could tell"),
        "bad_number": Text("Not a number that can be written to"),
        "blocked_number": Text("The carrier blocks this number"),
        "bad_value": Text("The carrier refused a value of the text"),
        "number_limit": Text("Too many messages to this number"),
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
        "carrier_garbage": Text("The carrier's answer made no sense"),
        "smtp_unreachable": Text("No connection to the mail server"),
        "smtp_login": Text("The mail server does not accept our login"),
        "smtp_connection_lost": Text("The connection to the mail server was lost"),
        "no_email": Text("No e-mail address"),
        "bad_address": Text("The address cannot be written to"),
        "host_failed": Text("The school could not take the message"),
        "rejected": Text("Refused"),
        "bounce": Text("Came back"),
        "complaint": Text("Marked as spam"),
    },
    "stopped": {
        "bounce": Text("Came back"),
        "complaint": Text("Marked as spam"),
        "manual": Text("Blocked by staff"),
        "opt_out": Text("Opted out"),
    },
    "bounce": {
        "hard": Text("Address does not exist"),
        "soft": Text("Not reachable now"),
        "refused": Text("Message refused"),
        "complaint": Text("Marked as spam"),
    },
    "gender": {"female": Text("Female"), "male": Text("Male")},
    "person": {
        "active": Text("Active"),
        "suspended": Text("Suspended"),
        "unconfirmed": Text("Unconfirmed"),
        "erased": Text("Erased"),
    },
    "order": {
        "pending": Text("Unpaid"),
        "paid": Text("Paid"),
        "closed": Text("Closed"),
        "refunding": Text("Refund asked"),
        "refunded": Text("Refunded"),
        "partly_refunded": Text("Partly refunded"),
    },
    "enrolment": {
        "active": Text("Active"),
        "suspended": Text("Suspended"),
        "pending": Text("Pending"),
        "ended": Text("Ended"),
    },
    "role": {
        "learner": Text("Learner"),
        "auditor": Text("Auditor"),
        "assistant": Text("Assistant"),
        "teacher": Text("Teacher"),
        "staff": Text("Staff"),
        "admin": Text("Administrator"),
    },
    "course": {"course": Text("Course"), "class": Text("Class"), "open": Text("Open course")},
    "signal": {
        "login": Text("Signed in"),
        "view": Text("Viewed"),
        "visit": Text("Last visit"),
        "trial": Text("Took a trial lesson"),
        "favourite": Text("Marked as favourite"),
        "audit": Text("Audited"),
        "question": Text("Asked a question"),
        "review": Text("Wrote a review"),
        "coupon": Text("Took a coupon"),
        "learn": Text("Learned"),
        "enrolled": Text("Enrolled"),
        "bought": Text("Bought"),
        "ordered": Text("Ordered"),
        "paid": Text("Paid for"),
        "refunded": Text("Was refunded"),
        "completed": Text("Completed"),
        "ended": Text("Left or ended"),
        "message": Text("Got a message"),
        "clicked": Text("Clicked a link"),
    },
    "timeline": {
        "purchases": Text("Purchases"),
        "learning": Text("Learning"),
        "signals": Text("Signals"),
        "campaigns": Text("Campaigns"),
        "clicks": Text("Clicks"),
        "notes": Text("Calls and notes"),
    },
    "intention": {
        "none": Text("None"),
        "low": Text("Low"),
        "medium": Text("Medium"),
        "high": Text("High"),
        "won": Text("Won"),
        "lost": Text("Lost"),
    },
    "follow_up": {
        "call": Text("Call"),
        "visit": Text("Visit"),
        "message": Text("Message"),
        "note": Text("Note"),
        "other": Text("Other"),
    },
    "enrolment_source": {
        "purchase": Text("Bought"),
        "free": Text("Free of charge"),
        "import": Text("Imported"),
        "membership": Text("By membership"),
        "class": Text("Through a class"),
        "other": Text("Other"),
    },
    "end_kind": {
        "refund": Text("Refunded"),
        "removed": Text("Removed"),
        "left": Text("Left"),
        "expired": Text("Expired"),
    },
    "consent": {"granted": Text("Agreed"), "denied": Text("Refused"), "unknown": Text("Not asked")},
    "block": {
        "opt_out": Text("opted out"),
        "bounce": Text("messages bounced"),
        "complaint": Text("complained"),
        "manual": Text("by hand"),
    },
    "origin": {"host": Text("told by the school"), "own": Text("told to the CRM")},
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
        "stopped": Text("Stopped: needs a person"),
    },
    "template": {
        "draft": Text("Draft"),
        "submitted": Text("Submitted"),
        "approved": Text("Approved"),
        "rejected": Text("Rejected"),
    },
    "sms_trouble": {
        "carrier_unreachable": Text("there was no connection to the carrier"),
        "carrier_timeout": Text("no answer in time: look at the carrier's console whether it arrived"),
        "carrier_lost": Text("the connection was lost: look at the carrier's console whether it arrived"),
        "carrier_failed": Text("an error of the carrier: look at its console whether it arrived"),
        "carrier_garbage": Text("an answer that makes no sense: look at the carrier's console"),
        "carrier_throttled": Text("too many requests: try again in half a minute"),
        "carrier_limit": Text("a limit of the account was reached"),
        "carrier_balance": Text("the account has no balance"),
        "carrier_login": Text("the carrier does not accept our keys"),
        "carrier_template": Text("the carrier refused the text"),
        "carrier_signature": Text("the carrier does not know this signature"),
        "carrier_refused": Text("the carrier refused it"),
    },
    "asked_problem": {
        "segment": Text("The search can no longer be understood"),
        "access": Text("A permission was missing"),
        "tag": Text("They have become too many people"),
        "export": Text("They have become too many people"),
    },
    "tagging": {
        "waiting": Text("Waits for a worker"),
        "running": Text("Under way"),
        "done": Text("Done"),
        "failed": Text("Failed"),
    },
    "export": {
        "waiting": Text("Waits for a worker"),
        "running": Text("Being written"),
        "done": Text("Ready"),
        "failed": Text("Failed"),
    },
}


FAMILIES = {
    "segment": Text("Its audience or goal names a search, field or course that is gone or was changed"),
    "content": Text("Its text cannot be sent as it is"),
    "sms": Text("The carrier does not take its SMS template as it is"),
    "link": Text("An address in its text may not be linked to"),
    "channel": Text("The carrier is not there any more"),
    "settings": Text("A setting of the carrier is wrong or missing"),
}
"""How the code of an error begins that stopped a campaign → why, in words."""


def word(table: str, name: str | None) -> str:
    """Return the words for a name; an unknown name (a carrier's own reason) as it is."""
    if name is None:
        return "–"
    text = TABLES[table].get(name)
    if text is None and table == "reason":
        return _refusal(name)
    if text is None and table == "channel" and name in CHANNELS:
        return CHANNELS[name].label.of(locale())
    return name if text is None else plain(text)


def asked_problem(code: str) -> str:
    """Return why a worker could not do what was asked; of the error only the code was kept."""
    area = code.partition(".")[0]
    return word("asked_problem", area) if area in TABLES["asked_problem"] else code


def _refusal(name: str) -> str:
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


_ABOUT_FIELDS = (
    *("bad_value", "unknown_operator", "field_not_offered"),
    *("needs_contacts", "needs_money"),
)


def _by(table: str) -> Callable[[str], str]:
    """Return what puts names, joined by commas, into words as they stand inside a sentence."""
    return lambda names: ", ".join(word(table, name).lower() for name in names.split(", "))


def _field(name: str) -> str:
    """Return the label of a field of searches; another name as it is."""
    related = [relation.fields.get(name) for _name, relation in RELATIONS.items()]
    known: list[Field | Relation | None] = [FIELDS.get(name), RELATIONS.get(name), *related]
    labels = [one.label for one in known if one is not None]
    return labels[0].of(locale()) if labels else name


SPOKEN.update({("segment." + code, "field"): _field for code in _ABOUT_FIELDS})
SPOKEN.update(
    {
        ("campaign.bad_state", "state"): _by("campaign"),
        ("campaign.single_excluded", "reason"): _by("reason"),
        ("campaign.data_unread", "streams"): _by("stream"),
        ("campaign.template_not_approved", "state"): _by("template"),
        ("sync.not_waiting", "stream"): _by("stream"),
    }
)
