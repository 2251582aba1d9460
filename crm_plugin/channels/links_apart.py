"""Keeps a web address apart from what stands beside it.

Telephones and mail programs take letters of Chinese, and marks such as 。 or ), for a part of an address
that they touch. So a blank stands around each address in a text, in every channel.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from crm_plugin.channels.content import ADDRESSES, Piece, Prepared, Slot

P = TypeVar("P", Piece, Prepared)

_ENTITY = r"&(?:lt|gt|quot|nbsp|#\d{1,5});"
_ADDRESS = re.compile(rf"https?://(?:(?!{_ENTITY})[!#-;=?-~])+", re.I)
"""As far as it is surely one: visible ASCII, up to what ends it, escaped for HTML or not."""
_TAIL = ".,:!?)]}'*"
"""Marks of the sentence, behind an address."""
_RUNS_ON = re.compile(r"[A-Za-z0-9/:._@-]|[^\x00-\x7f]")
"""Letters that a program would begin an address with."""
_ENDS = re.compile(rf"[\s<>\"]|{_ENTITY}")
"""What surely ends an address."""


def apart(pieces: Sequence[P]) -> list[P]:
    """Return pieces with a blank around each address, unless nothing beside it can run on."""
    done: list[P] = []
    for place, piece in enumerate(pieces):
        after = pieces[place + 1] if place + 1 < len(pieces) else ""
        if isinstance(piece, str):
            done.append("".join(_spaced(piece, open_end=not isinstance(after, str))))
        elif not is_address(piece):
            done.append(piece)
        else:
            before = pieces[place - 1] if place else ""
            done += [_before(before), piece, _after(after)]
    return [piece for piece in done if piece != ""]


def typed_addresses(text: str) -> list[str]:
    """Return the addresses that stand in a text, without the marks behind them."""
    found = (match.group() for match in _ADDRESS.finditer(text))
    return [url.removesuffix(_tail(url)) for url in found]


def is_address(piece: Slot | Prepared) -> bool:
    """Return whether a piece becomes an address of ours."""
    slot = piece[0] if isinstance(piece, tuple) else piece
    return isinstance(slot, int) or (isinstance(slot, Slot) and slot.name in ADDRESSES)


def _before(piece: Slot | Prepared) -> str:
    return " " if not isinstance(piece, str) or _RUNS_ON.match(piece[-1:]) else ""


def _after(piece: Slot | Prepared) -> str:
    return " " if not isinstance(piece, str) or (piece and not _ENDS.match(piece)) else ""


def _spaced(text: str, open_end: bool) -> Iterator[str]:
    """Set addresses in a text apart.

    :param open_end: a value follows, which belongs to an address that ends the text.
    """
    last = 0
    for match in _ADDRESS.finditer(text):
        before = text[last : match.start()]
        yield before
        yield _before(before)
        last = match.end()
        address = match.group()
        if open_end and last == len(text):
            yield address
            continue
        tail = _tail(address)
        yield address.removesuffix(tail)
        yield " " if tail else _after(text[last:])
        yield tail
    yield text[last:]


def _tail(address: str) -> str:
    """Return the marks at the end that belong to the sentence; a bracket opened inside is the address's."""
    tail = address[len(address.rstrip(_TAIL)) :]
    return "" if tail.startswith(")") and "(" in address else tail
