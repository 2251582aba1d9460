"""The one tree of errors, and the table that each capability adds its codes to.

A capability raises a :class:`CrmError` with a code and parameters and never words for people;
``str()`` turns it into one clear line. The messages of a capability stand in its ``errors.py``. Codes
are part of the interface: they never change their meaning, and ``docs/errors.md`` lists each of them (a
test compares).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Self

CODES: dict[str, str] = {
    "settings.unknown": "unknown setting {name}",
    "settings.bad_value": "{name}: {value!r} is not {expected}",
    "settings.missing": "{name} is not set: {help}",
    "settings.bad_file": "{path}: {reason}",
    "settings.short_secret": "{name} has {found} characters and needs {limit}: enter a random text",
    "database.unreachable": "the database does not answer: {reason}",
    "database.too_slow": "stopped after {seconds} s: ask for fewer people or less time, or try again later",
    "database.not_migrated": "the database has no CRM tables yet: run crm init",
    "job.failed": "failed today: {jobs}; the log says why",
    "database.newer": "the database belongs to a later version of the CRM: {reason}",
    "input.bad": "{reason}",
    "input.not_json": "not valid JSON: {reason}",
    "object.missing": "there is no {kind} {id}",
}
"""Code → English message: the kernel's, and those of each capability; pages translate the same text."""


def add_codes(codes: Mapping[str, str]) -> None:
    """Take in the messages of a capability; its package does that once, when it is first imported.

    :raises ValueError: when a code is taken.
    """
    taken = sorted(codes.keys() & CODES.keys())
    if taken:
        raise ValueError(f"these codes are taken: {', '.join(taken)}")
    CODES.update(codes)


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
    """Return the clause that says which names are taken."""
    return Clause("expected one of {known}", known=", ".join(known))


def whole_from(least: int, most: int) -> Clause:
    """Return the clause that says which numbers are taken."""
    return Clause("expected a whole number from {least} to {most}", least=least, most=most)


class CrmError(Exception):
    """A failure that a person or a program learns of.

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


class TooSlow(CrmError):
    """A statement of a page took too long, and the database stopped it: HTTP 503."""

    http_status = 503
