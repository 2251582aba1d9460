"""The one tree of errors and the table of their codes.

A capability raises a :class:`CrmError` with a code and parameters and never words for people;
:func:`message` turns it into one clear line. Codes are part of the interface: they never change
their meaning, and ``docs/errors.md`` lists each of them (a test compares).
"""

from collections.abc import Iterable
from typing import Any, Self

CODES: dict[str, str] = {
    # settings and running
    "settings.unknown": "unknown setting {name}",
    "settings.bad_value": "{name}: {value!r} is not {expected}",
    "settings.missing": "{name} is not set: {help}",
    "settings.bad_file": "{path}: {reason}",
    "database.unreachable": "the database does not answer: {reason}",
    "database.not_migrated": "the database has no CRM tables yet: run crm init",
    "database.newer": "the database belongs to a later version of the CRM: {reason}",
    "input.bad": "{reason}",
    "input.not_json": "not valid JSON: {reason}",
    "access.refused": "you may not do this: it needs the permission {permission}",
    "access.limited": "you are limited to some courses, and this is about the whole school",
    "access.bad_token": "this token is unknown, was revoked or has run out",
    "access.signed_out": "sign in first",
    "access.stale_form": "this page is too old: reload it and try again",
    "object.missing": "there is no {kind} {id}",
    # hosts
    "host.none": "no host is registered: set CRM_HOST",
    "host.unknown": "there is no host named {name}; installed: {known}",
    "host.not_read": "nothing of the school has been read yet: run crm init",
    "host.several": "more than one plug-in answers the host hooks: {names}",
    "host.not_a_host": "{name} is no host: {reason}",
    "host.failed": "the school's {hook} failed: {reason}",
    "host.slow": "the school's {hook} took longer than {seconds} s",
    "host.garbage": "the school's {hook} returned {reason}",
    "host.backing_off": "the school's {hook} failed lately; next try at {until}",
    "host.no_capability": "this school cannot do {capability}",
    # data initialisation
    "sync.too_many_bad": "{bad} of {total} {stream} break the contract: look at them, then start it again",
    "sync.too_many_gone": "{gone} of {total} {stream} are gone at the school: a person must confirm",
    "sync.not_waiting": "{stream} waits for nobody's answer",
    # what staff write down
    "follow_up.empty": "write down what was said or is to be done",
    "follow_up.too_long": "a follow-up has at most {limit} characters",
    # topics of marketing
    "topic.no_name": "a topic needs a name",
    "topic.too_long": "the name of a topic has at most {limit} characters",
    "topic.taken": "there is a topic {name!r} already",
    "topic.too_many": "at most {limit} topics can be on offer: archive one first",
    "topic.in_use": "in use by {users}",
    # segments
    "segment.not_a_tree": "expected a group or a rule, found {found}",
    "segment.not_a_group": "expected a group with combinator and rules, found {found}",
    "segment.unknown_key": "unknown key {key}",
    "segment.unknown_combinator": "combinator is {found!r}; it must be and or or",
    "segment.empty_group": "this group has no rules",
    "segment.unknown_field": "unknown field {field!r}{hint}",
    "segment.field_not_offered": "the school does not tell {field!r}",
    "segment.unknown_operator": "{field} cannot be compared by {operator!r}; it takes {known}",
    "segment.bad_value": "{field}: {value} is not {expected}",
    "segment.bad_match": "{reason}",
    "segment.bad_aggregate": "{reason}",
    "segment.too_deep": "groups are nested deeper than {limit}",
    "segment.too_many_rules": "more than {limit} rules",
    "segment.too_many_values": "more than {limit} values",
    "segment.needs_currency": "a sum of money needs one currency: add a rule on currency",
    "segment.too_long_for_address": "this search is too long for a web address: save it as a quick query",
    "segment.cycle": "saved search {id} refers to itself",
    "segment.missing_query": "there is no saved search {id}",
    "segment.gone_course": "the school no longer has: {courses}",
    "segment.no_name": "a saved search needs a name",
    "tag.empty": "give the tag a name",
    "tag.too_long": "a tag has at most {limit} characters",
    "tag.too_many": "at most {limit} people can be tagged at once",
    "undo.gone": "this can no longer be undone",
    "segment.in_use": "in use by {users}",
    "segment.needs_contacts": "conditions on {field} need the permission crm.contacts",
    "segment.needs_money": "conditions on {field} need the permission crm.money",
    "export.too_many_rows": "{count} people are more than the {limit} rows of a sheet: take CSV",
    "export.gone": "the file of export {id} is not there any more",
    # campaigns
    "campaign.bad_state": "a campaign that is {state} cannot be {verb}",
    "campaign.unknown_key": "unknown key {key}",
    "campaign.missing_key": "{key} is missing",
    "campaign.bad_value": "{reason}",
    "campaign.unknown_zone": "there is no time zone {zone!r}; expected a name such as Europe/London",
    "campaign.no_such_time": "the clocks of {zone} never show {time}: they are put forward then",
    "campaign.unknown_channel": "unknown channel {channel!r}; known: {known}",
    "campaign.unknown_topic": "there is no topic {topic!r}",
    "campaign.topic_archived": "the topic {topic!r} is archived: choose another one, or none",
    "campaign.no_template": "no SMS template is chosen yet",
    "campaign.unknown_template": "there is no SMS template {template!r}",
    "campaign.template_not_approved": "SMS template {template!r} is {state}, not approved",
    "campaign.template_archived": "SMS template {name!r} is archived: bring it back, or choose another one",
    "campaign.empty_audience": "nobody matches this audience",
    "campaign.single_excluded": "this person would not get it: {reason}",
    "campaign.nobody_reached": "everybody in this audience is excluded: nobody would get the message",
    "campaign.data_unread": "the school is not read to its end yet: {streams}",
    "campaign.data_old": "the school was last read {hours} hours ago, more than {limit}: "
    "the launch is held until somebody confirms it",
    "campaign.data_old_then": "the school was last read {hours} hours ago, more than {limit}: "
    "unless it is read again by the start, the campaign is held until somebody confirms it",
    "campaign.quiet_now": "quiet hours: messages wait until {until}",
    "campaign.copied": "this looks like a copy of another installation: nothing leaves until it is confirmed",
    "campaign.changed": "the campaign changed in the meantime: reload it",
    "campaign.planned_past": "the planned time has passed: choose another one",
    "campaign.expires_first": "nothing leaves after its last moment, which comes before the start",
    "campaign.too_slow": "at this rate the sending is not done when its last moment comes",
    "campaign.course_gone": "the school no longer has {course}",
    "campaign.course_closed": "{course} is not open to learners now",
    "campaign.course_over": "{course} has ended by then",
    "campaign.course_full": "{course} is full: {taken} of {capacity} seats are taken",
    "campaign.shared_addresses": "{count} left out: somebody else with the same address gets the message",
    "campaign.not_confirmed": "type {count} to confirm how many people will be reached",
    "campaign.too_many_tests": "{limit} tests within 24 hours are enough: launch a campaign to reach people",
    "campaign.test_later": "the carrier takes nothing more now by its limits: try again in {seconds} seconds",
    "campaign.needs_person": "choose whether unknown messages were sent or are to be sent again",
    # channels
    "content.syntax": "line {line}: {reason}",
    "content.not_allowed": "line {line}: {what} is not allowed",
    "content.unknown_variable": "line {line}: unknown variable {name}",
    "content.too_long": "longer than {limit} bytes",
    "content.missing_variable": "{name} has no value for {count} people and no default",
    "content.lacking_left_out": "{count} people have no value for {name}: they are left out",
    "content.bad_word": "{name!r} is no name for a word of your own: "
    "small letters, digits and _, not one in use",
    "content.word_twice": "{name} is given for everybody and for each person: choose one",
    "content.word_there": "the word {name} is there already: change it above",
    "content.no_such_word": "there is no word {name} that differs from person to person",
    "content.no_value": "{name} has no value and no default",
    "content.too_many_letters": "longer than the {limit} letters that the school takes",
    "content.missing": "{part} is missing",
    "content.bad_header": "{part} may not contain a line break or a control character",
    "content.no_link": "{{{{ link }}}} stands in the text but the campaign has no link",
    "content.service_unsubscribe": "a service message has no opt-out: leave {{{{ unsubscribe }}}} out",
    "content.bad_address": "{url!r}: links begin with https://, http://, mailto: or tel:, pictures with https://",
    "content.clipped": "the HTML has {size} kB with its styles: Gmail cuts messages off after 102",
    "content.unsafe_address": "line {line}: {name} may not stand in this part of an address or attribute",
    "sms.no_template_code": "SMS template {template!r} has no code of an approval by {carrier}",
    "sms.personal_link": "{carrier} takes no link for each person: {name} may not be filled in",
    "sms.no_links": "{carrier} takes no web addresses in an SMS",
    "sms.value_too_long": "{name} is longer than the {limit} letters that {carrier} fills in",
    "sms.shared_link": "the link is the same for everybody: clicks do not say whose they are",
    "sms.bad_name": "a template needs a name of at most {limit} letters",
    "sms.empty_text": "write the text of the template",
    "sms.bad_placeholder": "${{{name}}} is no name of a variable: small letters, digits and _ only",
    "sms.bad_signature": "a signature has at most {limit} letters and no brackets",
    "sms.bad_code": "a code of a carrier has at most {limit} letters",
    "sms.needs_code": "{carrier} fills in texts by a code: enter the one that it gave this text",
    "sms.no_desk": "{carrier} takes no texts for approval: an administrator approves them by hand",
    "sms.changed": "this template is no longer in a state for that: reload the page",
    "sms.in_use": "in use by {users}",
    "sms.stock_stays": "a template of the stock cannot be deleted: archive it",
    "sms.text_too_long": "with its opt-out words it is longer than the {limit} letters that {carrier} takes",
    "sms.placeholders_touch": "{carrier} refuses placeholders that touch: put a word between them",
    "sms.placeholder_twice": "{carrier} takes each placeholder once in a text",
    "sms.brackets": "{carrier} keeps 【】 for the signature: leave them out of the text",
    "sms.service_template": "SMS template {template!r} has no opt-out words: it is for service only",
    "sms.marketing_template": "SMS template {template!r} is for marketing, not for service messages",
    "address.own_choice": "this person opted out: only they can take it back, on their own page",
    "channel.bad_address": "{address!r} is not an address for {channel}",
    "channel.unknown_carrier": "there is no carrier {carrier!r}; installed: {known}",
    # links
    "link.broken": "{url} does not answer as it should: {reason}",
    "link.bad_url": "{url!r} is not a web address",
}
"""Code → English message; ``web`` translates the same text by gettext."""


