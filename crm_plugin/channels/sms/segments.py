"""How many SMS a text is (3GPP TS 23.038): GSM-7 160/153 septets, otherwise UCS-2 70/67 units.

A character of GSM-7's extension table takes two septets, one outside the basic plane two UCS-2 units;
neither is split between two segments.
"""

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_LENGTHS = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


@dataclass(frozen=True, slots=True)
class Length:
    """The length of one text as a carrier bills it."""

    encoding: str
    """``GSM-7`` or ``UCS-2``."""
    units: int
    """Septets, or 16-bit units."""
    segments: int


def measure(text: str) -> Length:
    """Return encoding, units and segments of a text; an empty one is one segment."""
    encoding = "GSM-7" if all(letter in _BASIC or letter in _EXTENSION for letter in text) else "UCS-2"
    sizes = [_size(letter, encoding) for letter in text]
    single, part = _LENGTHS[encoding]
    total = sum(sizes)
    return Length(encoding, total, 1 if total <= single else _parts(sizes, part))


def _size(letter: str, encoding: str) -> int:
    if encoding == "GSM-7":
        return 2 if letter in _EXTENSION else 1
    return 2 if ord(letter) > 0xFFFF else 1


def _parts(sizes: list[int], limit: int) -> int:
    parts, used = 1, 0
    for size in sizes:
        if used + size > limit:
            parts, used = parts + 1, 0
        used += size
    return parts
