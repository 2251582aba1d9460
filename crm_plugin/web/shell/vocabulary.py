"""Words for the names that capabilities use: states, reasons, kinds, channels.

Each room of pages has a ``words.py`` with its tables; an application lists them as
:class:`crm_plugin.web.shell.i18n.Words`.
"""

from collections.abc import Callable

from crm_plugin.channels.registry import CHANNELS
from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.guard import crm
from crm_plugin.web.shell.i18n import Words, locale, plain


def _channel(name: str) -> str:
    return CHANNELS[name].label.of(locale()) if name in CHANNELS else name


WORDS = Words(
    {
        "channel": {"sms": Text("SMS"), "email": Text("E-mail"), "message": Text("Private message")},
        "purpose": {"marketing": Text("Marketing"), "service": Text("Service")},
    },
    {"channel": _channel},
)
"""What all rooms say alike."""


def has(table: str) -> bool:
    """Return whether there are words for the names of a table."""
    return any(table in words.tables for words in crm().contributed(Words))


def word(table: str, name: str | None) -> str:
    """Return the words for a name; an unknown name (a carrier's own reason) as it is.

    :raises KeyError: when there is no such table.
    """
    if name is None:
        return "–"
    rooms = [words for words in crm().contributed(Words) if table in words.tables]
    if not rooms:
        raise KeyError(table)
    for words in rooms:
        if name in words.tables[table]:
            return plain(words.tables[table][name])
    others = (words.others[table] for words in rooms if table in words.others)
    return next(others, str)(name)


def inside(table: str) -> Callable[[str], str]:
    """Return what puts names, joined by commas, into words as they stand inside a sentence."""
    return lambda names: ", ".join(word(table, name).lower() for name in names.split(", "))
