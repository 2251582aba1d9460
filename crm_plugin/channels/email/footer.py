"""What a marketing e-mail ends with when its author left the opt-out out; in the language of its text."""

import re
from collections.abc import Iterable

from crm_plugin.channels.content import Piece, Prepared, Slot, clean
from crm_plugin.channels.email.html import escape_html
from crm_plugin.kernel.i18n import Text, locales

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[A-Za-z]{3}")
UNSUBSCRIBE = Slot("unsubscribe")

_SENTENCE = Text("You receive this e-mail as a learner of {site}.", "e-mail footer")
_UNSUBSCRIBE = Text("Unsubscribe", "e-mail footer")


def _words(locale: str, site: str) -> tuple[str, str]:
    return _SENTENCE.of(locale).format(site=clean(site) or "—"), _UNSUBSCRIBE.of(locale)


def locale_of(pieces: Iterable[Prepared | Piece], school: str) -> str:
    """Return the language that a content is written in; the school's where a text is too short to decide."""
    written = " ".join(piece for piece in pieces if isinstance(piece, str))
    han = bool(_HAN.search(written))
    if not han and not _WORD.search(written):
        return school
    alike = (one for one in (school, *locales()) if bool(_HAN.search(_SENTENCE.of(one))) == han)
    return next(alike, school)


def html_footer(locale: str, site: str) -> list[Prepared]:
    """Return the footer for the HTML part."""
    sentence, word = _words(locale, site)
    style = "margin:32px 0 0;padding:16px 0;border-top:1px solid #e5e7eb;color:#6b7280;font-size:13px"
    start = f'<p style="{style}">{escape_html(sentence)} <a style="color:#6b7280" href="'
    return [start, (UNSUBSCRIBE, escape_html), f'">{word}</a></p>']


def text_footer(locale: str, site: str) -> list[Piece]:
    """Return the footer for the text part."""
    sentence, word = _words(locale, site)
    return [f"\n\n-- \n{sentence}\n{word}: ", UNSUBSCRIBE, "\n"]
