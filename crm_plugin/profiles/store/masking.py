"""Telephones and addresses: which staff see them in clear, and what the others see.

The rule is about values and not about columns: a telephone in a name, an attribute or a note is a telephone.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import sqlalchemy as sa

from crm_plugin.host.records import Actor
from crm_plugin.profiles.store.normalise import fold

Row = TypeVar("Row")

_DIGIT = "[0-9\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\uff10-\uff19]"
_GAP = "[-+ ().\u00b7/\u00a0\u2010-\u2015\uff08\uff09]{0,2}"
_YEARS = f"(19|20){_DIGIT}{{2}}([-/.]({_DIGIT}{{2}}){{1,2}}){{1,2}}([^-/.0-9]|$)"
"""A day or a span of years, such as 2024-01-15 or 2024/25: no telephone."""
_AT = "(@|\uff20|%40|&#0*64;|&#[xX]0*40;|&commat;)"
_EMAIL = f"[^ ]{_AT}[^ ]"
_PHONE = f"(^|[^0-9])(?!{_YEARS}){_DIGIT}({_GAP}{_DIGIT}){{6,}}"
CONTACT = f"{_EMAIL}|{_PHONE}"
"""What holds an address, or seven digits in a row or with marks between them; all databases read it."""

_HOLDS = re.compile(CONTACT)
_ATS = re.compile(_AT)
_ENDS = frozenset("<>\"'(),;:/=?&")
"""What stands before an address, beside blanks."""
_DOMAIN = re.compile(r"[^\s<>\"'(),;/?&]+")
_PHONES = re.compile(f"(?P<before>^|[^0-9])(?!{_YEARS})(?P<number>[+]?{_DIGIT}(?:{_GAP}{_DIGIT}){{6,}})")


def may_see_contacts(actor: Actor) -> bool:
    """Return whether a member of staff sees telephones and addresses in clear, and may filter by them."""
    return actor.may("crm.contacts")


def holds_contact(text: str) -> bool:
    """Return whether there is an e-mail address or a telephone number in a text."""
    return _HOLDS.search(text) is not None


def without_contacts(column: Any) -> Any:
    """Return a column of texts, NULL where :func:`holds_contact` finds something."""
    return sa.case((column.regexp_match(CONTACT), sa.null()), else_=column)


def mask_contacts(text: str) -> str:
    """Return a text with each e-mail address and telephone number in it as some staff see it."""
    if not holds_contact(text):
        return text
    return _PHONES.sub(lambda found: f"{found['before']}{mask_phone(found['number'])}", _mask_emails(text))


def _mask_emails(text: str) -> str:
    """Mask what stands before each ``@``, in one walk: a pattern would try each letter of a word again."""
    done, last = [], 0
    for at in _ATS.finditer(text):
        start = at.start()
        if start < last:  # behind the domain of the one before
            continue
        while start > last and text[start - 1] not in _ENDS and not text[start - 1].isspace():
            start -= 1
        domain = _DOMAIN.match(text, at.end())
        if domain is not None and start < at.start():
            done += [text[last : start + 1], "***", text[at.start() : domain.end()]]
            last = domain.end()
    return "".join(done) + text[last:]


def as_seen(actor: Actor, row: Row, *names: str) -> Row:
    """Return a row as an actor sees it: texts in these fields, lists and tables of texts too, masked or not.

    :param names: of the fields that hold what people wrote; ids are none of them.
    """
    if may_see_contacts(actor):
        return row
    seen: Any = row  # of some class with fields
    found: Row = replace(seen, **{name: masked(getattr(row, name)) for name in names})
    return found


def among_seen(actor: Actor, texts: list[str]) -> list[str]:
    """Return the names of a list that an actor may see: without those that hold a contact, or all."""
    return texts if may_see_contacts(actor) else [one for one in texts if not holds_contact(one)]


def text_as_seen(actor: Actor, text: str) -> str:
    """Return a text as an actor sees it."""
    return text if may_see_contacts(actor) else mask_contacts(text)


def of_person(actor: Actor, person: Any, column: str) -> str | None:
    """Return a text of a person's row as an actor sees it.

    :param person: has ``email`` and ``phone``, whose spelling as a user name is masked too.
    """
    text: str | None = getattr(person, column)
    if text is None or may_see_contacts(actor):
        return text
    return mask_username(mask_contacts(text), person.email, person.phone)


def masked(value: Any) -> Any:
    """Return a text, or the texts of a list or table, with the contacts in them masked."""
    if isinstance(value, str):
        return mask_contacts(value)
    if isinstance(value, Mapping):
        return {key: masked(one) for key, one in value.items()}
    return type(value)(masked(one) for one in value) if isinstance(value, list | tuple) else value


def mask_email(text: str | None) -> str | None:
    """Return an address with its first letter and its domain only."""
    if not text:
        return text
    local, at, domain = text.rpartition("@")
    return f"{local[:1]}***{at}{domain}" if at else "***"


def mask_phone(text: str | None) -> str | None:
    """Return a telephone number with its last two digits only; its length stays hidden."""
    return f"***{text[-2:]}" if text and len(text) > 6 else text and "***"


def mask_username(text: str | None, email: str | None, phone: str | None) -> str | None:
    """Return a user name, masked when it is an address or the person's telephone number."""
    if not text:
        return text
    digits = "".join(letter for letter in text if letter.isdecimal())
    same = phone is not None and fold(text) == fold(phone)
    if "@" not in text and (same or len(digits) >= 7 or text == email):
        return mask_phone(text)
    return mask_email(text) if "@" in text else text
