"""E-mail addresses as people write them, as addresses that mail can be sent to."""

import re
from collections.abc import Iterator

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from crm_plugin.profiles.models.school import FOLDED
from crm_plugin.profiles.store.normalise import visible

# The common ASCII address; everything else goes through the validator, which is 30 times slower.
_PLAIN = re.compile(
    r"(?=.{6,254}\Z)(?=[^@]{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}"
)
_IDN = "xn--"
_LONGEST_LOCAL = 64
LONGEST = 1000
"""In a longer text no address is looked for."""

_LOOSE_DOTS = re.compile(r"[a-z0-9_+-][a-z0-9_+.-]{0,63}@(?:docomo\.ne\.jp|ezweb\.ne\.jp|au\.com)")
"""Telephone companies of Japan gave out addresses with dots side by side and before the @."""

_IN_ANGLES = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_APART = re.compile(r"[\s,;|()<>\[\]\"\u201c\u201d\u3001]+")
_AFTER = "'.:\u3002"


def clean_email(text: str | None) -> str | None:
    """Return an address as it is to be written on a message: the first of a text, as a reader sees it.

    A text that holds no address is returned as it is seen.
    """
    if text is None:
        return None
    shown = visible(text)
    if _PLAIN.fullmatch(shown.lower()):
        return shown
    return next((one for one in _candidates(shown) if _key(one)), shown) or None


def email_key(text: str | None) -> str | None:
    """Return the one spelling of the first e-mail address of a text: lower case, an ASCII domain.

    None when there is no address, or a placeholder that can never be delivered (``x@localhost``,
    ``x@school.invalid``). Whether the domain exists is not asked, nor whether our mail server takes it.
    """
    return _key(clean_email(text) or "")


def _candidates(text: str) -> Iterator[str]:
    """Return what may be an address, in the order of the text."""
    yield text
    if len(text) > LONGEST:
        return
    yield from _IN_ANGLES.findall(text)
    for part in _APART.split(re.sub(r"(@[^@/]+)/", r"\1 ", text)):
        if "@" in part:
            yield part.removeprefix("mailto:").lstrip("'").rstrip(_AFTER)


def _key(text: str) -> str | None:
    address = text.lower()
    if _PLAIN.fullmatch(address) and _IDN not in address:
        return None if address.rpartition(".")[2] in SPECIAL_USE_DOMAIN_NAMES else address
    if _LOOSE_DOTS.fullmatch(address):
        return address
    try:
        valid = validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return None
    key = f"{valid.local_part}@{valid.ascii_domain}".lower()
    # RFC 5321 4.5.3.1.1: what stands before the @ has at most 64 letters.
    return key if len(key) <= FOLDED and len(valid.local_part) <= _LONGEST_LOCAL else None
