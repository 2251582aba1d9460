"""Host adapters: one module per school platform, found by the entry-point group ``crm_plugin.hosts``.

An adapter imports the contract (``crm_plugin.host``) and the settings, and no capability. Nothing imports an
adapter.
"""
