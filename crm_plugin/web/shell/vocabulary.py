"""Words for the names that capabilities use: states, reasons, kinds, channels.

Each room of pages has a ``words.py`` with its tables; :mod:`crm_plugin.web` brings them together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.guard import crm
from crm_plugin.web.shell.i18n import SPOKEN, locale, plain


def _channel(name: str) -> str:
    return CHANNELS[name].label.of(locale()) if name in CHANNELS else name


TABLES: dict[str, Mapping[str, Text]] = {
    "channel": {"sms": Text("SMS"), "email": Text("E-mail"), "message": Text("Private message")},
    "purpose": {"marketing": Text("Marketing"), "service": Text("Service")},
}
OTHERS: dict[str, Callable[[str], str]] = {"channel": _channel}
"""Table → what says a name that it does not have."""


@dataclass(frozen=True)
class Words:
    """What a capability adds to the tables: table → name → words."""

    tables: Mapping[str, Mapping[str, Text]]


def learn(words: ModuleType) -> None:
    """Take the tables of a room: its ``TABLES``, ``OTHERS`` and ``SPOKEN``, whichever it has."""
    TABLES.update(getattr(words, "TABLES", {}))
    OTHERS.update(getattr(words, "OTHERS", {}))
    SPOKEN.update(getattr(words, "SPOKEN", {}))


def word(table: str, name: str | None) -> str:
    """Return the words for a name; an unknown name (a carrier's own reason) as it is."""
    if name is None:
        return "–"
    text = TABLES[table].get(name) or _brought(table, name)
    if text is not None:
        return plain(text)
    return OTHERS[table](name) if table in OTHERS else name


def _brought(table: str, name: str) -> Text | None:
    known = (words.tables.get(table, {}).get(name) for words in crm().contributed(Words))
    return next((text for text in known if text is not None), None)


def inside(table: str) -> Callable[[str], str]:
    """Return what puts names, joined by commas, into words as they stand inside a sentence."""
    return lambda names: ", ".join(word(table, name).lower() for name in names.split(", "))
