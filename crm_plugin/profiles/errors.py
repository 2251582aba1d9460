"""Messages of the errors about reading the school, and what staff write down."""

CODES: dict[str, str] = {
    "sync.too_many_bad": "{bad} of {total} {stream} break the contract: check them, then start again",
    "sync.too_many_gone": "{gone} of {total} {stream} are gone at the school: a person must confirm",
    "sync.not_waiting": "{stream} needs no answer",
    "follow_up.empty": "write what was said, or what to do next",
    "follow_up.too_long": "a follow-up has at most {limit} characters",
    "topic.no_name": "a topic needs a name",
    "topic.too_long": "the name of a topic has at most {limit} characters",
    "topic.taken": "there is a topic {name!r} already",
    "topic.too_many": "at most {limit} topics can be offered: archive one first",
    "topic.in_use": "in use by {users}",
    "tag.empty": "give the tag a name",
    "tag.too_long": "a tag has at most {limit} characters",
    "tag.too_many": "at most {limit} people can be tagged at once",
    "intention.too_many": "the intention of at most {limit} people can be set at once",
    "undo.gone": "this can no longer be undone",
}
"""Code → English message."""
