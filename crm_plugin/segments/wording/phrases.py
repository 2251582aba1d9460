"""The words that conditions are put into: (English, Chinese)."""

Words = tuple[str, str]

PHRASES: dict[str, Words] = {
    "everybody": ("everybody", "所有人"),
    "nobody": ("nobody", "没有人"),
    "people": ("People matching: {condition}", "满足条件的人：{condition}"),
    "and": (" and ", "，且"),
    "or": (" or ", "，或"),
    "not": ("not ({condition})", "不满足（{condition}）"),
    "all_of": ("all of these:", "满足以下全部："),
    "any_of": ("any of these:", "满足以下任一："),
    "none_of": ("none of these:", "不满足以下任何一项："),
    "not_all_of": ("not all of these:", "不同时满足以下全部："),
    "gone": ("This account was erased or merged into another.", "该账号已被删除或合并。"),
    "brackets": ("({condition})", "（{condition}）"),
    "where": (" with {condition}", "（{condition}）"),
    "list": (", ", "、"),
    "range": ("{low} and {high}", "{low} 至 {high}"),
    "quoted": ("“{text}”", "“{text}”"),
    "span": ("{n} {unit}", "{n} {unit}"),
    "yes": ("{field}", "{field}：是"),
    "no": ("{field}: no", "{field}：否"),
    "in_segment": ("is in “{name}”", "属于“{name}”"),
    "not_in_segment": ("is not in “{name}”", "不属于“{name}”"),
}

COMPARISONS: dict[tuple[str, str], Words] = {
    ("", "="): ("{field} is {value}", "{field}为 {value}"),
    ("", "!="): ("{field} is not {value}", "{field}不为 {value}"),
    ("", "<"): ("{field} is less than {value}", "{field}小于 {value}"),
    ("", "<="): ("{field} is at most {value}", "{field}不超过 {value}"),
    ("", ">"): ("{field} is more than {value}", "{field}大于 {value}"),
    ("", ">="): ("{field} is at least {value}", "{field}不少于 {value}"),
    ("", "between"): ("{field} is between {value}", "{field}介于 {value}"),
    ("", "notBetween"): ("{field} is not between {value}", "{field}不介于 {value}"),
    ("", "contains"): ("{field} contains {value}", "{field}包含 {value}"),
    ("", "doesNotContain"): ("{field} does not contain {value}", "{field}不包含 {value}"),
    ("", "beginsWith"): ("{field} begins with {value}", "{field}以 {value} 开头"),
    ("", "endsWith"): ("{field} ends with {value}", "{field}以 {value} 结尾"),
    ("", "null"): ("{field} is unknown", "{field}未知"),
    ("", "notNull"): ("{field} is known", "{field}已知"),
    ("", "in"): ("{field} is one of {value}", "{field}为其中之一：{value}"),
    ("", "notIn"): ("{field} is none of {value}", "{field}不是其中任何一个：{value}"),
    ("instant", "<"): ("{field} before {value}", "{field}早于 {value}"),
    ("instant", "<="): ("{field} until {value}", "{field}不晚于 {value}"),
    ("instant", ">"): ("{field} after {value}", "{field}晚于 {value}"),
    ("instant", ">="): ("{field} since {value}", "{field}不早于 {value}"),
    ("instant", "null"): ("{field} never", "{field}：从未"),
    ("instant", "notNull"): ("{field} ever", "{field}：有过"),
    ("day", "<"): ("{field} before {value}", "{field}早于 {value}"),
    ("day", "<="): ("{field} until {value}", "{field}不晚于 {value}"),
    ("day", ">"): ("{field} after {value}", "{field}晚于 {value}"),
    ("day", ">="): ("{field} since {value}", "{field}不早于 {value}"),
    ("", "inLast"): ("{field} in the last {value}", "{field}在最近 {value}内"),
    ("", "inNext"): ("{field} in the next {value}", "{field}在未来 {value}内"),
    ("", "olderThan"): ("{field} more than {value} ago", "{field}在 {value}之前"),
    ("", "anniversaryInNext"): (
        "anniversary of {field} in the next {value}",
        "{field}的周年日在未来 {value}内",
    ),
    ("set", "contains"): ("{field} include {value}", "{field}包含 {value}"),
    ("set", "doesNotContain"): ("{field} do not include {value}", "{field}不包含 {value}"),
    ("set", "="): ("{field} include {value}", "{field}包含 {value}"),
    ("set", "!="): ("{field} do not include {value}", "{field}不包含 {value}"),
    ("set", "in"): ("{field} include any of {value}", "{field}包含其中之一：{value}"),
    ("set", "notIn"): ("{field} include none of {value}", "{field}不包含其中任何一个：{value}"),
    ("set", "null"): ("{field}: none", "{field}：无"),
    ("set", "notNull"): ("{field}: at least one", "{field}：至少一个"),
}
"""(kind or nothing, operator) → words; a kind of its own goes first."""

MODES: dict[str, Words] = {
    "some": ("has {rows}{where}", "有{rows}{where}"),
    "none": ("has no {rows}{where}", "没有{rows}{where}"),
    "all": ("has {rows}, all of them{where}", "有{rows}，且全部符合{where}"),
    "atLeast": ("has at least {n} {rows}{where}", "至少有 {n} 个{rows}{where}"),
    "atMost": ("has at most {n} {rows}{where}", "至多有 {n} 个{rows}{where}"),
    "exactly": ("has exactly {n} {rows}{where}", "恰好有 {n} 个{rows}{where}"),
}

AGGREGATES: dict[str, Words] = {
    "count": ("number of {rows}{where}", "{rows}{where}的数量"),
    "sum": ("total {column} of {rows}{where}", "{rows}{where}的{column}合计"),
    "avg": ("average {column} of {rows}{where}", "{rows}{where}的{column}平均值"),
    "min": ("smallest {column} of {rows}{where}", "{rows}{where}的最小{column}"),
    "max": ("largest {column} of {rows}{where}", "{rows}{where}的最大{column}"),
    "distinct": ("number of different {column} of {rows}{where}", "{rows}{where}的不同{column}数量"),
}

UNITS: dict[str, tuple[Words, Words]] = {
    "minute": (("minute", "分钟"), ("minutes", "分钟")),
    "hour": (("hour", "小时"), ("hours", "小时")),
    "day": (("day", "天"), ("days", "天")),
    "week": (("week", "周"), ("weeks", "周")),
    "month": (("month", "个月"), ("months", "个月")),
    "year": (("year", "年"), ("years", "年")),
}
"""Unit → (one of it, several of it)."""
