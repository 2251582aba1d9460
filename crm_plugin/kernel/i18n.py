"""Words in the reader's language: English is the key, and each other language has a gettext catalogue.

A language is a folder, ``crm_plugin/translations/<language>/LC_MESSAGES/crm.po``; nothing else lists it.
``make messages`` writes the catalogues. They are read at run time, so that no compiled file must be kept
beside them. The folder of Chinese is ``zh`` and not ``zh_CN``: Babel parses the latter as ``zh_Hans_CN``.
"""

from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, Self

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE = "en"
"""The language that texts are written in; it needs no catalogue."""
FOLDER = Path(str(files("crm_plugin"))) / "translations"


class Text(str):
    """A text that people read: equal to its English, and said in another language by :meth:`of`.

    Writing ``Text("…")`` puts the text into the catalogues; see ``make messages``.

    :param text: English, the key of its translations.
    :param context: what is meant, where one English text means two things.
    :param blanks: what fills in its ``{names}``: texts again, or what no language changes.
    """

    key: str
    context: str
    blanks: dict[str, Any]

    def __new__(cls, text: str, context: str = "", /, **blanks: Any) -> Self:
        """Make the text."""
        made = super().__new__(cls, text.format(**blanks) if blanks else text)
        made.key, made.context, made.blanks = text, context, blanks
        return made

    def of(self, locale: str) -> str:
        """Return the text in a language; in English where it is not translated."""
        said = translate(self.key, locale, self.context)
        if not self.blanks:
            return said
        return said.format(
            **{name: one.of(locale) if isinstance(one, Text) else one for name, one in self.blanks.items()}
        )


@lru_cache(maxsize=1)
def locales() -> tuple[str, ...]:
    """Return the languages there are: English first, then each folder with a catalogue."""
    found = (path.parts[-3] for path in FOLDER.glob("*/LC_MESSAGES/crm.po"))
    return (SOURCE, *sorted(found))


@cache
def catalogue(locale: str) -> NullTranslations:
    """Return the translations of a language; of English, none."""
    path = FOLDER / locale / "LC_MESSAGES" / "crm.po"
    if locale not in locales() or not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=locale))
    compiled.seek(0)
    return GNUTranslations(compiled)


def translate(text: str, locale: str, context: str = "") -> str:
    """Return a text in a language; in English where it is not translated.

    :param locale: such as ``zh``, ``zh-CN`` or ``zh_Hans``; only its language counts.
    :param context: see :class:`Text`.
    """
    if not text:
        return text  # the key of a catalogue's own head
    found = catalogue(choose(locale))
    return found.pgettext(context, text) if context else found.gettext(text)


def translate_plural(one: str, many: str, count: int, locale: str) -> str:
    """Return the form of a text for a number, as the language counts."""
    return catalogue(choose(locale)).ngettext(one, many, count)


def choose(wanted: str | None, accepted: str | None = None) -> str:
    """Return the language to use: the one that is wanted, else the browser's, else English.

    :param wanted: a locale such as ``zh-CN`` or ``zh_Hans``; only its language counts.
    :param accepted: an Accept-Language header.
    """
    for tag in [wanted or "", *(part.split(";")[0] for part in (accepted or "").split(","))]:
        language = tag.strip().replace("-", "_").split("_")[0].lower()
        if language in locales():
            return language
    return SOURCE


def own_name(locale: str) -> str:
    """Return the name of a language in that language, such as ``中文``."""
    return str(Locale.parse(locale).get_display_name(locale))
