"""One entry of the CRM's menu, and what the school's admin panel gets of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from crm_plugin.host.records import MenuEntry
from crm_plugin.kernel.i18n import Text, locales


@dataclass(frozen=True)
class Entry:
    """One place of the CRM."""

    key: str
    label: Text
    route: str
    path: str
    permission: str = "crm.view"
    in_host: bool = True
    """The school's admin panel gets it too."""
    whole: bool = False
    """It is for who sees the whole school."""
    setting: bool = False
    """It stands under Settings, at the end of our menu; the school's admin panel does not get it."""


def host_menu(entries: Iterable[Entry], prefix: str) -> list[MenuEntry]:
    """Return the entries for the school's admin panel.

    :param prefix: where the pages are mounted, such as ``/admin/crm``.
    """
    return [
        MenuEntry(entry.key, _in_all_locales(entry.label), prefix + entry.path, entry.permission)
        for entry in entries
        if entry.in_host and not entry.setting
    ]


def _in_all_locales(text: Text) -> dict[str, str]:
    return {locale: text.of(locale) for locale in locales()}
