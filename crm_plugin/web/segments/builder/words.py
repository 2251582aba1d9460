"""How a marketer reads the operators, units and match modes of the filter language."""

from crm_plugin.web.shell.i18n import mark

_KNOWN = {"notNull": mark("is known"), "null": mark("is not known")}
_EQUAL = {"=": mark("is"), "!=": mark("is not")}
_LISTS = {"in": mark("is any of"), "notIn": mark("is none of")}
_ORDER = {
    ">=": mark("is at least"),
    "<=": mark("is at most"),
    ">": mark("is more than"),
    "<": mark("is less than"),
    "between": mark("is between"),
    "notBetween": mark("is not between"),
}
_TIME = {
    "inLast": mark("in the last"),
    "olderThan": mark("longer ago than"),
    "inNext": mark("in the next"),
    "<": mark("before"),
    ">=": mark("on or after"),
    "=": mark("on"),
    "between": mark("between"),
    "anniversaryInNext": mark("has its anniversary in the next"),
    "null": mark("never, or not known"),
    "notNull": mark("ever"),
}
_NUMBERS = {">=": _ORDER[">="], **_EQUAL, **_ORDER, **_KNOWN}

OPERATORS: dict[str, dict[str, str]] = {
    "text": {
        "contains": mark("contains"),
        "doesNotContain": mark("does not contain"),
        **_EQUAL,
        "beginsWith": mark("begins with"),
        "endsWith": mark("ends with"),
        **_LISTS,
        **_KNOWN,
    },
    "code": {**_EQUAL, **_LISTS, **_KNOWN},
    "keys": {"in": mark("is any of"), "notIn": mark("is none of"), **_KNOWN},
    "set": {
        "contains": mark("has"),
        "doesNotContain": mark("has not"),
        "in": mark("has any of"),
        "notIn": mark("has none of"),
        "null": mark("is empty"),
        "notNull": mark("is not empty"),
    },
    "flag": {"=": mark("is"), **_KNOWN},
    "number": _NUMBERS,
    "fraction": _NUMBERS,
    "money": _NUMBERS,
    "instant": _TIME,
    "day": {"anniversaryInNext": _TIME["anniversaryInNext"], **_TIME, **_KNOWN},
    "segment": {"=": mark("includes the person"), "!=": mark("does not include the person")},
}
"""Kind of value → operators in the order of the menu, the commonest first, with their words."""

UNITS = {
    "minute": mark("minutes"),
    "hour": mark("hours"),
    "day": mark("days"),
    "week": mark("weeks"),
    "month": mark("months"),
    "year": mark("years"),
}
LONG_UNITS = ("day", "week", "month", "year")
"""Units that days and anniversaries take."""

MODES = {
    "some": mark("at least one"),
    "none": mark("none"),
    "atLeast": mark("at least"),
    "atMost": mark("at most"),
    "exactly": mark("exactly"),
    "all": mark("all of them"),
}
COUNTED = ("atLeast", "atMost", "exactly")

COMBINE = {
    "all": mark("all of these"),
    "any": mark("any of these"),
    "none": mark("none of these"),
    "notall": mark("not all of these"),
}
AGGREGATES = {
    "sum": mark("%(rows)s: total of %(column)s"),
    "avg": mark("%(rows)s: average of %(column)s"),
    "min": mark("%(rows)s: smallest %(column)s"),
    "max": mark("%(rows)s: largest %(column)s"),
    "distinct": mark("%(rows)s: number of different %(column)s"),
}
