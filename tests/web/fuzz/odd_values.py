"""Values on the edges of what a form, an address or a path may hold, as the bytes that a browser sends."""

import base64
import json
import random
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from crm_plugin.segments.dialects import PLAIN
from crm_plugin.segments.language.catalogue import Catalogue
from crm_plugin.segments.language.dates import Present
from tests.segments.fixtures import School
from tests.segments.trees import Trees

HOT = (
    *(b"\0", b"a\0b", b"2147483648", b"9223372036854775808", b"1" + b"0" * 30, b"-1"),
    *(b'["\\ud800"]', b'"\\u0000"', b"\xed\xa0\x80", "٣".encode()),
)
"""What a database, a number or a text refuses; each field is to meet them often."""
NUMBERS = (0, -1, 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63) - 1)
NO_NUMBERS = ("½", "1_000", " 5 ", "+5", "1e400", "NaN", "Infinity", "-Infinity", "0x10", "1.5", "9" * 5000)
DAYS = (
    *("0000-01-01", "0001-01-01", "9999-12-31T23:59", "10000-01-01", "2026-02-30", "2026-01-31T24:00"),
    *("0001-01-01T00:00+14:00~0", "9999-12-31T23:59:59.999999", "2026-03-29T01:30", "25:61"),
)
TEXTS = (
    *(
        "",
        " ",
        "\u3000",
        "\r\n",
        "\ufeff",
        "\u202e",
        "👩‍👩‍👧",
        "%",
        "'",
        '<b>&"',
        "{{ x }}",
        "{%",
        "${x}",
        "{{",
    ),
    *("../../etc/passwd", "http://[", "//evil.example", "a" * 300, "字" * 5000, "None", "null", "[]", "{}"),
    *("Mars/Phobos", "../UTC", "x:y:z", "r.0", "r.0.0.0", "add:r.9", "remove:r", "group:r.w.w", "q:1"),
    *("excluded:", "bought:x", "bought:99999999999999", "unknown:lapsed", "a@b", "+86138", '{"a":' * 1200),
)
BYTES = (b"\xff\xfe", b"\xc3", b"%00", b"%ZZ", b"\xf4\x90\x80\x80")
ODD = (*map(str, NUMBERS), *NO_NUMBERS, *DAYS, *TEXTS)
JSON: tuple[Any, ...] = (
    None,
    True,
    1.5,
    1e308,
    [],
    {},
    [[]],
    [None],
    "\ud800",
    "\0",
    {"n": 1},
    {"n": 2**70, "unit": "day"},
)
_BOUGHT = {"field": "paid_count", "operator": ">=", "value": 1}


def odd(chance: random.Random) -> bytes:
    """Return one odd value."""
    kind = chance.random()
    if kind < 0.35:
        return chance.choice(HOT)
    if kind < 0.4:
        return chance.choice(BYTES)
    if kind < 0.45:
        place = [chance.choice((*NUMBERS, *ODD, *JSON)), chance.choice((*NUMBERS, *JSON, 3, 3))]
        return base64.urlsafe_b64encode(json.dumps(place).encode())
    if kind < 0.6:
        return json.dumps(tree(chance)).encode()
    return chance.choice(ODD).encode()


def tree(chance: random.Random) -> Any:
    """Return a tree: a valid one, a deep one, or one in which something is odd."""
    kind = chance.random()
    if kind < 0.15:
        return deep(chance, chance.choice((5, 8, 9, 10, 11, 30, 300)))
    found = _maker()(chance)
    if kind > 0.4:
        spoil(chance, found)
    return found


@cache
def _maker() -> Any:
    zone = ZoneInfo("Asia/Shanghai")
    present = Present(datetime(2026, 11, 15, tzinfo=zone), zone, None, "CNY", PLAIN)
    school = School(random.Random(1), present)
    catalogue = Catalogue(zone=zone, attributes=("wechat",))
    return lambda chance: Trees(chance, school, catalogue).document()


def deep(chance: random.Random, levels: int) -> dict[str, Any]:
    """Return a tree of so many levels."""
    found: dict[str, Any] = {"combinator": "and", "rules": [_BOUGHT]}
    for level in range(levels - 1):
        rows = {"field": "orders", "match": {"mode": chance.choice(("some", "none", "all"))}}
        beside = chance.choice(([_BOUGHT], [rows], [_BOUGHT, rows]))
        turned = {"combinator": ("and", "or")[level % 2], "not": chance.random() < 0.3}
        found = {**turned, "rules": [*beside, found]}
    return found


def spoil(chance: random.Random, node: Any) -> None:
    """Put something odd somewhere into a document, or leave something out."""
    while True:
        steps = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
        if not steps:
            return
        step, inner = chance.choice(steps)
        if isinstance(inner, dict | list) and inner and chance.random() < 0.8:
            node = inner
        elif isinstance(node, dict) and chance.random() < 0.2:
            del node[step]
            return
        else:
            node[step] = chance.choice((*NUMBERS, *ODD, *JSON, *JSON))
            return