class Clause(str):
    """A part of a message that is a text of its own: reads as English, and pages say it in their language.

    :param text: English, with ``{names}`` to fill in; the key of the translation.
    :param params: what is filled in; clauses again, or what no language changes.
    """

    text: str
    params: dict[str, Any]

    def __new__(cls, text: str, /, **params: Any) -> Self:
        """Make the clause; it equals the filled-in English text."""
        made = super().__new__(cls, text.format(**params))
        made.text, made.params = text, params
        return made


def one_of(known: Iterable[str]) -> Clause:
    """Return the clause that tells which names are taken."""
    return Clause("expected one of {known}", known=", ".join(known))


def whole_from(least: int, most: int) -> Clause:
    """Return the clause that tells which numbers are taken."""
    return Clause("expected a whole number from {least} to {most}", least=least, most=most)


class CrmError(Exception):
    """A failure that a person or a program is told about.

    :param code: a key of :data:`CODES`.
    :param place: where in the input it is, for example ``rules[2].value``; empty when there is no place.
    :param params: what the message names.
    """

    exit_code = 1
    http_status = 500

    def __init__(self, code: str, /, place: str = "", **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.place = place
        self.params = params

    def __str__(self) -> str:
        text = CODES[self.code].format(**self.params)
        return f"{self.place}: {text}" if self.place else text


class BadInput(CrmError):
    """What came in cannot be understood or is not allowed: exit 2, HTTP 400."""

    exit_code = 2
    http_status = 400


class SignedOut(CrmError):
    """Nobody is signed in, or the token is not good: HTTP 401."""

    http_status = 401


class Refused(CrmError):
    """The actor may not do this: HTTP 403."""

    exit_code = 2
    http_status = 403


class NotFound(CrmError):
    """There is no such thing: HTTP 404."""

    exit_code = 2
    http_status = 404


class Conflict(CrmError):
    """The thing is not in a state for this: HTTP 409."""

    exit_code = 2
    http_status = 409


class Unavailable(CrmError):
    """Something outside (database, queue, school, carrier) does not answer now: HTTP 503."""

    http_status = 503
