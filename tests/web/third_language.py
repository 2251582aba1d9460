"""A language that nobody speaks: its letters are full-width, so that English is seen at once."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

import crm_plugin

LANGUAGE = "ja"
"""Dates and money are Japanese, which have no letters of English."""
_BLANKS = re.compile(r"(%\(\w+\)s|%%|\$?\{+[^{}]*\}+)")
_FULL = {ord("a") + n: 0xFF41 + n for n in range(26)} | {ord("A") + n: 0xFF21 + n for n in range(26)}
_ENGLISH = re.compile(r"[A-Za-z]{2,}")
_SHOWN = ("title", "aria-label", "placeholder", "alt", "data-confirm", "label")
_UNREAD = ("script", "style", "code", "svg")
_VOID = ("input", "br", "img", "link", "meta", "hr", "source", "wbr")


def messages() -> ModuleType:
    """Return the command behind `make messages`."""
    file = Path(crm_plugin.__file__).parent / "_build" / "crm_messages.py"
    spec = spec_from_file_location("crm_messages", file)
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def said(text: str, context: str | None = None) -> str:
    """Return a text in the language; its blanks, and patterns of dates, as they are."""
    if context == "date pattern":
        return {"d MMM y": "y年M月d日", "d MMM y, HH:mm": "y年M月d日 HH:mm", "MMM y": "y年M月"}[text]
    pieces = _BLANKS.split(text)
    return "".join(piece if index % 2 else piece.translate(_FULL) for index, piece in enumerate(pieces))


def write(folder: Path) -> None:
    """Write the one file that a language is."""
    made = Catalog(locale=LANGUAGE)
    for one in messages().texts():
        if one.id:
            plural = not isinstance(one.id, str)
            string = (said(one.id[1]),) if plural else said(one.id, one.context)
            made.add(one.id, string, context=one.context)
    path = folder / LANGUAGE / "LC_MESSAGES" / "crm.po"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_po(file, made)


class _Reader(HTMLParser):
    """Collects what somebody reads of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self._open.append(tag)
        self.texts += [value for name, value in attrs if name in _SHOWN and value]
        if tag == "input" and dict(attrs).get("type") in ("submit", "button"):
            self.texts.append(dict(attrs).get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not any(tag in _UNREAD for tag in self._open):
            self.texts.append(data)


def english(html: str, *known: str) -> Iterator[str]:
    """Yield the pieces of a page with English in them.

    :param known: patterns of what no language changes.
    """
    reader = _Reader()
    reader.feed(html)
    for text in reader.texts:
        left = text
        for pattern in known:
            left = re.sub(pattern, "", left)
        if _ENGLISH.search(left):
            yield " ".join(text.split())
