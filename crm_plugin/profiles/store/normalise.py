"""One spelling for each text, e-mail address and telephone number, by the same rules everywhere."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from crm_plugin.profiles.models.school import FOLDED

RULES = 1
"""Version of these rules; a higher one makes the next scan write every row again."""

_CN_MOBILE = re.compile(r"1[3-9]\d{9}")
# The common ASCII address; everything else goes through the validator, which is 30 times slower.
_PLAIN_EMAIL = re.compile(
    r"(?=.{6,254}\Z)(?=[^@]{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}"
)
_IDN = "xn--"
_LONGEST_LOCAL = 64


def fold(text: str, length: int = FOLDED) -> str:
    """Return text for comparisons: NFKC, casefolded, cut to ``length`` characters.

    Full-width letters and digits, ligatures and capitals become their plain small forms, so that
    every database compares alike.
    """
    if text.isascii():
        return text.lower()[:length]
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)[:length]


def clean_email(text: str | None) -> str | None:
    """Return an address as it is to be written on a message: NFKC, without spaces around it."""
    if text is None:
        return None
    return unicodedata.normalize("NFKC", text).strip() or None


def email_key(text: str | None) -> str | None:
    """Return the one spelling of an e-mail address, in lower case with an ASCII domain.

    None when it is no address, or a placeholder that can never be delivered (``x@localhost``,
    ``x@school.invalid``). Whether the domain exists is not asked.
    """
    address = (clean_email(text) or "").lower()
    if _PLAIN_EMAIL.fullmatch(address) and _IDN not in address:
        return None if address.rpartition(".")[2] in SPECIAL_USE_DOMAIN_NAMES else address
    try:
        valid = validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return None
    key = f"{valid.local_part}@{valid.ascii_domain}".lower()
    # RFC 5321 4.5.3.1.1: what stands before the @ has at most 64 letters.
    return key if len(key) <= FOLDED and len(valid.local_part) <= _LONGEST_LOCAL else None


def phone_key(text: str | None, region: str | None) -> str | None:
    """Return the E.164 form of a telephone number that could receive an SMS.

    :param region: ISO 3166 country by which numbers without a country code are read; None = unknown.
    :return: None when the number is not possible, or belongs to a fixed line. Whether its range is in
        use is not asked: numbering plans move.
    """
    digits = unicodedata.normalize("NFKC", text or "").strip()
    if not digits:
        return None
    if region == "CN" and _CN_MOBILE.fullmatch(digits):
        return "+86" + digits
    return _parsed(digits, region)


@lru_cache(maxsize=4096)
def _parsed(digits: str, region: str | None) -> str | None:
    if region is None and digits.startswith("00"):
        digits = "+" + digits[2:]
    try:
        number = phonenumbers.parse(digits, region)
    except NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    if phonenumbers.number_type(number) == PhoneNumberType.FIXED_LINE:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
