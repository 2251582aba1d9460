"""From an author's HTML to slots: css inlined, sanitised, each value escaped for the place it stands in.

Variables are hidden behind words that no cleaner touches, the document is cleaned, and the words are
found again with their context: text, an attribute, or an address. What a value could turn into code
or into somebody else's address is refused while the campaign is being written. What is taken out is
named (:mod:`crm_plugin.channels.email.source`).
"""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import css_inline
import nh3

from crm_plugin.channels.base import Problem
from crm_plugin.channels.content import ADDRESSES, Escape, Piece, Prepared, Slot, as_is, clean
from crm_plugin.channels.email import css, removals, source
from crm_plugin.channels.email.allowed import (
    ATTRIBUTES,
    BEGUN,
    CONTENT_GOES,
    PICTURE,
    PREFIXES,
    SCHEMES,
    TAGS,
    WEB,
    WITH_VALUES,
)
from crm_plugin.channels.email.placeholders import Marker, Thing
from crm_plugin.channels.email.source import Source
from crm_plugin.channels.links_apart import apart
from crm_plugin.kernel.errors import BadInput, Clause

# What nh3 writes is regular: attribute values in double quotes, with " and & escaped.
_TAG = re.compile(r'<[a-zA-Z][^\s/>]*(?:\s+[^\s=>]+="[^"]*")*\s*/?>')
_BLANKS = re.compile(rf"({_TAG.pattern}| )")
_PREFORMATTED = re.compile(r"<pre\b|white-space", re.I)
_ATTRIBUTE = re.compile(r'([^\s=<>"]+)="([^"]*)"')
_ALT = re.compile(r'\salt="([^"]*)"')
FOLDED = 300
"""Letters of a line after which the next blank ends it; values make it longer still."""
LONGEST = 100_000
"""Bytes of what an author writes: most designs are longer than any text."""
LONGEST_PAGE = 400_000
"""Bytes of a document with its styles inlined: a rule for everything, twenty times what was written."""
CLIPPED = 102_000
"""Bytes after which Gmail cuts a message off, with the opt-out at its end."""


def escape_html(value: str) -> str:
    """Escape a value for text and for attributes in double quotes."""
    return html.escape(value, quote=True)


def escape_in_url(value: str) -> str:
    """Escape a value inside an address that stands in an attribute."""
    return quote(value, safe="")


@dataclass
class Body:
    """An HTML document cut at its slots and tracked addresses."""

    pieces: list[Prepared] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    plain: str = ""
    """The cleaned document with words in it: the text part is made from it."""
    source: Source = field(default_factory=Source)
    """What its head and its body element say."""
    problems: list[Problem] = field(default_factory=list)
    """What was taken out, and links that cannot be counted."""


def read(pieces: Iterable[Piece], constants: Mapping[str, str], marker: Marker, place: str = "html") -> Body:
    """Make an author's HTML ready: what stands inside its body, and what is to be known of the rest.

    Where links or pictures lead nowhere, the body is empty and its problems name them.

    :raises BadInput: ``content.unsafe_address`` for a variable where no escaping is safe,
        ``content.bad_address`` for a link or picture that no mail program finds, ``content.too_long``.
    """
    written = source.read(marker.hide(pieces), marker, place)
    gone = removals.problems(written.removals, place)
    if written.addresses:
        return Body(problems=[*written.addresses[: removals.MOST], *gone])
    document = _inlined(written.document, place)
    reader = _Reader(constants, marker, place)
    cleaned = _folded(_cleaned(document))
    last = 0
    for match in _TAG.finditer(cleaned):
        reader.text(cleaned[last : match.start()])
        reader.tag(match.group())
        last = match.end()
    reader.text(cleaned[last:])
    # The rules for body and html stand in their tags only now.
    reader.body.source = source.read(document, marker, place)
    reader.body.problems = [*gone, *reader.body.problems]
    return reader.body


