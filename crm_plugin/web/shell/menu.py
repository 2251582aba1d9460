"""The CRM's menu: inside our pages, and for the school's admin panel."""

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


ENTRIES = (
    Entry("home", Text("Overview"), "home", "/"),
    Entry("people", Text("People"), "people", "/people"),
    Entry("queries", Text("Quick queries"), "queries", "/queries"),
    Entry("campaigns", Text("Campaigns"), "campaigns", "/campaigns"),
    Entry("templates", Text("SMS templates"), "sms_templates", "/sms-templates", in_host=False),
    Entry("outbox", Text("Outbox"), "outbox", "/outbox", "crm.send", in_host=False),
    Entry("topics", Text("Topics"), "topics", "/topics", "crm.admin", in_host=False, whole=True),
    Entry("data", Text("Data"), "data", "/data", "crm.admin", in_host=False, whole=True),
    Entry("tokens", Text("API tokens"), "tokens", "/tokens", "crm.admin", in_host=False, whole=True),
    Entry("health", Text("Health"), "health", "/health", in_host=False),
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


def _in_all_locales(text: Text) -> dict[str, str]:
    return {locale: text.of(locale) for locale in locales()}
