"""One spelling for each text, by the same rules everywhere; addresses and telephones stand beside."""

import re
import unicodedata

_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks that copying brings along: byte order, direction, blanks without width, soft hyphens."""


def visible(text: str) -> str:
    """Return what a reader sees of a text: NFKC, without invisible marks and without spaces around it."""
    if text.isascii():
        return text.strip()
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).strip(" \t\r\n\u200c\u200d")


_TURKISH_I = re.compile("i\u0307+|\u0131")
"""What becomes of I with a dot, and small i without one; a plain i finds both."""


def fold(text: str, length: int | None = None) -> str:
    """Return text for comparisons: NFKC, casefolded, cut to ``length`` characters where one is given.

    Full-width letters and digits, ligatures and capitals become their plain small forms, so that
    every database compares alike.
    """
    if text.isascii():
        return text.lower()[:length]
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    plain = _TURKISH_I.sub("i", folded)
    return (folded if plain == folded else unicodedata.normalize("NFKC", plain))[:length]
