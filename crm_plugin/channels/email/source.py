"""Reads an author's HTML as it was written: what will be taken out, with its line, and what the head says.

The cleaner keeps what is safe and says nothing of the rest. So this reader goes by the same tables, while
lines are still known.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

from crm_plugin.channels.base import Problem
from crm_plugin.channels.content import Slot
from crm_plugin.channels.email import css, removals
from crm_plugin.channels.email.allowed import BEGUN, DOCUMENT, PICTURE, TAGS, WEB, has_place
from crm_plugin.channels.email.placeholders import Marker
from crm_plugin.channels.email.removals import Removal
from crm_plugin.kernel.errors import BadInput, Clause

METAS = (
    "color-scheme",
    "format-detection",
    "supported-color-schemes",
    "x-apple-disable-message-reformatting",
)
"""Names of meta elements that mail programs heed."""
_PLAIN_META = re.compile(r"[\w ,.=-]*")
_MEDIA = re.compile(r"[\w\s(),.:/-]+")
_CONDITION = re.compile(r"\[if ([^\]]*)\]>(?!\s*<!-*\s*\Z)", re.I)
"""A comment for Outlook; one that ends at once (``<!--[if !mso]><!-->``) hides nothing from others."""
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>]*))?""")
_DRAWINGS = ("svg", "math")
_REASONS = {
    **dict.fromkeys(("script", "iframe", "object", "embed", "applet"), removals.RUNS),
    **dict.fromkeys(("link", "base", "source", "video", "audio", "picture", "track"), removals.LOADS),
    **dict.fromkeys(("form", "input", "button", "select", "textarea", "label"), removals.NO_ANSWER),
}
"""Tag → why it goes; any other is not known."""
_LOADING = ("background", "srcset", "poster")
_NO_EFFECT = re.compile(r"xmlns|.*:.*|offset", re.I)
"""Attributes that no mail program heeds: those of editors and of other XML."""
_SHOWN = 80


@dataclass
class Source:
    """A document as its author wrote it, with its styles made harmless."""

    document: str = ""
    styles: str = ""
    title: str = ""
    metas: dict[str, str] = field(default_factory=dict)
    html: dict[str, str] = field(default_factory=dict)
    """Attributes of the element html."""
    body: dict[str, str] = field(default_factory=dict)
    """Attributes of the element body."""
    removals: list[Removal] = field(default_factory=list)
    addresses: list[Problem] = field(default_factory=list)
    """Links and pictures that no mail program finds."""


def read(document: str, marker: Marker, place: str) -> Source:
    """Read a document.

    :raises BadInput: ``content.unsafe_address`` for a variable in its styles or its head.
    """
    reader = _SourceReader(document, marker, place)
    reader.feed(document)
    reader.close()
    return reader.finished()


