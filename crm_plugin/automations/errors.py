"""Messages of the errors about automations."""

CODES: dict[str, str] = {
    "automation.bad_state": "an automation that is {state} cannot be {verb}",
    "automation.fixed": "{part} of an automation cannot be changed once it was switched on: copy it",
    "automation.no_cause": "what starts it has no {what}",
    "automation.no_send": "it has no step that sends",
    "automation.too_many_steps": "at most {limit} steps",
    "automation.changed": "the automation was changed in the meantime: reload the page",
}
"""Code → English message."""
