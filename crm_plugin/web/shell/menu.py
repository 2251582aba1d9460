"""The CRM's menu: inside our pages, and for the school's admin panel."""

from dataclasses import dataclass

from crm_plugin.host.records import MenuEntry
from crm_plugin.web.shell.i18n import LOCALES, catalogue, mark


@dataclass(frozen=True)
class Entry:
    """One place of the CRM."""

    key: str
    label: str
    route: str
    path: str
    permission: str = "crm.view"
    in_host: bool = True
    """The school's admin panel gets it too."""
    whole: bool = False
    """It is for who sees the whole school."""


ENTRIES = (
    Entry("home", mark("Overview"), "home", "/"),
    Entry("people", mark("People"), "people", "/people"),
    Entry("queries", mark("Quick queries"), "queries", "/queries"),
    Entry("campaigns", mark("Campaigns"), "campaigns", "/campaigns"),
    Entry("templates", mark("SMS templates"), "sms_templates", "/sms-templates", in_host=False),
    Entry("outbox", mark("Outbox"), "outbox", "/outbox", "crm.send", in_host=False),
    Entry("topics", mark("Topics"), "topics", "/topics", "crm.admin", in_host=False, whole=True),
    Entry("data", mark("Data"), "data", "/data", "crm.admin", in_host=False, whole=True),
    Entry("tokens", mark("API tokens"), "tokens", "/tokens", "crm.admin", in_host=False, whole=True),
    Entry("health", mark("Health"), "health", "/health", in_host=False),
)


def host_menu(prefix: str) -> list[MenuEntry]:
    """Return the entries for the school's admin panel.

    :param prefix: where the pages are mounted, such as ``/admin/crm``.
    """
    return [
        MenuEntry(entry.key, _in_all_locales(entry.label), prefix + entry.path, entry.permission)
        for entry in ENTRIES
        if entry.in_host
    ]


def _in_all_locales(text: str) -> dict[str, str]:
    return {name: (catalogue(name).get(text) or (text,))[0] for name in LOCALES}
