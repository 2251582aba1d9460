"""From an author's HTML to slots: css inlined, sanitised, each value escaped for the place it stands in.

Variables are hidden behind words that no cleaner touches, the document is cleaned, and the words are
found again with their context: text, an attribute, or an address. What a value could turn into code
or into somebody else's address is refused while the campaign is being written.
"""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote

import css_inline
import nh3

from crm_plugin.channels.content import ADDRESSES, Escape, Piece, Prepared, Slot, as_is, clean
from crm_plugin.channels.email.placeholders import Marker, Thing
from crm_plugin.kernel.errors import BadInput, Clause

_TAGS = nh3.ALLOWED_TAGS | {"font", "section", "main"}
_STYLED = ("style", "align", "valign", "width", "height", "bgcolor", "border", "cellpadding", "cellspacing")
_ATTRIBUTES = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
_ATTRIBUTES["*"] = {*_STYLED, "class", "id", "dir", "lang", "title", "role"}
_ATTRIBUTES["font"] = {"color", "face", "size"}
_SCHEMES = {"http", "https", "mailto", "tel", "sms"}
_WITH_VALUES = ("alt", "title")
"""Attributes that may hold a person's value: they are shown and never run."""
_BAD_CSS = re.compile(r"@import|url\s*\(|expression\s*\(|javascript:|-moz-binding|behaviou?r\s*:|[<\\]", re.I)
# What nh3 writes is regular: attribute values in double quotes, with " and & escaped.
_TAG = re.compile(r'<[a-zA-Z][^\s/>]*(?:\s+[^\s=>]+="[^"]*")*\s*/?>')
_BLANKS = re.compile(rf"({_TAG.pattern}| )")
_PREFORMATTED = re.compile(r"<pre\b|white-space", re.I)
_ATTRIBUTE = re.compile(r'([^\s=<>"]+)="([^"]*)"')
_WEB = re.compile(r"https?://[^/?#\s]+", re.I)
_BEGUN = re.compile(r"https?://[^/?#\s]+[/?#]|mailto:|tel:|sms:|#", re.I)
_PICTURE = re.compile(r"https://[^/?#\s]+", re.I)
FOLDED = 300
"""Letters of a line after which the next blank ends it; values make it longer still."""
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

    @property
    def size(self) -> int:
        """Bytes of it, as far as they are the same for everybody."""
        return sum(len(piece.encode("utf-8", "replace")) for piece in self.pieces if isinstance(piece, str))


def read(pieces: Iterable[Piece], constants: Mapping[str, str], marker: Marker, place: str = "html") -> Body:
    """Make an author's HTML ready.

    :raises BadInput: ``content.unsafe_address`` for a variable where no escaping is safe,
        ``content.bad_address`` for a link or picture that no mail program finds, ``content.too_long``.
    """
    document = _inlined(marker.hide(pieces), place)
    reader = _Reader(constants, marker, place)
    reader.body.pieces.append(_head(_kept_style(document, marker, place)))
    cleaned = _folded(_cleaned(document))
    last = 0
    for match in _TAG.finditer(cleaned):
        reader.text(cleaned[last : match.start()])
        reader.tag(match.group())
        last = match.end()
    reader.text(cleaned[last:])
    reader.body.pieces.append("</body></html>\n")
    return reader.body


