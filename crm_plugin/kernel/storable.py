"""What every database keeps: texts without NUL and half characters, whole numbers of 64 bits, finite ones.

PostgreSQL refuses a NUL, no database takes half of a surrogate pair, and a larger number fails only in
the driver. So values from outside are checked where they are read, and nowhere else. The words of
visitors and carriers, which nobody can send back, are cleaned instead.
"""

import math
import re
from typing import Any

from crm_plugin.kernel.errors import BadInput, Clause

LARGEST = 2**63 - 1
"""The largest number of a column."""

_BAD = re.compile("[\x00\ud800-\udfff]")


def is_text(value: str) -> bool:
    """Return whether a text can be stored."""
    return _BAD.search(value) is None


def cleaned(value: str) -> str:
    """Return a stranger's words as they can be stored: a sign of replacement for each bad character."""
    return _BAD.sub("\N{REPLACEMENT CHARACTER}", value)


def is_number(value: int) -> bool:
    """Return whether a whole number can be stored."""
    return -LARGEST - 1 <= value <= LARGEST


def whole(text: str) -> int:
    """Read a whole number from 0, such as an id, as an address or a form has it.

    :raises ValueError: for anything else: a sign, a digit of another script, more than 64 bits.
    """
    if not is_whole(text):
        raise ValueError(text)
    return int(text)


def is_whole(text: str) -> bool:
    """Return whether :func:`whole` reads a text."""
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST


def check(found: Any, place: str = "") -> None:
    """Check all texts and numbers of a document, names included.

    :raises BadInput: ``input.bad``, with the place.
    """
    # A loop and not a recursion: documents may be as deep as their parser takes them.
    waiting = [(found, place)]
    while waiting:
        value, at = waiting.pop()
        reason = _fault(value)
        if reason is not None:
            raise BadInput("input.bad", at, reason=reason)
        if isinstance(value, dict):
            waiting += ((one, f"{at}.{name}".removeprefix(".")) for name, one in value.items())
            # Names come off first, so that no place has a bad one in it.
            waiting += ((name, at) for name in value)
        elif isinstance(value, list):
            waiting += ((one, f"{at}[{index}]") for index, one in enumerate(value))


def _fault(value: Any) -> Clause | None:
    if isinstance(value, str) and not is_text(value):
        return Clause("a character in it cannot be stored")
    if isinstance(value, float) and not math.isfinite(value):
        return Clause("a number in it is too large")
    if isinstance(value, int) and not is_number(value):
        return Clause("a number in it is too large")
    return None
