"""Words for the names that capabilities use: states, reasons, kinds, channels."""

from crm_plugin.channels.registry import CHANNELS
from crm_plugin.web.i18n import locale, mark, plain

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
        "holdout": mark("Kept back for comparison"),
        "left_out": mark("Marketed to recently"),
        "cap": mark("Reached the cap of messages"),
        "duplicate": mark("Same address as another person"),
        "goal": mark("Goal already reached"),
        "expired": mark("Expired before it could be sent"),
        "quiet_hours": mark("Quiet hours of the recipient"),
        "late_start": mark("Planned time has passed"),
        "copied": mark("Copied or moved installation"),
        "stale_data": mark("The school's data are too old"),
        "failures": mark("Too many failures in a row"),
    },
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
    "language": {"en": mark("English"), "zh": mark("Chinese")},
}


def word(table: str, name: str | None) -> str:
    """Return the words for a name; an unknown name (a carrier's own reason) as it is."""
    if name is None:
        return "–"
    text = TABLES[table].get(name)
    if text is None and table == "channel" and name in CHANNELS:
        return CHANNELS[name].label[locale() == "zh"]
    return name if text is None else plain(text)