class _Reader:
    """Appends what it meets to a :class:`Body`, with the escaping of the place."""

    def __init__(self, constants: Mapping[str, str], marker: Marker, place: str) -> None:
        self.body = Body()
        self._constants = constants
        self._marker = marker
        self._place = place

    def text(self, text: str) -> None:
        self._append(self._marker.split(text), escape_html)
        self.body.plain += text

    def tag(self, tag: str) -> None:
        last = 0
        for match in _ATTRIBUTE.finditer(tag):
            name, raw = match.group(1).lower(), match.group(2)
            start = tag[last : match.start(2)]
            self.body.pieces.append(start)
            shown = self._href(html.unescape(raw)) if name == "href" else self._attribute(name, raw)
            self.body.plain += f"{start}{shown}"
            last = match.end(2)
        self.body.pieces.append(tag[last:])
        self.body.plain += tag[last:]

    def _attribute(self, name: str, raw: str) -> str:
        slot = self._marker.first_slot(raw)
        if slot is not None and name not in _WITH_VALUES:
            raise self._unsafe(slot)
        if name == "src" and not _PICTURE.match(html.unescape(raw)):
            raise BadInput("content.bad_address", self._place, url=html.unescape(raw)[:80])
        self._append(self._marker.split(raw), escape_html)
        return raw

    def _href(self, url: str) -> str:
        """Append an address; return it as the text part is to show it."""
        parts = [self._constant(part, index) for index, part in enumerate(self._marker.split(url))]
        if not any(isinstance(part, Slot) for part in parts):
            return self._literal(self._safe("".join(str(part) for part in parts), url))
        first, slot = parts[0], next(part for part in parts if isinstance(part, Slot))
        ours = isinstance(first, Slot) and first.name in ADDRESSES
        if not ours and not (isinstance(first, str) and _BEGUN.match(first)):
            raise self._unsafe(slot)
        self._append(parts[:1], escape_html, raw=False)
        self._append(parts[1:], escape_in_url, raw=False)
        return escape_html("".join(self._shown(part, index) for index, part in enumerate(parts)))

    def _safe(self, address: str, written: str) -> str:
        """Return an address that the campaign's own words are part of; the cleaner has not seen those."""
        slot = self._marker.first_slot(written)
        if slot is not None and not (_WEB.match(address) or _BEGUN.match(address)):
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
        if not _WEB.match(url):
            if url and not _BEGUN.match(url):
                raise BadInput("content.bad_address", self._place, url=url[:80])
            self.body.pieces.append(escape_html(url))
            return escape_html(url)
        if url not in self.body.targets:
            self.body.targets.append(url)
        number = self.body.targets.index(url)
        self.body.pieces.append(number)
        return self._marker.word(number)

    def _append(self, parts: Iterable[str | Thing], escape: Escape, raw: bool = True) -> None:
        for part in parts:
            if isinstance(part, Slot):
                self.body.pieces.append((part, escape))
            elif isinstance(part, str):
                self.body.pieces.append(part if raw else escape_html(part))

    def _unsafe(self, slot: Slot) -> BadInput:
        return BadInput("content.unsafe_address", self._place, line=slot.line, name=slot.name)


def _inlined(source: str, place: str) -> str:
    try:
        document: str = css_inline.inline(source, keep_at_rules=True, load_remote_stylesheets=False)
    except css_inline.InlineError as error:
        raise BadInput(
            "content.syntax", place, line=1, reason=Clause("style: {error}", error=str(error))
        ) from None
    if len(document.encode("utf-8", "replace")) > LONGEST_PAGE:
        raise BadInput("content.too_long", place, limit=LONGEST_PAGE)
    return document


class _Styles(HTMLParser):
    """Collects what stands in style elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.append(data)


def _kept_style(document: str, marker: Marker, place: str) -> str:
    """Return the rules that cannot be inlined (@media); dropped when they could load or run anything."""
    styles = _Styles()
    styles.feed(document)
    text = "".join(styles.found).strip()
    slot = marker.first_slot(text)
    if slot is not None:
        raise BadInput("content.unsafe_address", place, line=slot.line, name=slot.name)
    return "" if _BAD_CSS.search(text) else text


def _cleaned(document: str) -> str:
    return nh3.clean(
        document,
        tags=_TAGS,
        clean_content_tags={"script", "style", "title"},
        attributes=_ATTRIBUTES,
        attribute_filter=_safe_attribute,
        url_schemes=_SCHEMES,
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
    return None if name == "style" and _BAD_CSS.search(value) else value


def _head(style: str) -> str:
    kept = f"<style>{style}</style>" if style else ""
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{kept}</head><body>'
    )