class _SourceReader(HTMLParser):
    def __init__(self, document: str, marker: Marker, place: str) -> None:
        super().__init__()
        self._text = document
        self._marker = marker
        self._place = place
        self._starts = [0, *(match.end() for match in re.finditer("\n", document))]
        self._inside: tuple[str, int, int, str] | None = None
        """(style or title, where its tag begins, where its content begins, its attribute media)."""
        self._drawing = 0
        self._pieces: list[str] = []
        self._copied = 0
        self._found = Source()

    def finished(self) -> Source:
        """Return what was found, after the end of the document."""
        self._end_content(len(self._text), len(self._text))
        self._found.document = "".join([*self._pieces, self._text[self._copied :]])
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what of a tag goes, and what the head says."""
        values = {name: value or "" for name, value in reversed(attrs)}  # the first of a name holds
        if tag in _DRAWINGS:
            self._drawing += 1
        if "style" in values:
            self._style(values["style"])
        if tag in ("style", "title") and not self._drawing:
            at = self._offset()
            inside = at + len(self.get_starttag_text() or "")
            self._inside = (tag, at, inside, values.get("media", ""))
        elif tag == "meta":
            self._meta(values)
        elif tag in ("html", "body"):
            self._root(tag, values)
        elif not self._drawing or tag in _DRAWINGS:
            self._element(tag, values)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """HTML knows no empty elements but its own: a slash at the end of a tag says nothing."""
        self.handle_starttag(tag, attrs)
        if tag in _DRAWINGS:
            self._drawing -= 1

    def handle_endtag(self, tag: str) -> None:
        """End a style, a title or a drawing."""
        if tag in _DRAWINGS and self._drawing:
            self._drawing -= 1
        if self._inside is not None and tag == self._inside[0]:
            end = self._text.find(">", self._offset()) + 1
            self._end_content(self._offset(), end or len(self._text))

    def handle_comment(self, data: str) -> None:
        """Note a comment that Outlook would have read; others nobody sees."""
        if condition := _CONDITION.match(data):
            self._remove(f"<!--[if {condition[1][:_SHOWN]}]>", removals.FOR_OUTLOOK)

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Read ``<![…]>`` as HTML does, as a comment; Python stumbles over words that it does not know."""
        return self.parse_bogus_comment(i, bool(report))

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column

    def _remove(self, what: str, why: Clause) -> None:
        self._found.removals.append(Removal(what, why, self.getpos()[0]))

    def _end_content(self, end: int, after: int) -> None:
        """Take in the content of a style or title that ends here."""
        if self._inside is None:
            return
        kind, begin, start, media = self._inside
        self._inside, text = None, self._text[start:end]
        if kind == "title":
            self._found.title = self._found.title or text.strip()
            return
        self._refuse_slot(text)
        clean, gone = css.clean_sheet(text, self._text.count("\n", 0, start) + 1)
        if media.strip().lower() not in ("", "all", "screen"):
            clean = f"@media {media.strip()} {{{clean}}}" if _MEDIA.fullmatch(media) else ""
        self._found.removals += gone
        self._found.styles += f"{clean}\n" if clean else ""
        self._pieces += [self._text[self._copied : begin], f"<style>{clean}</style>"]
        self._copied = after

    def _meta(self, values: Mapping[str, str]) -> None:
        name, content = values.get("name", "").lower(), values.get("content", "")
        if name in METAS and _PLAIN_META.fullmatch(content):
            self._refuse_slot(content)
            self._found.metas[name] = content
        elif values.get("http-equiv", "").lower() == "refresh":
            self._remove("<meta http-equiv=refresh>", removals.RUNS)

    def _root(self, tag: str, values: Mapping[str, str]) -> None:
        kept = self._found.html if tag == "html" else self._found.body
        for name, value in values.items():
            if has_place(tag, name):
                self._refuse_slot(value)
                kept.setdefault(name, value)
        self._attributes(tag, values)

    def _element(self, tag: str, values: Mapping[str, str]) -> None:
        if tag not in TAGS | DOCUMENT:
            self._remove(f"<{tag}>", _REASONS.get(tag, removals.UNKNOWN_TAG))
            return
        self._attributes(tag, values)
        if "href" in values:
            self._address(values["href"].strip(), WEB, BEGUN)
        if tag == "img" and "src" in values:
            self._address(values["src"].strip(), PICTURE)

    def _attributes(self, tag: str, values: Mapping[str, str]) -> None:
        for name in values:
            if not has_place(tag, name) and not _NO_EFFECT.fullmatch(name):
                why = removals.LOADS if name in _LOADING else removals.UNKNOWN_ATTRIBUTE
                self._remove(name, removals.RUNS if name.startswith("on") else why)

    def _style(self, value: str) -> None:
        """Write an attribute style without what goes: one broken declaration stops the inlining of all."""
        clean, gone = css.clean_declarations(value, self.getpos()[0])
        if not gone:
            return
        self._found.removals += gone if not self._drawing else []
        tag = self.get_starttag_text() or ""
        written = next(one for one in _ATTRIBUTE.finditer(tag, 1) if one[1].lower() == "style")
        start = self._offset()
        self._pieces += [self._text[self._copied : start + written.start(2)], f'"{html.escape(clean)}"']
        self._copied = start + written.end(2)

    def _address(self, url: str, *patterns: re.Pattern[str]) -> None:
        """Note an address that leads nowhere; one with a variable is judged where it is put together."""
        if self._marker.first_slot(url) is not None or any(pattern.match(url) for pattern in patterns):
            return
        if url or patterns == (PICTURE,):
            params = {"line": self.getpos()[0], "url": url[:_SHOWN]}
            self._found.addresses.append(Problem("content.bad_address", self._place, params))

    def _refuse_slot(self, text: str) -> None:
        slot: Slot | None = self._marker.first_slot(text)
        if slot is not None:
            raise BadInput("content.unsafe_address", self._place, line=slot.line, name=slot.name)