class _Reader:
    """Appends what it meets to a :class:`Body`, with the escaping of the place."""

    def __init__(self, constants: Mapping[str, str], marker: Marker, place: str) -> None:
        self.body = Body()
        self._constants = constants
        self._marker = marker
        self._place = place
        self._link = ""
        """Of the element a that is open: where it leads, for the text part."""

    def text(self, text: str) -> None:
        self._append(apart(self._put_together(text)), escape_html)
        if self._link and "</a>" in text:
            text, self._link = text.replace("</a>", f" {self._link} </a>", 1), ""
        self.body.plain += text

    def _put_together(self, text: str) -> list[Prepared]:
        parts = self._marker.split(text)
        return [(part, escape_html) if isinstance(part, Slot) else part for part in parts]

    def tag(self, tag: str) -> None:
        last = 0
        plain = ""
        for match in _ATTRIBUTE.finditer(tag):
            name, raw = match.group(1).lower(), match.group(2)
            start = tag[last : match.start(2)]
            self.body.pieces.append(start)
            shown = self._href(html.unescape(raw)) if name == "href" else self._attribute(name, raw)
            plain += f"{start}{shown}"
            if name == "href" and not shown.startswith("#"):
                self._link = shown
            last = match.end(2)
        self.body.pieces.append(tag[last:])
        self.body.plain += self._plain(tag, plain + tag[last:])

    def _plain(self, tag: str, shown: str) -> str:
        """Return a tag for the text part, which has the words of a picture instead of it."""
        name = tag[1:5].lower()
        if name not in ("img ", "area"):
            return shown
        alt = _ALT.search(tag)
        words = f" {alt[1]} " if alt else " "
        if name == "area":
            words, self._link = f"{words}{self._link}<br>", ""
        return words

    def _attribute(self, name: str, raw: str) -> str:
        slot = self._marker.first_slot(raw)
        if slot is not None and name not in WITH_VALUES:
            raise self._unsafe(slot)
        if name == "src" and not PICTURE.match(html.unescape(raw)):
            raise self._bad(html.unescape(raw))
        self._append(self._put_together(raw), escape_html)
        return raw

    def _href(self, written: str) -> str:
        """Append an address; return it as the text part is to show it."""
        url = written.strip()
        parts = [self._constant(part, index) for index, part in enumerate(self._marker.split(url))]
        if not any(isinstance(part, Slot) for part in parts):
            return self._literal(self._safe("".join(str(part) for part in parts), url))
        first, slot = parts[0], next(part for part in parts if isinstance(part, Slot))
        ours = isinstance(first, Slot) and first.name in ADDRESSES
        if not ours and not (isinstance(first, str) and BEGUN.match(first)):
            raise self._unsafe(slot)
        if not ours or len(parts) > 1:
            self._untracked(parts, slot)
        self._append(parts[:1], escape_html, raw=False)
        self._append(parts[1:], escape_in_url, raw=False)
        return escape_html("".join(self._shown(part, index) for index, part in enumerate(parts)))

    def _untracked(self, parts: Iterable[str | Thing], slot: Slot) -> None:
        """Report an address that is another one for each person, or that is no longer ours alone."""
        url = "".join(f"{{{{ {part.name} }}}}" if isinstance(part, Slot) else str(part) for part in parts)
        if slot.name in ADDRESSES and url.startswith("{{"):
            raise self._bad(url, slot.line)
        params = {"line": slot.line, "url": url[:80]}
        self.body.problems.append(Problem("content.untracked_link", self._place, params, severe=False))

    def _safe(self, address: str, written: str) -> str:
        """Return an address that the campaign's own words are part of; the cleaner has not seen those."""
        slot = self._marker.first_slot(written)
        if slot is not None and not (WEB.match(address) or BEGUN.match(address)):
            raise self._unsafe(slot)
        return address

    def _shown(self, part: str | Thing, index: int) -> str:
        if isinstance(part, Slot):
            return self._marker.word((part, escape_in_url if index else as_is))
        return str(part)

    def _constant(self, part: str | Thing, index: int) -> str | Thing:
        value = self._constants.get(part.name) if isinstance(part, Slot) else None
        if value is None:
            return part
        return clean(value) if index == 0 else escape_in_url(clean(value))

    def _literal(self, url: str) -> str:
        if not WEB.match(url):
            if url and not BEGUN.match(url):
                raise self._bad(url)
            self.body.pieces.append(escape_html(url))
            return escape_html(url)
        if url not in self.body.targets:
            self.body.targets.append(url)
        number = self.body.targets.index(url)
        self.body.pieces.append(number)
        return self._marker.word(number)

    def _append(self, parts: Iterable[Prepared | Thing], escape: Escape, raw: bool = True) -> None:
        for part in parts:
            if isinstance(part, Slot):
                self.body.pieces.append((part, escape))
            elif isinstance(part, str):
                self.body.pieces.append(part if raw else escape_html(part))
            else:
                self.body.pieces.append(part)

    def _unsafe(self, slot: Slot) -> BadInput:
        return BadInput("content.unsafe_address", self._place, line=slot.line, name=slot.name)

    def _bad(self, url: str, line: int = 1) -> BadInput:
        return BadInput("content.bad_address", self._place, line=line, url=url[:80])


def _inlined(document: str, place: str) -> str:
    """Put the rules for elements into their attributes; what cannot go there stays (@media, :hover)."""
    try:
        inlined: str = css_inline.inline(
            document, keep_style_tags=True, remove_inlined_selectors=True, load_remote_stylesheets=False
        )
    except css_inline.InlineError as error:
        raise BadInput(
            "content.syntax", place, line=1, reason=Clause("style: {error}", error=str(error))
        ) from None
    if len(inlined.encode("utf-8", "replace")) > LONGEST_PAGE:
        raise BadInput("content.too_long", place, limit=LONGEST_PAGE)
    return inlined


def _cleaned(document: str) -> str:
    return nh3.clean(
        document,
        tags=TAGS,
        clean_content_tags=set(CONTENT_GOES),
        attributes=ATTRIBUTES,
        generic_attribute_prefixes=set(PREFIXES),
        attribute_filter=_safe_attribute,
        url_schemes=SCHEMES,
        link_rel=None,
    )


def _folded(document: str) -> str:
    """Break long lines at blanks between words: a line that mail servers take needs no base64.

    Where blanks and line breaks may show as they are, nothing is touched.
    """
    if _PREFORMATTED.search(document):
        return document
    parts, column = [], 0
    for part in _BLANKS.split(document):
        if part == " " and column >= FOLDED:
            part = "\n"
        begun = part.rfind("\n") + 1
        column = len(part) - begun + (0 if begun else column)
        parts.append(part)
    return "".join(parts)


def _safe_attribute(_tag: str, name: str, value: str) -> str | None:
    return css.clean_declarations(value)[0] or None if name == "style" else value
