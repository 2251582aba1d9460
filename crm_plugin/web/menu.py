"""The CRM's menu, from top to bottom: inside our pages, and in the school's admin panel."""

from crm_plugin.kernel.i18n import Text
from crm_plugin.web.shell.menu_entry import Entry

ENTRIES = (
    Entry("home", Text("Home"), "home", "/"),
    Entry("people", Text("People"), "people", "/people"),
    Entry("courses", Text("Courses"), "courses", "/courses"),
    Entry("classes", Text("Classes"), "classes", "/classes"),
    Entry("queries", Text("Quick queries"), "queries", "/queries"),
    Entry("campaigns", Text("Campaigns"), "campaigns", "/campaigns"),
    Entry("templates", Text("SMS templates"), "sms_templates", "/sms-templates", setting=True),
    Entry("outbox", Text("Outbox"), "outbox", "/outbox", "crm.send", setting=True),
    Entry("topics", Text("Topics"), "topics", "/topics", "crm.admin", setting=True, whole=True),
    Entry("data", Text("Data"), "data", "/data", "crm.admin", setting=True, whole=True),
    Entry("tokens", Text("API tokens"), "tokens", "/tokens", "crm.admin", setting=True, whole=True),
    Entry("audit", Text("Audit log"), "audit_log", "/audit", "crm.admin", setting=True, whole=True),
    Entry("health", Text("Health"), "health", "/health", setting=True),
)
