"""What a reply to an SMS asks for: to get no more marketing, to get it again, or something that staff read.

People write what messages ask for in many ways: ``R``, ``ｒ。``, ``回复TD``, ``Stop please``, ``退订谢谢``.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Wish = Literal["stop", "start", ""]

STOP = frozenset(
    "r t td n qx stop stopall unsubscribe cancel end quit revoke optout opt-out arret arrete arrêt"
    " 退 退订 退定 拒收 取消订阅 不再接收".split()
) | {"opt out", "stop all"}
"""Whole replies that stop marketing: of mainland messages, of carriers in North America, of France."""
START = frozenset("start unstop subscribe optin opt-in 订阅 恢复 恢复订阅 重新订阅 取消退订".split())
"""Whole replies that let it begin again. YES is none: it answers too many questions."""
_CLEAR = frozenset("stop stopall unsubscribe optout opt-out".split())
"""Words that stop also at the beginning or end of a few others."""
_FEW = 5
_CHINESE = re.compile("退订|退定|拒收")
_OPPOSITE = re.compile(r"(?:取消|恢复|解除|[不别没勿未][^\W退拒]{0,2})(?:退订|退定|拒收)")
_SHORT = 12
_ASKED_FOR = re.compile(r"^(?:拒收|退订)?请?(?:直接)?回复?")
"""How a message asks for the word, which some people send along."""


@dataclass(frozen=True, slots=True)
class Words:
    """The whole replies that count in an installation."""

    stop: frozenset[str] = STOP
    start: frozenset[str] = START


def words_of(stop: str, start: str) -> Words:
    """Return the words with those that settings add, or take away with a minus in front.

    :param stop: words with blanks or commas between.
    """
    return Words(_changed(STOP, stop), _changed(START, start))


def _changed(words: frozenset[str], setting: str) -> frozenset[str]:
    given = [one for one in re.split(r"[\s,，、]+", setting) if one]
    gone = {_folded(one[1:]) for one in given if one.startswith("-")}
    return (words | {_folded(one) for one in given if not one.startswith("-")}) - gone - {""}


@dataclass(frozen=True, slots=True)
class Heard:
    """What a reply asks for."""

    wish: Wish
    whole: bool = True
    """It says nothing else."""


def hear(text: str, words: Words) -> Heard:
    """Return what a reply asks for; no wish means that staff are to read it."""
    said = _folded(text)
    for one in (said, _folded(_ASKED_FOR.sub("", said))):
        if one in words.stop:
            return Heard("stop")
        if one in words.start:
            return Heard("start")
    return Heard("stop", whole=False) if _stops(said, words) else Heard("", whole=False)


def _stops(said: str, words: Words) -> bool:
    if _OPPOSITE.search(said):
        return False
    parts = [_folded(part) for part in said.split()]
    clear = _CLEAR & words.stop
    if 1 < len(parts) <= _FEW and (parts[0] in clear or parts[-1] in clear):
        return True
    found = _CHINESE.search(said)
    return len(said) <= _SHORT and found is not None and found.group() in words.stop


def _folded(text: str) -> str:
    """Return text in one spelling: width, case and blanks folded, no marks at both ends."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    begin, end = 0, len(plain)
    while begin < end and not plain[begin].isalnum():
        begin += 1
    while end > begin and not plain[end - 1].isalnum():
        end -= 1
    return plain[begin:end]
