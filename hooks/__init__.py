"""Host adapters: one module per school platform, found by the entry-point group ``crm_plugin.hosts``."""
