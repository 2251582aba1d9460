"""Words of the home page: names of charts and slices, and the definition beside each number."""

from decimal import Decimal

from crm_plugin.dashboard.names import FIGURES
from crm_plugin.dashboard.slices import Slice
from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell import formatting
from crm_plugin.web.shell.i18n import Words, say

WORDS = Words(
    {
        "home_chart": {
            "sign_in": Text("Last sign-in"),
            "purchases": Text("Purchases"),
            "spend": Text("Spend"),
            "activity": Text("Activity of members"),
            "completion": Text("Progress in courses"),
        },
        "home_definition": {
            "sign_in": Text("Everybody, by the day of their last sign-in."),
            "purchases": Text("Everybody, by the number of paid orders; free ones do not count."),
            "spend": Text("Everybody, by what they paid in the school's currency, refunds not taken off."),
            "activity": Text("Members, by the day on which they were last active."),
            "completion": Text("Learners with a seat now, by the course that they are furthest in."),
        },
        "home_figure": FIGURES,
    }
)
_PLAIN = {
    "never": Text("Never", "sign-in or activity"),
    "nothing": Text("Nothing", "spent"),
    "not_begun": Text("Not begun", "courses"),
    "finished": Text("Finished a course"),
}


def slice_name(one: Slice, currency: str) -> str:
    """Return the name of a slice, such as ``8–30 days ago``."""
    if one.kind in _PLAIN:
        return say(_PLAIN[one.kind])
    return _NAMES[one.kind](one, currency)


def _within(one: Slice, _currency: str) -> str:
    return say("Last %(days)s days", days=formatting.number(one.high))


def _ago(one: Slice, _currency: str) -> str:
    return say(
        "%(range)s days ago", range=_range(formatting.number(one.low + 1), formatting.number(one.high))
    )


def _older(one: Slice, _currency: str) -> str:
    return say("More than %(days)s days ago", days=formatting.number(one.low))


def _number(one: Slice, _currency: str) -> str:
    if one.high is None:
        return say("%(number)s and more", number=formatting.number(one.low))
    low, high = formatting.number(one.low), formatting.number(one.high - 1)
    return low if low == high else _range(low, high)


def _amount(one: Slice, currency: str) -> str:
    low, high = (formatting.whole_money(Decimal(n or 0), currency) for n in (one.low, one.high))
    if one.high is None:
        return say("%(number)s and more", number=low)
    return _range(low, high) if one.low else say("Under %(amount)s", amount=high)


def _progress(one: Slice, _currency: str) -> str:
    low, high = (formatting.percent(n or 0, 100) for n in (one.low, one.high))
    return _range(low, high) if one.low else say("Under %(amount)s", amount=high)


def _range(low: str, high: str) -> str:
    return f"{low}–{high}"


_NAMES = {
    "within": _within,
    "ago": _ago,
    "older": _older,
    "number": _number,
    "amount": _amount,
    "progress": _progress,
}
