"""Words for the names that capabilities use: states, reasons, kinds, channels."""

from collections.abc import Callable

from crm_plugin.channels.registry import CHANNELS
from crm_plugin.segments.language.fields import FIELDS, RELATIONS, Field, Relation
from crm_plugin.web.shell.i18n import SPOKEN, locale, mark, plain

TABLES: dict[str, dict[str, str]] = {
    "channel": {"sms": mark("SMS"), "email": mark("E-mail"), "message": mark("Private message")},
    "purpose": {"marketing": mark("Marketing"), "service": mark("Service")},
    "campaign": {
        "draft": mark("Draft"),
        "scheduled": mark("Scheduled"),
        "freezing": mark("Preparing"),
        "sending": mark("Sending"),
        "paused": mark("Paused"),
        "finished": mark("Finished"),
        "cancelled": mark("Cancelled"),
        "held": mark("Held"),
    },
    "delivery": {
        "considered": mark("Considered"),
        "excluded": mark("Left out"),
        "pending": mark("To be sent"),
        "waiting": mark("Waiting"),
        "leased": mark("Being prepared"),
        "sending": mark("Being sent"),
        "sent": mark("Sent"),
        "delivered": mark("Delivered"),
        "failed_transient": mark("Failed for now"),
        "failed_permanent": mark("Failed"),
        "unknown": mark("Unknown"),
        "cancelled": mark("Cancelled"),
    },
    "reason": {
        "status": mark("Account not active"),
        "staff": mark("Staff of the school"),
        "no_address": mark("No address for this channel"),
        "suppressed": mark("Opted out or address blocked"),
        "no_consent": mark("No consent to marketing"),
        "topic": mark("Opted out of the topic"),
        "holdout": mark("Kept back for comparison"),
        "left_out": mark("Marketed to recently"),
        "cap": mark("Reached the cap of messages"),
        "duplicate": mark("Same address as another person"),
        "goal": mark("Goal already reached"),
        "expired": mark("Expired before it could be sent"),
        "quiet_hours": mark("Quiet hours of the recipient"),
        "late": mark("Planned time has passed"),
        "copied": mark("Copied or moved installation"),
        "stale_data": mark("The school's data are too old"),
        "carrier_failing": mark("Too many failures of the carrier"),
        "settle_failed": mark("The carrier's answers could not be written down"),
        "campaign.unknown_template": mark("Its SMS template is gone"),
        "campaign.template_not_approved": mark("Its SMS template is not approved any more"),
        "no_value": mark("Lacks a word of the text"),
        "content.no_value": mark("Lacks a word of the text"),
        "content.render_failed": mark("The text could not be filled in"),
        "channel.bad_address": mark("The address cannot be written to"),
        "by_hand": mark("Paused by hand"),
        "lapsed": mark("The worker died before it could tell"),
        "bad_number": mark("Not a number that can be written to"),
        "blocked_number": mark("The carrier blocks this number"),
        "bad_value": mark("The carrier refused a value of the text"),
        "number_limit": mark("Too many messages to this number"),
        "carrier_throttled": mark("Too many requests at the carrier"),
        "carrier_limit": mark("A limit of the carrier's account was reached"),
        "carrier_balance": mark("The carrier's account has no balance"),
        "carrier_login": mark("The carrier does not accept our keys"),
        "carrier_template": mark("The carrier does not know the template"),
        "carrier_signature": mark("The carrier does not know the signature"),
        "carrier_refused": mark("The carrier refused"),
        "carrier_unreachable": mark("No connection to the carrier"),
        "carrier_timeout": mark("The carrier did not answer in time"),
        "carrier_lost": mark("The connection to the carrier was lost"),
        "carrier_failed": mark("An error at the carrier"),
        "carrier_garbage": mark("The carrier's answer made no sense"),
        "smtp_unreachable": mark("No connection to the mail server"),
        "smtp_login": mark("The mail server does not accept our login"),
        "smtp_connection_lost": mark("The connection to the mail server was lost"),
        "no_email": mark("No e-mail address"),
        "bad_address": mark("The address cannot be written to"),
        "host_failed": mark("The school could not take the message"),
        "rejected": mark("Refused"),
        "bounce": mark("Came back"),
        "complaint": mark("Marked as spam"),
    },
    "stopped": {
        "bounce": mark("Came back"),
        "complaint": mark("Marked as spam"),
        "manual": mark("Blocked by staff"),
        "opt_out": mark("Opted out"),
    },
    "bounce": {
        "hard": mark("Address does not exist"),
        "soft": mark("Not reachable now"),
        "refused": mark("Message refused"),
        "complaint": mark("Marked as spam"),
    },
    "gender": {"female": mark("Female"), "male": mark("Male")},
    "person": {
        "active": mark("Active"),
        "suspended": mark("Suspended"),
        "unconfirmed": mark("Unconfirmed"),
        "erased": mark("Erased"),
    },
    "order": {
        "pending": mark("Unpaid"),
        "paid": mark("Paid"),
        "closed": mark("Closed"),
        "refunding": mark("Refund asked"),
        "refunded": mark("Refunded"),
        "partly_refunded": mark("Partly refunded"),
    },
    "enrolment": {
        "active": mark("Active"),
        "suspended": mark("Suspended"),
        "pending": mark("Pending"),
        "ended": mark("Ended"),
    },
    "role": {
        "learner": mark("Learner"),
        "auditor": mark("Auditor"),
        "assistant": mark("Assistant"),
        "teacher": mark("Teacher"),
        "staff": mark("Staff"),
        "admin": mark("Administrator"),
    },
    "course": {"course": mark("Course"), "class": mark("Class"), "open": mark("Open course")},
    "signal": {
        "login": mark("Signed in"),
        "view": mark("Viewed"),
        "visit": mark("Last visit"),
        "trial": mark("Took a trial lesson"),
        "favourite": mark("Marked as favourite"),
        "audit": mark("Audited"),
        "question": mark("Asked a question"),
        "review": mark("Wrote a review"),
        "coupon": mark("Took a coupon"),
        "learn": mark("Learned"),
        "enrolled": mark("Enrolled"),
        "bought": mark("Bought"),
        "ordered": mark("Ordered"),
        "paid": mark("Paid for"),
        "refunded": mark("Was refunded"),
        "completed": mark("Completed"),
        "ended": mark("Left or ended"),
        "message": mark("Got a message"),
        "clicked": mark("Clicked a link"),
    },
    "timeline": {
        "purchases": mark("Purchases"),
        "learning": mark("Learning"),
        "signals": mark("Signals"),
        "campaigns": mark("Campaigns"),
        "clicks": mark("Clicks"),
        "notes": mark("Calls and notes"),
    },
    "intention": {
        "none": mark("None"),
        "low": mark("Low"),
        "medium": mark("Medium"),
        "high": mark("High"),
        "won": mark("Won"),
        "lost": mark("Lost"),
    },
    "follow_up": {
        "call": mark("Call"),
        "visit": mark("Visit"),
        "message": mark("Message"),
        "note": mark("Note"),
        "other": mark("Other"),
    },
    "enrolment_source": {
        "purchase": mark("Bought"),
        "free": mark("Free of charge"),
        "import": mark("Imported"),
        "membership": mark("By membership"),
        "class": mark("Through a class"),
        "other": mark("Other"),
    },
    "end_kind": {
        "refund": mark("Refunded"),
        "removed": mark("Removed"),
        "left": mark("Left"),
        "expired": mark("Expired"),
    },
    "consent": {"granted": mark("Agreed"), "denied": mark("Refused"), "unknown": mark("Not asked")},
    "block": {
        "opt_out": mark("opted out"),
        "bounce": mark("messages bounced"),
        "complaint": mark("complained"),
        "manual": mark("by hand"),
    },
    "origin": {"host": mark("told by the school"), "own": mark("told to the CRM")},
    "stream": {
        "courses": mark("Courses and classes"),
        "persons": mark("People"),
        "enrolments": mark("Enrolments"),
        "orders": mark("Orders"),
        "signals": mark("Signals"),
    },
    "stream_state": {
        "new": mark("Not read yet"),
        "scanning": mark("Reading everything"),
        "current": mark("Up to date"),
        "failing": mark("Failing, will try again"),
        "stopped": mark("Stopped: needs a person"),
    },
    "template": {
        "draft": mark("Draft"),
        "submitted": mark("Submitted"),
        "approved": mark("Approved"),
        "rejected": mark("Rejected"),
    },
    "sms_trouble": {
        "carrier_unreachable": mark("there was no connection to the carrier"),
        "carrier_timeout": mark("no answer in time: look at the carrier's console whether it arrived"),
        "carrier_lost": mark("the connection was lost: look at the carrier's console whether it arrived"),
        "carrier_failed": mark("an error of the carrier: look at its console whether it arrived"),
        "carrier_garbage": mark("an answer that makes no sense: look at the carrier's console"),
        "carrier_throttled": mark("too many requests: try again in half a minute"),
        "carrier_limit": mark("a limit of the account was reached"),
        "carrier_balance": mark("the account has no balance"),
        "carrier_login": mark("the carrier does not accept our keys"),
        "carrier_template": mark("the carrier refused the text"),
        "carrier_signature": mark("the carrier does not know this signature"),
        "carrier_refused": mark("the carrier refused it"),
    },
    "asked_problem": {
        "segment": mark("The search can no longer be understood"),
        "access": mark("A permission was missing"),
        "tag": mark("They have become too many people"),
        "export": mark("They have become too many people"),
    },
    "tagging": {
        "waiting": mark("Waits for a worker"),
        "running": mark("Under way"),
        "done": mark("Done"),
        "failed": mark("Failed"),
    },
    "export": {
        "waiting": mark("Waits for a worker"),
        "running": mark("Being written"),
        "done": mark("Ready"),
        "failed": mark("Failed"),
    },
    "language": {"en": mark("English"), "zh": mark("Chinese")},
}


FAMILIES = {
    "segment": mark("Its audience or goal names a search, field or course that is gone or was changed"),
    "content": mark("Its text cannot be sent as it is"),
    "sms": mark("The carrier does not take its SMS template as it is"),
    "link": mark("An address in its text may not be linked to"),
    "channel": mark("The carrier is not there any more"),
    "settings": mark("A setting of the carrier is wrong or missing"),
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
        return CHANNELS[name].label[locale() == "zh"]
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
