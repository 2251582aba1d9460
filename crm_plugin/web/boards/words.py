"""Words of courses and classes: stages, figures, states."""

from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.i18n import Words

TABLES: dict[str, dict[str, Text]] = {
    "course_state": {
        "published": Text("Published"),
        "draft": Text("Draft", "course"),
        "closed": Text("Closed", "course"),
        "gone": Text("Gone from the school"),
    },
    "figure": {
        "title": Text("Title"),
        "state": Text("State"),
        "potential": Text("Potential"),
        "pending": Text("Unpaid", "stage"),
        "upcoming": Text("Upcoming"),
        "learners": Text("Learners"),
        "left": Text("Left", "stage"),
        "expired": Text("Access ran out"),
        "closed_unpaid": Text("Closed unpaid"),
        "completion": Text("Finished", "share"),
        "revenue": Text("Revenue"),
        "refunded": Text("Refunded", "money"),
        "offsite_revenue": Text("Off-site"),
        "developable": Text("Developable"),
        "at_risk": Text("At risk"),
        "trend": Text("8 weeks"),
    },
    "figure_meaning": {
        "potential": Text("Showed interest lately, has no seat and no unpaid order"),
        "pending": Text("People with an unpaid order"),
        "upcoming": Text("People whose access begins later"),
        "learners": Text("People whose access has begun and not run out"),
        "left": Text("Refunded, removed or left, and no seat now"),
        "completion": Text("Share of learners, and of those whose access ran out, that completed it"),
        "revenue": Text("Paid minus refunded, without off-site orders and orders of amount 0"),
        "refunded": Text("Given back of orders that were paid here"),
        "offsite_revenue": Text("Paid minus refunded, of orders that were paid elsewhere"),
        "developable": Text("Lowest open price × potential people"),
        "at_risk": Text("Unpaid orders that are still open, and refunds that were asked for"),
        "trend": Text("New seats a week, up to this week"),
    },
}
WORDS = Words(TABLES)
