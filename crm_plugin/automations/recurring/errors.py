"""Messages of the errors about campaigns that repeat."""

CODES: dict[str, str] = {
    "recurring.bad_rhythm": "{reason}",
    "recurring.bad_state": "a recurring campaign that is {state} cannot be {verb}",
    "recurring.ends_first": "its end time is before the first period: nothing would be sent",
}
"""Code → English message."""
