"""The names of the home page's figures, alike on the page and on the school's own home."""

from collections.abc import Mapping

from crm_plugin.kernel.i18n import Text

FIGURES: Mapping[str, Text] = {
    "bulk": Text("Bulk sends"),
    "messages": Text("Messages handed over"),
    "reached": Text("People reached"),
    "click_rate": Text("Last click rate"),
    "everybody": Text("People"),
    "registered": Text("Newly registered"),
    "active": Text("Recently active"),
    "bought": Text("Ever bought"),
    "unpaid": Text("With unpaid orders"),
    "taken": Text("Paid, refunds taken off"),
}
