"""The words that conditions are put into."""

from crm_plugin.kernel.i18n import Text

PHRASES: dict[str, Text] = {
    "everybody": Text("everybody"),
    "nobody": Text("nobody"),
    "people": Text("People matching: {condition}"),
    "and": Text(" and ", "condition"),
    "or": Text(" or ", "condition"),
    "not": Text("not ({condition})"),
    "all_of": Text("all of these:"),
    "any_of": Text("any of these:"),
    "none_of": Text("none of these:"),
    "not_all_of": Text("not all of these:"),
    "gone": Text("This account was erased or merged into another."),
    "brackets": Text("({condition})", "condition"),
    "where": Text(" with {condition}", "condition"),
    "list": Text(", ", "condition"),
    "range": Text("{low} and {high}", "condition"),
    "quoted": Text("“{text}”", "condition"),
    "span": Text("{n} {unit}", "condition"),
    "yes": Text("{field}", "condition"),
    "no": Text("{field}: no"),
    "any_course": Text("any course", "condition"),
    "in_segment": Text("is in “{name}”"),
    "not_in_segment": Text("is not in “{name}”"),
}

COMPARISONS: dict[tuple[str, str], Text] = {
    ("", "="): Text("{field} is {value}"),
    ("", "!="): Text("{field} is not {value}"),
    ("", "<"): Text("{field} is less than {value}"),
    ("", "<="): Text("{field} is at most {value}"),
    ("", ">"): Text("{field} is more than {value}"),
    ("", ">="): Text("{field} is at least {value}"),
    ("", "between"): Text("{field} is between {value}"),
    ("", "notBetween"): Text("{field} is not between {value}"),
    ("", "contains"): Text("{field} contains {value}"),
    ("", "doesNotContain"): Text("{field} does not contain {value}"),
    ("", "beginsWith"): Text("{field} begins with {value}"),
    ("", "endsWith"): Text("{field} ends with {value}"),
    ("", "null"): Text("{field} is unknown"),
    ("", "notNull"): Text("{field} is known"),
    ("", "in"): Text("{field} is one of {value}"),
    ("", "notIn"): Text("{field} is none of {value}"),
    ("instant", "<"): Text("{field} before {value}"),
    ("instant", "<="): Text("{field} until {value}"),
    ("instant", ">"): Text("{field} after {value}"),
    ("instant", ">="): Text("{field} since {value}"),
    ("instant", "null"): Text("{field} never"),
    ("instant", "notNull"): Text("{field} ever"),
    ("day", "<"): Text("{field} before {value}"),
    ("day", "<="): Text("{field} until {value}"),
    ("day", ">"): Text("{field} after {value}"),
    ("day", ">="): Text("{field} since {value}"),
    ("", "inLast"): Text("{field} in the last {value}"),
    ("", "inNext"): Text("{field} in the next {value}"),
    ("", "olderThan"): Text("{field} more than {value} ago"),
    ("", "anniversaryInNext"): Text("anniversary of {field} in the next {value}"),
    ("set", "contains"): Text("{field} include {value}"),
    ("set", "doesNotContain"): Text("{field} do not include {value}"),
    ("set", "="): Text("{field} include {value}"),
    ("set", "!="): Text("{field} do not include {value}"),
    ("set", "in"): Text("{field} include any of {value}"),
    ("set", "notIn"): Text("{field} include none of {value}"),
    ("set", "null"): Text("{field}: none"),
    ("set", "notNull"): Text("{field}: at least one"),
}
"""(kind or nothing, operator) → words; a kind of its own goes first."""

MODES: dict[str, Text] = {
    "some": Text("has {rows}{where}"),
    "none": Text("has no {rows}{where}"),
    "all": Text("has {rows}, all of them{where}"),
    "atLeast": Text("has at least {n} {rows}{where}"),
    "atMost": Text("has at most {n} {rows}{where}"),
    "exactly": Text("has exactly {n} {rows}{where}"),
}

AGGREGATES: dict[str, Text] = {
    "count": Text("number of {rows}{where}"),
    "sum": Text("total {column} of {rows}{where}"),
    "avg": Text("average {column} of {rows}{where}"),
    "min": Text("smallest {column} of {rows}{where}"),
    "max": Text("largest {column} of {rows}{where}"),
    "distinct": Text("number of different {column} of {rows}{where}"),
}

UNITS: dict[str, tuple[Text, Text]] = {
    "minute": (Text("minute"), Text("minutes")),
    "hour": (Text("hour"), Text("hours")),
    "day": (Text("day"), Text("days")),
    "week": (Text("week"), Text("weeks")),
    "month": (Text("month"), Text("months")),
    "year": (Text("year"), Text("years")),
}
"""Unit → (one of it, several of it)."""
