"""Words of boards: stages with their definitions, acts of interest, filters and their choices."""

from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.i18n import Words

_DAYS = {
    "7": Text("Last 7 days"),
    "30": Text("Last 30 days"),
    "90": Text("Last 90 days"),
    "180": Text("Last 180 days"),
}
_ACTS = {
    "view": Text("Viewed"),
    "trial": Text("Took a trial lesson"),
    "favourite": Text("Marked as favourite"),
    "audit": Text("Audited"),
    "coupon": Text("Took a coupon"),
    "closed_order": Text("Order closed unpaid"),
}
_LEFT = {"refund": Text("Refunded"), "removed": Text("Removed"), "left": Text("Left")}

TABLES: dict[str, dict[str, Text]] = {
    "stage": {
        "potential": Text("Potential", "stage"),
        "pending": Text("Unpaid", "stage"),
        "upcoming": Text("Upcoming", "stage"),
        "learners": Text("Learners", "stage"),
        "left": Text("Left", "stage"),
        "expired": Text("Access ran out", "stage"),
        "closed_unpaid": Text("Closed unpaid", "stage"),
    },
    "stage_definition": {
        "pending": Text("Has an unpaid order for it that is still open."),
        "upcoming": Text("Has a seat whose access begins later, and none that has begun."),
        "learners": Text(
            "Has a seat whose access has begun. Access that ran out is counted apart. Stalled: not finished, "
            "and slower than half the median pace of its learners."
        ),
        "left": Text("A seat ended by a refund, by removal or by leaving, and there is none now."),
        "expired": Text("Access to it ran out, and there is no seat now."),
        "closed_unpaid": Text(
            "Let an order for it close unpaid. No seat and no unpaid order now, and no purchase since."
        ),
    },
    "board_filter": {
        "act": Text("Act of interest"),
        "since": Text("When", "filter"),
        "where": Text("Where", "filter"),
        "level": Text("Intention set"),
        "waits": Text("Waits"),
        "closes": Text("Closes"),
        "progress": Text("Progress"),
        "idle": Text("Not learned"),
        "ends": Text("Access ends"),
        "how": Text("How it ended"),
        "left": Text("When", "filter"),
        "ran_out": Text("When", "filter"),
        "closed": Text("When", "filter"),
        "query": Text("Quick query"),
        "month": Text("Month"),
        "from": Text("Since"),
        "reason": Text("Reason"),
    },
    "act": _ACTS,
    "board_act": _ACTS,
    "board_since": _DAYS,
    "board_left": _DAYS,
    "board_ran_out": _DAYS,
    "board_closed": _DAYS,
    "board_how": _LEFT,
    "board_where": {"class": Text("In the class itself"), "courses": Text("In a course of it")},
    "board_level": {
        "unset": Text("Not set"),
        "none": Text("None"),
        "low": Text("Low"),
        "medium": Text("Medium"),
        "high": Text("High"),
        "won": Text("Won"),
        "lost": Text("Lost"),
    },
    "board_waits": {
        "1": Text("Over 1 day"),
        "3": Text("Over 3 days"),
        "7": Text("Over 7 days"),
    },
    "board_closes": {
        "1": Text("Within 1 hour"),
        "6": Text("Within 6 hours"),
        "24": Text("Within 24 hours"),
    },
    "board_progress": {
        "untouched": Text("Not begun"),
        "begun": Text("Under half"),
        "half": Text("Half to 80%"),
        "nearly": Text("80% and more"),
        "stalled": Text("Stalled"),
        "unfinished": Text("Not finished"),
        "finished": Text("Finished"),
    },
    "board_idle": {"7": Text("For 7 days"), "14": Text("For 14 days"), "30": Text("For 30 days")},
    "board_ends": {"14": Text("Within 14 days"), "30": Text("Within 30 days")},
    "course_status": {"draft": Text("Draft"), "published": Text("On offer"), "closed": Text("Closed")},
}

WORDS = Words(TABLES)
"""What this room says."""
