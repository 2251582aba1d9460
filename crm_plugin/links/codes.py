"""Codes of short links and tokens of opt-out pages: signed, stateless, made of 57 characters.

A code holds the link's number, the ledger row's, the key's, and a truncated MAC over both; nothing is stored
for a recipient. The characters are shortuuid's alphabet (no 0, 1, I, O, l), so that a code survives being
read aloud. Realistic numbers (20,000 to 10,000,000 ledger rows) give 13 to 15 characters.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CODE_MAC = 48
"""Bits of a code's MAC: SMS pays for each letter, and guesses are limited per address."""
TOKEN_MAC = 80
"""Bits of an opt-out token's MAC: a forged one would act for somebody else, and e-mail pays nothing."""
SMALL = "abcdefghijkmnpqrstuvwxyz23456789"
"""Letters of codes in e-mail addresses: mail servers may turn capitals into small letters."""
LONGEST = 64
"""Letters after which nothing is a code: no time is spent on reading it."""

_CODE = re.compile(r"[A-Za-z0-9]*")
_TOKEN = re.compile(r"(?:[a-z0-9_]+-)?[A-Za-z0-9]*")
_LENGTH = 5
_SMALLEST = 1
_LARGEST = 2**32 - 1


class Signer:
    """Makes and reads codes with the keys of this installation; signs with the newest.

    :param keys: key's number (1 and up) → secret; at least one.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self.keys = dict(keys)
        self.newest = max(self.keys)

    def code(self, link_id: int, delivery_id: int) -> str:
        """Return the code of one link for one ledger row; ``delivery_id`` 0 = for nobody in particular."""
        return self._sign(self.newest, "r", link_id, delivery_id, CODE_MAC)

    def read(self, code: str) -> tuple[int, int] | None:
        """Return (link id, ledger row's id) of a code that we signed, or None."""
        return self._read("r", code, CODE_MAC)

    def opt_out_token(self, person_id: int, channel: str, delivery_id: int) -> str:
        """Return the token of a person's opt-out page for the channel that a message came by."""
        return f"{channel}-{self._sign(self.newest, f'u {channel}', person_id, delivery_id, TOKEN_MAC)}"

    def read_opt_out(self, token: str) -> tuple[int, str, int] | None:
        """Return (person id, channel, ledger row's id) of a token that we signed, or None."""
        channel, _, code = token.partition("-")
        found = self._read(f"u {channel}", code, TOKEN_MAC)
        return None if found is None else (found[0], channel, found[1])

    def bounce_code(self, person_id: int, delivery_id: int) -> str:
        """Return the code in the address that a message's failure is reported to."""
        return self._sign(self.newest, "b", person_id, delivery_id, TOKEN_MAC, SMALL)

    def read_bounce(self, code: str) -> tuple[int, int] | None:
        """Return (person id, ledger row's id) of a code that we signed, in whatever case, or None."""
        return self._read("b", code.lower(), TOKEN_MAC, SMALL)

    def _sign(self, key: int, use: str, number: int, row: int, bits: int, letters: str = ALPHABET) -> str:
        if not _SMALLEST <= number <= _LARGEST or row < 0:
            raise ValueError(f"a code cannot hold the numbers {number} and {row}")
        return _letters(_pack(key, number, row) << bits | self._mac(key, use, number, row, bits), letters)

    def _mac(self, key: int, use: str, number: int, row: int, bits: int) -> int:
        text = f"{use} {number} {row}".encode()
        return int.from_bytes(hashlib.blake2b(text, key=self.keys[key], digest_size=bits // 8).digest())

    def _read(self, use: str, code: str, bits: int, letters: str = ALPHABET) -> tuple[int, int] | None:
        value = _value(code, letters)
        if value is None:
            return None
        key, number, row = _unpack(value >> bits)
        if key not in self.keys:
            return None
        # The whole code is made again: a second spelling of the same numbers is refused too.
        expected = self._sign(key, use, number, row, bits, letters)
        return (number, row) if hmac.compare_digest(expected, code) else None


def leading(text: str, *, token: bool) -> str:
    """Return the code or token that a text begins with, without the marks that got stuck to a link.

    Programs that make links out of text take a 。 or ) behind it along, as it is or encoded.
    """
    found = (_TOKEN if token else _CODE).match(text)
    return found.group() if found else ""


def key_of(code: str, bits: int = CODE_MAC) -> int | None:
    """Return the number of the key that a code claims to be signed with; None when it is no code."""
    value = _value(code, ALPHABET)
    return None if value is None else _unpack(value >> bits)[0]


def _pack(key: int, number: int, row: int) -> int:
    """Write three numbers into one: from the lowest bit the key, the length of ``number``, it, the row."""
    length = number.bit_length() - 1
    body = row << length | number ^ 1 << length
    body = body << _LENGTH | length
    zeros = key.bit_length() - 1
    return ((body << zeros | key ^ 1 << zeros) << 1 | 1) << zeros


def _unpack(body: int) -> tuple[int, int, int]:
    zeros = (body & -body).bit_length() - 1 if body else 0
    body >>= zeros + 1
    key = body & (1 << zeros) - 1 | 1 << zeros
    body >>= zeros
    length = body & (1 << _LENGTH) - 1
    body >>= _LENGTH
    return key, body & (1 << length) - 1 | 1 << length, body >> length


def _letters(value: int, letters: str) -> str:
    pairs, found = _PAIRS[letters], []
    one, two = len(letters), len(pairs)
    while value >= one:
        value, pair = divmod(value, two)
        found.append(pairs[pair])
    if value:
        found.append(letters[value])
    return "".join(reversed(found))


def _value(code: str, letters: str) -> int | None:
    if not code or len(code) > LONGEST:
        return None
    value = 0
    for letter in code:
        digit = _DIGITS[letters].get(letter)
        if digit is None:
            return None
        value = value * len(letters) + digit
    return value


_PAIRS = {letters: [one + two for one in letters for two in letters] for letters in (ALPHABET, SMALL)}
"""Two letters at a time: a message's codes cost half as much."""
_DIGITS = {letters: {letter: value for value, letter in enumerate(letters)} for letters in (ALPHABET, SMALL)}
