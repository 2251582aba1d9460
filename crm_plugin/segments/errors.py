"""Messages of the errors about conditions, quick queries and exports."""

CODES: dict[str, str] = {
    "segment.not_a_tree": "expected a group or a rule, found {found}",
    "segment.not_a_group": "expected a group with combinator and rules, found {found}",
    "segment.unknown_key": "unknown key {key}",
    "segment.unknown_combinator": 'combinator is {found}; it must be "and" or "or"',
    "segment.empty_group": "this group has no rules",
    "segment.unknown_field": "unknown field {field}{hint}",
    "segment.field_not_offered": "the school does not provide {field!r}",
    "segment.unknown_operator": "{field} cannot be compared by {operator}; it takes {known}",
    "segment.bad_value": "{field}: {value} is not {expected}",
    "segment.bad_match": "{reason}",
    "segment.bad_aggregate": "{reason}",
    "segment.gave_up": "each worker that began with it died; ask an administrator to look at the log",
    "segment.too_deep": "groups are nested deeper than {limit}",
    "segment.too_many_rules": "more than {limit} rules",
    "segment.too_many_values": "more than {limit} values",
    "segment.needs_currency": "a sum of money needs one currency: add a rule on currency",
    "segment.too_long_for_address": "these conditions are too long for a web address: save them as a quick "
    "query",
    "segment.cycle": "quick query {id} refers to itself",
    "segment.missing_query": "there is no quick query {id}",
    "segment.gone_course": "the school no longer has: {courses}",
    "segment.no_name": "a quick query needs a name",
    "segment.in_use": "in use by {users}",
    "segment.needs_contacts": "conditions on {field} need the permission crm.contacts",
    "segment.needs_money": "conditions on {field} need the permission crm.money",
    "export.too_many_rows": "{count} people are more than the {limit} rows of a sheet: use CSV",
    "export.gone": "the file of export {id} is not there any more",
}
"""Code → English message."""
