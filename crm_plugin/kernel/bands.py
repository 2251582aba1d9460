"""Limits of bands as people write them in settings: ``7 30 90 180``."""

BANDS_FORM = "one to eight whole numbers, each greater than the one before it, such as 7 30 90 180"
MOST = 8
LARGEST = 1_000_000_000


def read_bands(text: str) -> tuple[int, ...]:
    """Read the limits of bands.

    :raises ValueError: unless they are one to eight whole numbers that rise from 1 or more.
    """
    found = tuple(_number(one) for one in text.replace(",", " ").split())
    if not 1 <= len(found) <= MOST or sorted({0, *found}) != [0, *found] or found[-1] > LARGEST:
        raise ValueError(text)
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))):
        raise ValueError(text)
    return int(text)
