"""How a marketer reads the operators, units and match modes of the filter language."""

from crm_plugin.kernel.i18n import Text

_KNOWN = {"notNull": Text("is known"), "null": Text("is not known")}
_EQUAL = {"=": Text("is"), "!=": Text("is not")}
_LISTS = {"in": Text("is any of"), "notIn": Text("is none of")}
_ORDER = {
    ">=": Text("is at least"),
    "<=": Text("is at most"),
    ">": Text("is more than"),
    "<": Text("is less than"),
    "between": Text("is between"),
    "notBetween": Text("is not between"),
}
_TIME = {
    "inLast": Text("in the last"),
    "olderThan": Text("longer ago than"),
    "inNext": Text("in the next"),
    "<": Text("before"),
    ">=": Text("on or after"),
    "=": Text("on"),
    "between": Text("between"),
    "anniversaryInNext": Text("has its anniversary in the next"),
    "null": Text("never, or not known"),
    "notNull": Text("ever"),
}
_NUMBERS = {">=": _ORDER[">="], **_EQUAL, **_ORDER, **_KNOWN}

OPERATORS: dict[str, dict[str, Text]] = {
    "text": {
        "contains": Text("contains"),
        "doesNotContain": Text("does not contain"),
        **_EQUAL,
        "beginsWith": Text("begins with"),
        "endsWith": Text("ends with"),
        **_LISTS,
        **_KNOWN,
    },
    "choice": {**_EQUAL, **_LISTS, **_KNOWN},
    "code": {**_EQUAL, **_LISTS, **_KNOWN},
    "keys": {"in": Text("is any of"), "notIn": Text("is none of"), **_KNOWN},
    "set": {
        "contains": Text("has"),
        "doesNotContain": Text("has not"),
        "in": Text("has any of"),
        "notIn": Text("has none of"),
        "null": Text("is empty"),
        "notNull": Text("is not empty"),
    },
    "flag": {"=": Text("is"), **_KNOWN},
    "number": _NUMBERS,
    "fraction": _NUMBERS,
    "money": _NUMBERS,
    "instant": _TIME,
    "day": {"anniversaryInNext": _TIME["anniversaryInNext"], **_TIME, **_KNOWN},
    "segment": {"=": Text("includes the person"), "!=": Text("does not include the person")},
}
"""Kind of value → operators in the order of the menu, the commonest first, with their words."""

REFUSED = {
    "contains": Text("contains"),
    "doesNotContain": Text("does not contain"),
    "beginsWith": Text("begins with"),
    "endsWith": Text("ends with"),
}
"""Comparisons that a field may have taken before; others are shown as they are written."""

UNITS = {
    "minute": Text("minutes"),
    "hour": Text("hours"),
    "day": Text("days"),
    "week": Text("weeks"),
    "month": Text("months"),
    "year": Text("years"),
}
LONG_UNITS = ("day", "week", "month", "year")
"""Units that days and anniversaries take."""

MODES = {
    "some": Text("at least one"),
    "none": Text("none"),
    "atLeast": Text("at least"),
    "atMost": Text("at most"),
    "exactly": Text("exactly"),
    "all": Text("all of them"),
}
COUNTED = ("atLeast", "atMost", "exactly")

COMBINE = {
    "all": Text("all of these"),
    "any": Text("any of these"),
    "none": Text("none of these"),
    "notall": Text("not all of these"),
}
AGGREGATES = {
    "sum": Text("%(rows)s: total of %(column)s"),
    "avg": Text("%(rows)s: average of %(column)s"),
    "min": Text("%(rows)s: smallest %(column)s"),
    "max": Text("%(rows)s: largest %(column)s"),
    "distinct": Text("%(rows)s: number of different %(column)s"),
}
