"""Styles of an author's HTML: what could load or run is taken out by itself, everything else stays.

A declaration goes alone, a rule goes where it is nothing without what was taken out. Each says its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from crm_plugin.channels.email.removals import LOADS, NO_CSS, RUNS, UNREADABLE, Removal
from crm_plugin.kernel.errors import Clause

_LOADS = re.compile(r"(?:url|src|image|image-set|cross-fade)\s*\(|@import", re.I)
_RUNS = re.compile(r"expression\s*\(|javascript:|-moz-binding|behaviou?r\s*:", re.I)
_UNREADABLE = re.compile(r"[<\\]")
_ADDRESS = re.compile(r"url\(\s*(?:\"[^\"]*\"|'[^']*'|[^)]*)\s*\)", re.I)
_STRING = r"\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?"
_COMMENT = re.compile(rf"{_STRING}|/\*.*?(?:\*/|\Z)", re.S)
_OF_HTML = re.compile(r"<!--|-->")
"""Old style sheets hide in a comment of HTML; to CSS its ends are blanks (CSS Syntax 3, CDO and CDC)."""
_RULES_INSIDE = ("media", "supports", "layer", "container", "keyframes", "-webkit-keyframes", "-moz-document")
_TOKEN = re.compile(rf"{_STRING}|[(){{}}\[\];]", re.S)
_BLANKS = re.compile(r"\s*")
_DECLARATION = re.compile(r"-{0,2}[^\W\d][\w-]*\s*:")
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_LONGEST_SHOWN = 40
_DEEPEST = 8
"""Rules in rules; nobody writes more than three."""


@dataclass(frozen=True, slots=True)
class Part:
    """A rule, a statement or a declaration of a style sheet."""

    head: str
    block: str | None
    """What stands in its braces; None without them."""
    line: int
    block_line: int


def clean_sheet(text: str, line: int = 1) -> tuple[str, list[Removal]]:
    """Return a style sheet without what could load or run, and what that was.

    :param line: of its first letter, for the removals.
    """
    return _rules(_OF_HTML.sub(" ", _COMMENT.sub(_lines_of, text)), line, 0)


def clean_declarations(text: str, line: int = 1) -> tuple[str, list[Removal]]:
    """Return declarations, as in an attribute ``style``, without what could load or run."""
    kept, removals = [], []
    for part in _parts(_COMMENT.sub(_lines_of, text), line, nested=False):
        why = _why(part.head) or (None if _DECLARATION.match(part.head) else NO_CSS)
        rest = _ADDRESS.sub("none", part.head) if part.head.lower().startswith("background") else part.head
        if why is not None:
            removals.append(Removal(_shown(part.head), why, part.line))
        if why is None or (why is LOADS and _why(rest) is None):
            kept.append(rest)
    return ("; ".join(kept), removals) if removals else (text, [])


def _rules(text: str, line: int, depth: int) -> tuple[str, list[Removal]]:
    kept: list[str] = []
    removals: list[Removal] = []
    for part in _parts(text, line, nested=True):
        why = _why(part.head, selector=not part.head.startswith("@"))
        if depth > _DEEPEST:
            why = UNREADABLE
        if why is not None:
            removals.append(Removal(_shown(part.head), why, part.line))
        elif part.block is not None:
            _keep_block(part, part.block, depth, kept, removals)
        elif part.head.startswith("@"):
            kept.append(f"{part.head};")
    return "\n".join(kept), removals


def _keep_block(part: Part, block: str, depth: int, kept: list[str], removals: list[Removal]) -> None:
    name = re.match(r"@([\w-]+)", part.head)
    if name and name[1].lower() in _RULES_INSIDE:
        inside, found = _rules(block, part.block_line, depth + 1)
    else:
        inside, found = clean_declarations(block, part.block_line)
    if found and name and name[1].lower() == "font-face":
        removals.append(Removal("@font-face", LOADS, part.line))
        return
    removals += found
    kept.append(f"{part.head} {{{inside}}}")


def _parts(text: str, line: int, nested: bool) -> Iterator[Part]:
    """Cut a text at its semicolons and, where rules are meant, at its blocks; strings are passed over."""
    start = place = counted = 0
    while place < len(text):
        place, mark = _next(text, place, "{;}" if nested else ";")
        head, block, begun = text[start:place].strip(), None, place + 1
        line += text.count("\n", counted, counted := _after_blanks(text, start))
        first = line
        if mark == "{":
            place, _ = _next(text, begun, "}")
            block = text[begun:place]
            line += text.count("\n", counted, counted := max(counted, begun))
        if head or block is not None:
            yield Part(head, block, first, line)
        place += 1
        start = place


def _after_blanks(text: str, start: int) -> int:
    found = _BLANKS.match(text, start)
    return found.end() if found else start


def _next(text: str, place: int, marks: str) -> tuple[int, str]:
    """Return the place and letter of the first of ``marks`` that stands in no string and no brackets."""
    open_brackets: list[str] = []
    for match in _TOKEN.finditer(text, place):
        token = match.group()
        if not open_brackets and token in marks:
            return match.start(), token
        if token in _PAIRS:
            open_brackets.append(_PAIRS[token])
        elif open_brackets and token == open_brackets[-1]:
            open_brackets.pop()
    return len(text), ""


def _why(text: str, selector: bool = False) -> Clause | None:
    if _LOADS.search(text):
        return LOADS
    if _RUNS.search(text) and not selector:
        return RUNS
    return UNREADABLE if _UNREADABLE.search(text.replace("\\", "") if selector else text) else None


def _shown(text: str) -> str:
    short = " ".join(text.split())
    return short if len(short) <= _LONGEST_SHOWN else f"{short[:_LONGEST_SHOWN]}…"


def _lines_of(match: re.Match[str]) -> str:
    """Return the line breaks of a comment alone; a string that looks like one stays."""
    if match.group()[0] != "/":
        return match.group()
    return "\n" * match.group().count("\n") or " "
