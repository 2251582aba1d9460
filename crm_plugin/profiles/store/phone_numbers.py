"""Telephones as people and spreadsheets write them, as numbers that can take an SMS.

A damaged number is refused, never read as another one: what was lost cannot be guessed.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from crm_plugin.profiles.store.normalise import visible

LONGEST = 250
"""Longer texts are no telephone numbers."""
_CHINA = 86
_CN_MOBILE = re.compile(r"1[3-9]\d{9}")
_CN_WRITTEN = r"(?:(?:\+|00)?86[ -]*)?0?1[3-9]\d(?:[ -]?\d{4}){2}"
_CN_SEVERAL = re.compile(rf"({_CN_WRITTEN})(?:[ /-]+{_CN_WRITTEN})+")
# A country code that is missing or half there would make it somebody's number in North America.
_CN_ABROAD = re.compile(r"(?:00|\+)1[3-9]\d{9}")

_OF_A_SHEET = re.compile(r"(\+?\d{7,15})\.0{1,6}")
"""A number that a spreadsheet or a data frame kept as a fraction."""
_DAMAGED = re.compile(
    r"\d[eE][+-]?\d"  # 1.38e10: digits may be lost
    r"|\d{9,}[.]\d{1,2}(?!\d)"  # a fraction
    r"|\d[ -]?(?:[*#?_x●•×]+|\.{2,})[ -]?\d"  # hidden digits, or an extension
    r"|\d\s*[(,;]?\s*(?:ext|extn|extension|分机|转|доб)[ .:]*\d",  # behind a switchboard
    re.IGNORECASE,
)
_APART = re.compile(r"[^\d+().\- /]+|(?<=\d) (?=\+)")
"""What cannot stand inside a number: words, commas, line breaks, a second plus."""
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_BLANKS = re.compile(r"[^\S\r\n\t]+")

_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.UNKNOWN)


def phone_key(text: str | None, region: str | None) -> str | None:
    """Return the E.164 form of the first number of a text that can be a mobile.

    :param region: ISO 3166 country by which numbers without a country code are read; None = unknown.
    :return: None for fixed lines, free, shared-cost and premium numbers, and for what is damaged. Of mainland
        numbers the form is asked, elsewhere the length: numbering plans move.
    """
    shown = visible(text or "")
    if region == "CN" and _CN_MOBILE.fullmatch(shown):
        return "+86" + shown
    return _first(shown, region) if 0 < len(shown) <= LONGEST else None


@lru_cache(maxsize=4096)
def _first(text: str, region: str | None) -> str | None:
    fraction = _OF_A_SHEET.fullmatch(text)
    if fraction:
        text = fraction[1]
    if _DAMAGED.search(text):
        return None
    return next(filter(None, (_read(one, region) for one in _candidates(text))), None)


def _candidates(text: str) -> Iterator[str]:
    """Return what may be a number, in the order of the text."""
    for part in _APART.split(_BLANKS.sub(" ", _DASHES.sub("-", text))):
        part = part.strip(" -./").rstrip("(").lstrip(")")
        several = _CN_SEVERAL.fullmatch(part)
        if several:
            yield several[1]
        elif part:
            yield part
            # In some countries a stroke stands inside a number: only then is it read as two.
            yield from part.split("/") if "/" in part else ()


def _read(digits: str, region: str | None) -> str | None:
    if region is None and digits.startswith("00"):
        digits = "+" + digits[2:]
    try:
        number = phonenumbers.parse(digits, region)
    except NumberParseException:
        return None
    if number.extension or not _is_mobile(number):
        return None
    if region == "CN" and _CN_ABROAD.fullmatch(digits) and not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _is_mobile(number: phonenumbers.PhoneNumber) -> bool:
    if number.country_code == _CHINA:
        return _CN_MOBILE.fullmatch(str(number.national_number)) is not None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return False
    return phonenumbers.number_type(number) in _MOBILE
