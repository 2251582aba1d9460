"""Rates as people write them in settings: ``100/s``, ``3000/min``, ``20000/h``, ``5/10s``."""

import re

RATE_FORM = "channel:…, carrier:… or domain:… with a rate such as 100/s, 3000/min, 20000/h or 5/10s"

_SECONDS = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
_RATE = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,4})?(s|min|h|day)")
_NAME = re.compile(r"(channel|carrier|domain):(\S+)")


def read_rate(text: str) -> tuple[int, int]:
    """Read a rate.

    :return: (n, seconds): at most n within any so many seconds.
    :raises ValueError: for anything else.
    """
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    number, times, unit = found.groups()
    return int(number), int(times or 1) * _SECONDS[unit]


def check_rate(name: object, rate: object) -> None:
    """Check one limit of the setting ``rate_limits``.

    :raises ValueError: naming what is wrong with it.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ValueError(str(name))
    if not isinstance(rate, str):
        raise ValueError(f"{name} = {rate}")
    read_rate(rate)
