"""The language of a request, and texts and errors in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import g, has_request_context, request

from crm_plugin.kernel.errors import CODES, Clause, CrmError
from crm_plugin.kernel.i18n import SOURCE, Text, choose, translate, translate_plural


def locale() -> str:
    """Return the language of this request: the actor's own, else the browser's, else English."""
    if not has_request_context():
        return SOURCE
    if "crm_locale" not in g:
        actor = g.get("crm_actor")
        g.crm_locale = choose(actor.locale if actor else None, request.headers.get("Accept-Language"))
    return str(g.crm_locale)


def plain(text: str) -> str:
    """Return the translation of ``text``, its ``%(name)s`` left alone (Jinja fills them in)."""
    return text.of(locale()) if isinstance(text, Text) else translate(text, locale())


def in_context(context: str, text: str) -> str:
    """Return the translation of what ``text`` means in a context."""
    return translate(text, locale(), context)


def plural(one: str, many: str, count: int) -> str:
    """Return the form for ``count``; Chinese has one for all numbers."""
    return translate_plural(one, many, count, locale())


def say(text: str, **params: Any) -> str:
    """Return the translation of ``text`` with ``%(name)s`` filled in."""
    found = plain(text)
    return found % params if params else found


@dataclass(frozen=True)
class Words:
    """What a room of pages says for the names that capabilities use.

    :param tables: table → name → words.
    :param others: table → what says a name that it does not have.
    :param spoken: (code of an error, its parameter) → what puts a name of ours, such as a state, into words.
    """

    tables: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)
    others: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    spoken: Mapping[tuple[str, str], Callable[[str], str]] = field(default_factory=dict)


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
    for words in g.crm.contributed(Words) if "crm" in g else ():
        if (code, name) in words.spoken:
            return words.spoken[code, name](str(value))
    return value
