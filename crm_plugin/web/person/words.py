"""Words of what the school and staff say about a person."""

from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.i18n import Words

TABLES: dict[str, dict[str, Text]] = {
    "person": {
        "active": Text("Active"),
        "suspended": Text("Suspended"),
        "unconfirmed": Text("Unconfirmed"),
        "erased": Text("Erased"),
    },
    "gender": {"female": Text("Female"), "male": Text("Male")},
    "role": {
        "learner": Text("Learner"),
        "auditor": Text("Auditor"),
        "assistant": Text("Assistant"),
        "teacher": Text("Teacher"),
        "staff": Text("Staff"),
        "admin": Text("Administrator"),
    },
    "course": {"course": Text("Course"), "class": Text("Class"), "open": Text("Open course")},
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
    "consent": {"granted": Text("Agreed"), "denied": Text("Refused"), "unknown": Text("Not asked")},
    "block": {
        "opt_out": Text("opted out"),
        "bounce": Text("messages bounced"),
        "complaint": Text("complained"),
        "manual": Text("by hand"),
    },
    "origin": {"host": Text("from the school"), "own": Text("from the CRM")},
}

WORDS = Words(TABLES)
"""What this room says."""
