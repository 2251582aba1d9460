"""Words of the pages in English and Simplified Chinese.

English texts are the keys; the Chinese ones stand in ``translations/zh/LC_MESSAGES/crm.po``, read at
run time, so that no compiled file must be kept beside it. The folder is ``zh`` and not ``zh_CN``:
Babel parses the latter as ``zh_Hans_CN`` and never finds it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po
from flask import g, has_request_context, request

from crm_plugin.kernel.errors import CODES, Clause, CrmError

LOCALES = ("en", "zh")
NAMES = {"en": "English", "zh": "简体中文"}
_FOLDER = Path(__file__).parents[1] / "translations"


def mark(text: str) -> str:
    """Return ``text`` as it is: marks a text of a table for translation when it is shown."""
    return text


@lru_cache(maxsize=len(LOCALES))
def catalogue(locale: str) -> dict[str, Sequence[str]]:
    """Return English text → its forms in ``locale``; empty for English itself."""
    path = _FOLDER / locale / "LC_MESSAGES" / "crm.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        entries = read_po(file, locale=locale)
    found: dict[str, Sequence[str]] = {}
    for entry in entries:
        if entry.id and entry.string:
            key = entry.id if isinstance(entry.id, str) else entry.id[0]
            found[key] = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string)
    return found


def choose(wanted: str | None, accepted: str | None = None) -> str:
    """Return the locale to use: the actor's own, else the browser's, else English.

    :param wanted: a locale such as ``zh-CN`` or ``zh_Hans``; only its language counts.
    :param accepted: an Accept-Language header.
    """
    for tag in [wanted or "", *(part.split(";")[0] for part in (accepted or "").split(","))]:
        language = tag.strip().replace("-", "_").split("_")[0].lower()
        if language in LOCALES:
            return language
    return LOCALES[0]


def locale() -> str:
    """Return the locale of this request."""
    if not has_request_context():
        return LOCALES[0]
    if "crm_locale" not in g:
        actor = g.get("crm_actor")
        g.crm_locale = choose(actor.locale if actor else None, request.headers.get("Accept-Language"))
    return str(g.crm_locale)


def plain(text: str) -> str:
    """Return the translation of ``text``, its ``%(name)s`` left alone (Jinja fills them in)."""
    forms = catalogue(locale()).get(text, ())
    return forms[0] if forms and forms[0] else text


def plural(one: str, many: str, count: int) -> str:
    """Return the form for ``count``; Chinese has one for all numbers."""
    forms = catalogue(locale()).get(one, ())
    if forms and forms[-1]:
        return forms[0] if len(forms) == 1 or count == 1 else forms[-1]
    return one if count == 1 else many


def say(text: str, **params: Any) -> str:
    """Return the translation of ``text`` with ``%(name)s`` filled in."""
    found = plain(text)
    return found % params if params else found


SPOKEN: dict[tuple[str, str], Callable[[str], str]] = {}
"""(code of an error, its parameter) → function that puts a name of ours, such as a state, into words."""


def explain(error: CrmError, *, placed: bool = True) -> str:
    """Return an error as one line in the locale of this request.

    :param placed: with its place in the input; on a form, which shows no such names, it is left out.
    """
    params = {name: _spoken(error.code, name, one) for name, one in error.params.items()}
    text = plain(CODES[error.code]).format(**params)
    return f"{error.place}: {text}" if error.place and placed else text


def _spoken(code: str, name: str, value: Any) -> Any:
    if isinstance(value, Clause):
        return plain(value.text).format(**{key: _spoken(code, "", one) for key, one in value.params.items()})
    speak = SPOKEN.get((code, name))
    return speak(str(value)) if speak else value
